"""Every list of the console at a million Logins: what its pages cost the database, beside Django's own lists.

Both are asked as a browser would ask them, but for what is around every page: who asks, and what they may.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from accounts import paging
from accounts.models import Event, Login, User
from authdemo.lab import crowd
from authdemo.lab.questions import Case, cases
from authdemo.lab.tables import Table

ENOUGH_MS = 1_000


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A case, and by page (first, middle, last) milliseconds and statements; of Django's list, the same."""

    name: str
    ours: Mapping[str, tuple[float, int]]
    stock: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def milliseconds(self) -> float:
        """Of the slowest page of ours."""
        return max(each for each, _statements in self.ours.values())


class StockLogins(admin.ModelAdmin):  # type: ignore[type-arg]
    """The list of Logins as one writes it who does not think of a million."""

    list_display = ("user", "flow", "device", "address", "started_at", "seen_at", "expires_at", "end_reason")
    list_filter = ("flow", "end_reason", "user__is_staff", "started_at")
    list_select_related = ("user", "ended_by")
    list_per_page = paging.SIZE
    search_fields = ("user__email__istartswith", "id")


class StockPeople(admin.ModelAdmin):  # type: ignore[type-arg]
    """The list of people, as stock."""

    list_display = ("email", "is_active", "is_staff", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser")
    list_per_page = paging.SIZE
    search_fields = ("email__istartswith",)
    ordering = ("email",)


class StockEvents(admin.ModelAdmin):  # type: ignore[type-arg]
    """The list of events, as stock."""

    list_display = ("at", "name", "login_id", "user_uuid", "actor_uuid", "address", "device")
    list_filter = ("name",)
    list_per_page = paging.SIZE
    search_fields = ("name__istartswith", "login_id", "user_uuid")


STOCK: dict[Any, type[admin.ModelAdmin[Any]]] = {Login: StockLogins, User: StockPeople, Event: StockEvents}


def measure(
    user: Any, *, rounds: int, people: int = crowd.PEOPLE, logins: int = crowd.LOGINS
) -> list[Listed]:
    """Fill the database, and ask for every list: its first page, one from its middle and the last one."""
    crowd.fill(people=people, logins=logins)
    operator = User(pk=user.pk, email=user.email, is_staff=True, is_superuser=True, is_active=True)
    found = []
    for case in cases():
        ours = {page: _cost(_ours(case, page, operator), rounds) for page in ("first", "middle", "last")}
        stock = (
            {page: _cost(ask, 3) for page, ask in _stock(case, operator)} if case.stock is not None else {}
        )
        found.append(Listed(name=case.name, ours=ours, stock=stock))
    return found


def _asker(model_admin: Any, query: Mapping[str, str], operator: Any) -> Callable[[], Any]:
    def ask() -> Any:
        request = RequestFactory().get("/", query)
        request.user = operator
        answer = model_admin.changelist_view(request)
        if answer.status_code != 200:
            raise RuntimeError(f"{dict(query)} was answered with {answer.status_code}")
        # What the template goes through is asked of the database by then.
        list(answer.context_data["cl"].result_list)
        return answer

    return ask


def _ours(case: Case, page: str, operator: Any) -> Callable[[], Any]:
    place = {"first": "", "last": paging.LAST}.get(page) if page != "middle" else _middle(case)
    query = {**case.query, **({"p": place} if place else {})}
    return _asker(admin.site._registry[case.model], query, operator)


def _middle(case: Case) -> str:
    at: Any = "m" if case.model is User else timezone.now() - case.middle
    pk: Any = 10**6 if case.model is Event else UUID(int=2**127)
    return str(paging.Place(False, (at, pk)))


def _stock(case: Case, operator: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    stock = STOCK[case.model](case.model, admin.site)
    first = _asker(stock, case.stock or {}, operator)
    yield "first", first
    pages = first().context_data["cl"].paginator.num_pages
    for name, number in (("middle", pages // 2), ("last", pages)):
        if number > 1:
            yield name, _asker(stock, {**(case.stock or {}), "p": str(number)}, operator)


def _cost(ask: Callable[[], Any], rounds: int) -> tuple[float, int]:
    """Milliseconds in the database (the fastest time), and statements. What takes for ever is asked once."""
    costs: list[float] = []
    while len(costs) <= rounds and sum(costs) < ENOUGH_MS:
        with _timed() as statements:
            ask()
        costs.append(sum(statements) * 1e3)
    # The others tell what else the machine did meanwhile, and the first one that no cache held anything.
    return min(costs), len(statements)


@contextmanager
def _timed() -> Iterator[list[float]]:
    """How long each statement takes until all of its rows are there."""
    seconds: list[float] = []

    def run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if connection.vendor == "sqlite" and sql.startswith(("SELECT", "WITH")):
            # It works as rows are fetched, which nobody sees from here; so this is asked for them once more.
            cursor = connection.connection.cursor()
            began = time.perf_counter()
            cursor.execute(sql.replace("%s", "?").replace("%%", "%"), params or ()).fetchall()
            seconds.append(time.perf_counter() - began)
            return execute(sql, params, many, context)
        began = time.perf_counter()
        answer = execute(sql, params, many, context)
        seconds.append(time.perf_counter() - began)
        return answer

    with connection.execute_wrapper(run):
        yield seconds


def tables(found: Sequence[Listed]) -> list[Table]:
    """Milliseconds of SQL and statements of each."""
    rows, pages = [], ("first", "middle", "last")
    for one in found:
        mine = [f"{one.ours[page][0]:.1f}" for page in pages]
        theirs = [f"{one.stock[page][0]:,.0f}" if page in one.stock else "–" for page in pages]
        most = max(count for _ms, count in one.ours.values())
        stock = str(max(count for _ms, count in one.stock.values())) if one.stock else "–"
        rows.append([one.name, *mine, str(most), *theirs, stock])
    columns = ("list", *pages, "statements", "stock: first", "middle", "last", "statements")
    return [Table(title="The console at a million Logins, ms of SQL", columns=columns, rows=rows)]
