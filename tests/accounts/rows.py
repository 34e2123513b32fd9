"""People and Logins by the row, for tests that look at what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import flows, logins, people, standing
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.reader import LedgerReader
from accounts.standing import Answer


def a_request(*, agent: str = "curl/8.5.0") -> Any:
    """A request from 203.0.113.9 with curl."""
    return RequestFactory().post("/login/", headers={"User-Agent": agent}, REMOTE_ADDR="203.0.113.9")


def a_person(email: str = "alice@example.com", **fields: Any) -> User:
    """Somebody, found or made; without a password, whose hash would cost 20 ms."""
    found: User = User.objects.filter(email=email).first() or User.objects.create_user(email, **fields)
    return found


def a_login(user: User | None = None, *, flow: str = "token", **fields: Any) -> Login:
    """A live Login of this person (Alice), written without the ceremony of a sign-in."""
    return some_logins(1, user, flow=flow, **fields)[0]


def some_logins(count: int, user: User | None = None, *, flow: str = "token", **fields: Any) -> list[Login]:
    """So many live Logins of one person (Alice)."""
    owner, now = user or a_person(), timezone.now()
    values = {
        "user": owner,
        "user_uuid": owner.pk,
        "flow": flow,
        "device": "curl",
        "address": "203.0.113.9",
        "started_at": now,
        "seen_at": now,
        "idle_timeout": timedelta(minutes=30),
        "expires_at": now + timedelta(hours=12),
        **fields,
    }
    return Login.objects.bulk_create([Login(**values) for _ in range(count)])


@contextmanager
def taken_back() -> Iterator[None]:
    """A transaction around somebody else's code that is rolled back in the end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def start(user: User, *, flow: str = "token") -> Login:
    """Start a Login for somebody whose credentials have been verified."""
    return logins.start(
        a_request(), user, flow=flow, idle_timeout=timedelta(minutes=30), absolute_timeout=timedelta(hours=12)
    )


def type_at(door: str, password: str, *, email: str = "alice@example.com") -> Any:
    """Post an address and a password to one of the four doors; errors come as answers."""
    typed = {"username" if "admin" in door else "email": email, "password": password}
    kind: Any = {"content_type": "application/json"} if "api" in door else {}
    return Client(raise_request_exception=False).post(door, typed, **kind)


WAYS = ("save", "partial", "asave", "update", "bulk_update")


def write(person: User, way: str, **change: Any) -> None:
    """Change a person in one of the ways in which Django's users do."""
    for name, value in change.items():
        setattr(person, name, value)
    if way == "save":
        person.save()
    elif way == "partial":
        person.save(update_fields=list(change))
    elif way == "asave":
        async_to_sync(person.asave)()
    elif way == "update":
        User.objects.filter(pk=person.pk).update(**change)
    else:
        User.objects.bulk_update([person], list(change))


def row(person: User) -> dict[str, Any]:
    """The person as the database has it."""
    return dict(User._base_manager.filter(pk=person.pk).values().get())


def carried(person: User) -> User:
    """The person as a flow carries them."""
    names = ("id", "version", *people.CARRIED)
    return User.from_carried({name: getattr(person, name) for name in names})


def check(login: Login, *, version: int = 1, budget: timedelta | None = None) -> Answer:
    """What a request would be told that carries this Login, with a copy of this version."""
    standing.freshen()
    return standing.check(login.pk, user=login.user_uuid, version=version, budget=budget)


def end(*some: Login) -> None:
    """End them here."""
    logins.end([login.pk for login in some], reason=EndReason.LOGOUT)


def asked(job: Callable[[], object]) -> int:
    """How often this makes a request ask the ledger."""
    before = standing.here().asked
    job()
    return standing.here().asked - before


def read(reader: LedgerReader) -> list[tuple[str, UUID, int]]:
    """What a read finds, with ids as they are written."""
    return [(kind, UUID(bytes=who), version) for kind, who, version in reader.read(horizon=flows.horizon())]


def ended(reader: LedgerReader) -> list[UUID]:
    """The ended Logins that a read finds."""
    return [who for kind, who, _version in read(reader) if kind == "login"]


def stamp(login: Login, at: datetime | Any) -> None:
    """Have a Login ended at this instant."""
    Login.objects.filter(pk=login.pk).update(ended_at=at, changed_at=at)


on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="what SQLite alone has")
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="what PostgreSQL alone has")
