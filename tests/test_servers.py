"""The servers of the tests really start, stop, and keep or lose their data: other tests build on that."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from tests import programs, servers, web
from tests.programs import MissingService
from tests.servers import PostgresServer, RedisServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


def test_redis_loses_its_data_when_stopped(redis_server: RedisServer) -> None:
    redis_server.client().set("colour", "blue")

    redis_server.restart()

    assert redis_server.client().get("colour") is None


def test_redis_keeps_its_data_when_told_to(redis_server: RedisServer) -> None:
    redis_server.client().set("colour", "blue")

    redis_server.stop(keep=True)
    redis_server.start()

    assert redis_server.client().get("colour") == b"blue"


def test_redis_that_was_killed_has_lost_even_what_an_earlier_stop_kept(redis_server: RedisServer) -> None:
    redis_server.client().set("colour", "blue")
    redis_server.stop(keep=True)
    redis_server.start()

    redis_server.kill()
    redis_server.start()

    assert redis_server.client().get("colour") is None


def test_redis_is_emptied_one_database_at_a_time(redis_server: RedisServer) -> None:
    redis_server.client(0).set("colour", "blue")
    redis_server.client(1).set("colour", "red")

    redis_server.empty()

    assert redis_server.client(0).get("colour") is None
    assert redis_server.client(1).get("colour") == b"red"


def test_a_stopped_redis_refuses_connections_and_stopping_it_again_is_fine(redis_server: RedisServer) -> None:
    redis_server.stop()
    redis_server.stop()

    with pytest.raises(redis.ConnectionError):
        redis_server.client().ping()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgresql_keeps_what_was_committed(postgres_server: PostgresServer, end: str) -> None:
    url = postgres_server.create("ledger")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE colour AS SELECT 'blue' AS name")

    getattr(postgres_server, end)()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgres_server.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM colour").fetchall() == [("blue",)]


def test_postgresql_copies_and_empties_a_database(postgres_server: PostgresServer) -> None:
    url = postgres_server.create("ledger")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE colour ()")

    copy = postgres_server.create("copy", template="ledger")
    postgres_server.empty("ledger")

    assert _tables(copy) == ["colour"]
    assert _tables(url) == []


def test_a_server_that_cannot_start_says_why(redis_server: RedisServer) -> None:
    second = RedisServer(redis_server.directory / "second")
    second.port = redis_server.port

    with pytest.raises(RuntimeError, match="Address already in use"), second:
        pass


def test_another_redis_on_the_port_does_not_pass_for_this_one(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    late = RedisServer(tmp_path)
    late.port = redis_server.port
    late.process = subprocess.Popen(["/bin/sleep", "60"])

    assert redis_server.answers()
    assert not late.answers()

    late.kill()


def test_no_server_outlives_its_starter(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys; from tests.servers import RedisServer\n"
        "server = RedisServer(pathlib.Path(sys.argv[1])); server.start()\n"
        "print(server.port, flush=True); os.kill(os.getpid(), 9)"
    )

    starter = subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=web.PROJECT, stdout=subprocess.PIPE, check=False
    )

    assert starter.returncode == -signal.SIGKILL
    servers.wait_until(lambda: not _listens(int(starter.stdout)), what="the orphan ends")


def test_a_program_that_is_not_there_is_a_missing_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    for place in ("SITE_PACKAGES", "ENVIRONMENT", "DEBIAN_POSTGRESQL"):
        monkeypatch.setattr(programs, place, tmp_path)

    for find in (lambda: RedisServer(tmp_path), lambda: PostgresServer(tmp_path), programs.chromium):
        with pytest.raises(MissingService):
            find()


def _tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [name for (name,) in rows]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
