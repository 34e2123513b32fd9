"""Makes a crowd of people who are signed in, ours and Django's, and takes it away.

They have real rows, and copies of real size in Redis; nobody can use either.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from itertools import islice
from uuid import uuid4

from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.db import connection
from django.db.models import Model
from redis import Redis

from accounts.logins import Login
from authdemo.lab import million
from sessions_stateful import conf
from sessions_stateful.models import Session

PIECE = 10_000
# With what the names of its copies begin, which are as long as real ones.
CROWD = "crowd"
DAY = timedelta(days=1)
# What Django's login() puts into a session, which is compressed.
EXAMPLE = {SESSION_KEY: str(uuid4()), BACKEND_SESSION_KEY: "accounts.backends.ThrottledBackend"}
EXAMPLE[HASH_SESSION_KEY] = os.urandom(32).hex()


def sessions(count: int) -> None:
    """So many live sessions of ours more, each with its copy where there is Redis.

    One that is real must be in Redis: the copies are as long.
    """
    million.logins(count, flow="session", seen_ago=timedelta(), expires_in=DAY, idle_timeout=DAY)
    million.carriers()
    million.analyze()
    if settings.REDIS_URL:
        _copies(count)


def django_sessions(count: int) -> None:
    """So many rows more of Django's, as long as a real one; nothing where its app is not installed."""
    for model in _djangos():
        data = import_module("django.contrib.sessions.backends.db").SessionStore().encode(EXAMPLE)
        million.django_sessions(model, count, size=len(data), expires_in=DAY)


def _djangos() -> list[type[Model]]:
    is_here = apps.is_installed("django.contrib.sessions")
    return [import_module("django.contrib.sessions.models").Session] if is_here else []


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
                    pipeline.set(f"{prefix}{{{CROWD}{uuid4().hex}{uuid4().hex[:6]}}}", noise, px=3_600_000)
                pipeline.execute()


def redis_bytes() -> float | None:
    """Of a session's copy; None without Redis."""
    if not settings.REDIS_URL:
        return None
    with Redis.from_url(str(settings.REDIS_URL)) as client:
        names = list(islice(_names(client), 1000))
        return sum(client.memory_usage(name) or 0 for name in names) / len(names)


def database_bytes() -> int:
    """What sign-ins take, ours and Django's, with their indexes; of SQLite, all that there is."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT (page_count - freelist_count) * page_size "
                "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
            )
        else:
            models: list[type[Model]] = [Login, Session, *_djangos()]
            names = [model._meta.db_table for model in models]
            cursor.execute(
                "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) name", [names]
            )
        return int(cursor.fetchone()[0])


def _names(client: Redis) -> Iterator[bytes]:
    """The copies of the crowd; of others there may be some in the same Redis."""
    return client.scan_iter(f"{conf.current().redis_prefix}{{{CROWD}*", count=1000)


def disperse() -> None:
    """What comes after must not be measured in a crowd."""
    # By statements that the database executes alone: nothing else refers to these rows.
    Session.objects.filter(login__user__email=million.PERSON)._raw_delete(connection.alias)
    Login.objects.filter(user__email=million.PERSON)._raw_delete(connection.alias)
    get_user_model().objects.filter(email=million.PERSON)._raw_delete(connection.alias)
    for model in _djangos():
        model._base_manager.filter(session_key__startswith=million.NOBODYS).delete()
    if settings.REDIS_URL:
        with Redis.from_url(str(settings.REDIS_URL)) as client:
            names = _names(client)
            while piece := list(islice(names, PIECE)):
                client.unlink(*piece)
