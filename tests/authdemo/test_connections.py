"""Connections to the stores: their limits are the server's to keep, and a restarted server costs nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import CacheHandler
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler
from redis.exceptions import RedisError

from authdemo import env
from tests.proxy import Proxy
from tests.servers import PostgresServer, RedisServer


@contextmanager
def reached(url: str) -> Iterator[BaseDatabaseWrapper]:
    """A connection as DATABASE_URL describes it."""
    # Django keeps one pool for each alias, and that of `default` is the run's.
    setting = env.database(url)
    connection = ConnectionHandler({"default": setting, "own": setting})["own"]
    try:
        yield connection
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


def told(connection: Any, statement: str) -> list[Any]:
    """The first row of the answer."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchone())


def limits(connection: Any) -> list[str]:
    """How long statements, locks and idle transactions may take on it."""
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    return [told(connection, f"SHOW {name}")[0] for name in names]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["30s", "5s", "30s"]),
        ("&statement_timeout=0", ["0", "5s", "30s"]),
        ("&options=-c%20lock_timeout=1s", ["0", "1s", "0"]),
        ("&pooler=transaction", ["0", "0", "0"]),
    ],
)
def test_postgresql_limits_what_a_request_may_hold_up(
    postgres_server: PostgresServer, more: str, expected: list[str]
) -> None:
    with reached(postgres_server.url("postgres") + more) as connection:
        assert limits(connection) == expected


def test_a_statement_beyond_its_limit_is_ended_by_the_server(postgres_server: PostgresServer) -> None:
    with (
        reached(postgres_server.url("postgres") + "&statement_timeout=1") as connection,
        pytest.raises(OperationalError, match="statement timeout"),
    ):
        told(connection, "SELECT pg_sleep(60)")


def test_a_restarted_postgresql_costs_no_request(postgres_server: PostgresServer) -> None:
    with reached(postgres_server.url("postgres")) as connection:
        assert told(connection, "SELECT 1") == [1]
        connection.close()  # as at the end of a request
        postgres_server.restart()

        assert told(connection, "SELECT 2") == [2]


def test_a_restarted_redis_costs_no_request(redis_server: RedisServer) -> None:
    cache = CacheHandler(env.cache(redis_server.url()))["default"]
    cache.set("key", "value")

    redis_server.restart()

    assert cache.get("key") is None


def test_a_redis_that_is_away_is_tried_once(redis_server: RedisServer) -> None:
    with Proxy(redis_server.port) as proxy:
        proxy.refuses()
        cache = CacheHandler(env.cache(f"redis://127.0.0.1:{proxy.port}/0"))["default"]

        with pytest.raises((RedisError, OSError)):
            cache.get("key")

        assert proxy.taken == 1
