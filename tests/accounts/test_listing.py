"""What a page of a list reads, counted by the databases themselves: no more than agreed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from accounts import listing, paging
from accounts.events import Event
from accounts.logins import Login
from accounts.models import User
from accounts.paging import Walk
from accounts.search import Search
from authdemo.lab import crowd

LOOK, GLANCE, MOST, ROWS = 100, 60, 200, 8_000
# Of a page: what is looked at twice (a glance, all of it), where that ended, and what was counted.
MOST_ROWS = 2 * MOST + 3 * LOOK
# What the machine of SQLite needs for these; from end to end each row costs it three steps at least.
MOST_STEPS = 25_000

SEARCHES: list[dict[str, str]] = [
    {}, {"state": "live"}, {"state": "expired"}, {"state": "ended"}, {"flow": "token"},
    {"reason": "logout"}, {"reason": "refresh_reused"}, {"reason": "over_limit"},
    {"idle": "1d"}, {"idle": "60d"}, {"since": "1d"}, {"before": "80d"}, {"staff": "yes"}, {"staff": "no"},
    {"email": "zoe"}, {"email": "zoe.1@"}, {"email": "z"}, {"email": "nobody"},
    {"address": crowd.OFFICE}, {"address": crowd.STRANGER}, {"address": "10.0.0.0/8"},
    {"address": "10.1.0.0/16"}, {"address": "192.0.2.0/24"}, {"address": "::/0"},
    {"state": "live", "flow": "token"}, {"state": "ended", "since": "2d"},
    {"state": "live", "before": "20d"}, {"state": "live", "reason": "logout"},
    {"reason": "logout", "flow": "token", "before": "80d"}, {"address": crowd.OFFICE, "reason": "replaced"},
    {"state": "live", "idle": "3d", "staff": "no"},
    {"email": "a", "address": "10.0.0.0/8", "state": "live"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (paging, listing):
        monkeypatch.setattr(module, "FEW", LOOK)
    monkeypatch.setattr(paging, "LOOK", LOOK)
    monkeypatch.setattr(paging, "COUNTED", LOOK)
    monkeypatch.setattr(paging, "GLANCE", GLANCE)
    monkeypatch.setattr(paging, "MOST", MOST)


def _scanned(plan: dict[str, Any]) -> float:
    """The rows that the scans of a plan of PostgreSQL's have met, wanted or not."""
    removed = sum(count for name, count in plan.items() if name.startswith("Rows Removed"))
    mine = plan["Actual Loops"] * (plan["Actual Rows"] + removed) if "Relation Name" in plan else 0
    return float(mine + sum(_scanned(each) for each in plan.get("Plans", ())))


@contextmanager
def counted() -> Iterator[list[float]]:
    """What the statements meanwhile cost: rows that were met, on SQLite steps of its machine."""
    costs: list[float] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("EXPLAIN"):
            return execute(sql, params, many, context)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            found = cursor.fetchone()[0]
        costs.append(_scanned((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))
        return execute(sql, params, many, context)

    def step() -> None:
        costs.append(1_000)

    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(step, 1_000)
        yield costs
        connection.connection.set_progress_handler(None, 0)
        return
    with connection.cursor() as cursor:
        # So small a table it would rather read from end to end.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_bitmapscan = off")
    with connection.execute_wrapper(explain):
        yield costs
    with connection.cursor() as cursor:
        cursor.execute("RESET ALL")


def cost(walk: Callable[[], Walk], place: str) -> float:
    """What a page costs, the look for its index included."""
    with counted() as costs:
        found = walk()
        found.page(found.place(place), rows=found.model._base_manager.all(), size=20)
    return sum(costs)


@pytest.fixture
def crowded() -> None:
    """A hundred people, and their Logins of three months."""
    crowd.fill(people=100, logins=ROWS)


@pytest.mark.slow
@pytest.mark.usefixtures("crowded")
def test_no_page_of_any_list_reads_more_than_agreed() -> None:
    most = MOST_STEPS if connection.vendor == "sqlite" else MOST_ROWS
    walks: dict[str, Callable[[], Walk]] = {}
    for values in SEARCHES:
        search = Search.read(values)
        for by in listing.sorts(search):
            for down in (True, False):
                walks[f"{values} {by} {down}"] = lambda s=search, b=by, d=down: listing.walk(  # type: ignore[misc]
                    s, by=b, is_descending=d
                )
    for text, flags in (("", {}), ("z", {}), ("", {"is_staff": True}), ("a", {"is_active": True})):
        walks[f"people {text} {flags}"] = lambda t=text, f=flags: listing.people(t, f)  # type: ignore[misc]
    somebody = str(User.objects.earliest("email_key").pk)
    for text, name in (("", None), ("", "login_ended"), ("authn", None), (somebody, None)):
        walks[f"events {text} {name}"] = lambda t=text, n=name: listing.events(t, n)  # type: ignore[misc]

    costs = {
        f"{name} {place}": cost(walk, place) for name, walk in walks.items() for place in ("first", "last")
    }

    assert {name: each for name, each in costs.items() if each > most} == {}
    assert max(costs.values()) > most / 20, "the cost is not counted"


@pytest.mark.slow
@pytest.mark.usefixtures("crowded")
def test_what_reads_a_whole_table_would_be_noticed() -> None:
    with counted() as costs:
        assert Login.objects.filter(device="nothing").count() == 0
        assert Event.objects.filter(device="nothing").count() == 0

    assert sum(costs) > (MOST_STEPS if connection.vendor == "sqlite" else MOST_ROWS)
