"""The same request when a thousand people are signed in, and when a million are; and what each of them takes.

Those that are there for the crowd have real rows and copies of real size in Redis, which nobody can use.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection
from redis import Redis

from accounts.logins import Login
from authdemo.lab import measure, million, variants, ways
from sessions_stateful import conf, copies
from sessions_stateful.models import Session

FEW, MANY = 1_000, 1_000_000
PIECE = 10_000
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Crowded:
    """One variant: µs added with few and with many signed in, and how many times as much that is."""

    name: str
    few: float
    many: float

    @property
    def ratio(self) -> float:
        """How many times as much."""
        return self.many / self.few


@dataclass(frozen=True, kw_only=True)
class Room:
    """Bytes for each Login, by where they are."""

    redis: float | None
    database: float | None


def compare(user: Any, *, rounds: int, few: int = FEW, many: int = MANY) -> tuple[list[Crowded], Room]:
    """Fill, measure, fill further, measure again."""
    # Leaves a session in Redis, after whose copy those of the crowd are made.
    _added(user, rounds=1)
    crowd(few)
    first = _added(user, rounds=rounds)
    crowd(many - few)
    second = _added(user, rounds=rounds)
    found = [Crowded(name=name, few=first[name], many=second[name]) for name in first]
    return found, _room()


def crowd(count: int) -> None:
    """So many live sessions more, each with its copy where there is Redis."""
    million.logins(count, flow="session", seen_ago=timedelta(), expires_in=DAY, idle_timeout=DAY)
    million.carriers()
    million.analyze()
    if settings.REDIS_URL:
        _copies(count)


def _copies(count: int) -> None:
    prefix = conf.current().redis_prefix
    with Redis.from_url(str(settings.REDIS_URL)) as client:
        example = next(
            value for name in client.scan_iter(f"{prefix}*") if len(value := client.get(name) or b"") > 200
        )
        for start in range(0, count, PIECE):
            with client.pipeline(transaction=False) as pipeline:
                for _number in range(min(PIECE, count - start)):
                    # As long as a real one, and as little to be compressed.
                    noise = os.urandom(16) + example[16:]
                    pipeline.set(f"{prefix}{{{uuid4().hex}{uuid4().hex[:11]}}}", noise, px=3_600_000)
                pipeline.execute()


def _added(user: Any, *, rounds: int) -> dict[str, float]:
    sessions = [
        one for one in variants.session_variants(user) if one.name in (variants.PLAIN, variants.SESSION)
    ]
    tokens = [one for one in variants.token_variants(user) if one.name in (ways.NOBODY, ways.BEFORE)]
    found = measure.measure([*sessions, *tokens], rounds=rounds)
    return {one.name: one.added for one in found if one.floor}


def _room() -> Room:
    redis = database = None
    if held := copies.here():
        with Redis.from_url(str(settings.REDIS_URL)) as client:
            names = list(client.scan_iter(f"{conf.current().redis_prefix}*", count=1000))[:1000]
            redis = sum(client.memory_usage(name) or 0 for name in names) / len(names)
        held.close()
    if connection.vendor == "postgresql":
        tables = (Login._meta.db_table, Session._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size(%s) + pg_total_relation_size(%s)", tables)
            database = cursor.fetchone()[0] / Login.objects.count()
    return Room(redis=redis, database=database)


def table(found: Sequence[Crowded], room: Room) -> str:
    """The result as a Markdown table, and the room in one line."""
    lines = ["| variant | added µs, 1,000 | added µs, 1,000,000 | times |", "|---|---:|---:|---:|"]
    lines += [f"| {one.name} | {one.few:.1f} | {one.many:.1f} | {one.ratio:.2f} |" for one in found]
    said = [
        f"{size:.0f} B in {where}"
        for where, size in (("Redis", room.redis), ("the database", room.database))
        if size
    ]
    return "\n".join(
        [*lines, "", f"Each Login takes {' and '.join(said)}, indexes included." if said else ""]
    )
