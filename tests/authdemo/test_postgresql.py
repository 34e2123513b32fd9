"""A database that is away is tried by one request a second; one that was restarted costs nobody a refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg_pool import ConnectionPool, PoolTimeout

from authdemo.postgresql import base
from authdemo.postgresql.base import Connection, Door
from tests.accounts.rows import on_postgresql
from tests.proxy import Proxy
from tests.servers import wait_until
from tests.stores import Stores

Pool = ConnectionPool[Any]


@pytest.fixture
def way(stores: Stores) -> Iterator[Proxy]:
    assert stores.postgres
    with Proxy(stores.postgres.directory / ".s.PGSQL.5432") as proxy:
        yield proxy


@pytest.fixture
def pool(way: Proxy) -> Iterator[Pool]:
    """Four connections that nobody uses just now."""
    conninfo = f"host=127.0.0.1 port={way.port} user=postgres dbname=postgres"
    made: Pool = ConnectionPool(
        conninfo,
        min_size=4,
        open=True,
        timeout=2,
        reconnect_timeout=1,
        connection_class=Connection,
        check=ConnectionPool.check_connection,
        kwargs={"autocommit": True, "connect_timeout": 3},
    )
    made.wait()
    yield made
    way.passes()
    made.close()


def ask(pool: Pool) -> Any:
    with pool.connection() as lent:
        return lent.execute("SELECT 1").fetchone()


@on_postgresql
def test_connections_that_died_together_cost_one_try(way: Proxy, pool: Pool) -> None:
    """As after a restart: psycopg's pool alone tries each, with pauses of a second and more between them."""
    way.cut()

    assert ask(pool) == (1,)


@on_postgresql
@pytest.mark.slow
def test_a_server_that_says_nothing_is_given_up_and_asked_again_when_it_speaks(
    way: Proxy, pool: Pool
) -> None:
    way.holds()
    began = time.monotonic()

    with pytest.raises(PoolTimeout):
        ask(pool)

    assert time.monotonic() - began < 20
    way.passes()
    wait_until(lambda: _answered(pool), what="answered", seconds=20)


def _answered(pool: Pool) -> bool:
    try:
        return bool(ask(pool) == (1,))
    except psycopg.OperationalError:
        return False


@on_postgresql
def test_a_statement_of_nothing_is_one_all_the_same(pool: Pool) -> None:
    with pool.connection() as lent:
        assert lent.execute("").description is None
        assert lent.execute("SELECT 2").fetchone() == (2,)


def test_while_it_is_away_one_tries_and_the_others_are_told_at_once() -> None:
    door = Door()
    for _healthy in range(3):
        door.enter()

    door.found(away=True)
    for _other in range(3):
        with pytest.raises(psycopg.OperationalError):
            door.enter()
    door._closed_until = 0.0
    door.enter()
    with pytest.raises(psycopg.OperationalError):
        door.enter()
    door.found(away=False)

    for _healthy in range(3):
        door.enter()


@on_postgresql
def test_a_closed_door_is_an_error_of_the_database_to_django(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    door.found(away=True)
    connection.close()
    monkeypatch.setattr(base, "_doors", {"default": door})

    with pytest.raises(OperationalError), connection.cursor():
        pass


@on_postgresql
@pytest.mark.slow
def test_a_pool_that_has_lent_all_it_has_closes_no_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is busy, and the server is well."""
    door = Door()
    monkeypatch.setattr(base, "_doors", {"default": door})
    full = connection.pool  # type: ignore[attr-defined]
    connection.close()

    with ExitStack() as stack:
        for _one in range(full.max_size):
            stack.enter_context(full.connection())
        with pytest.raises(OperationalError), connection.cursor():
            pass

    assert not door.is_away
