"""What an orchestrator is told, in time, also by servers that never answer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.urls import path

from accounts import standing
from accounts.conf import Accounts
from authdemo import health
from tests.servers import RedisServer, free_port, wait_until

pytestmark = pytest.mark.urls(__name__)

urlpatterns = [path("healthz", health.alive), path("readyz", health.ready)]


class Silent:
    """A server that takes connections and says nothing of its own accord."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.url = f"redis://:secret@127.0.0.1:{listening.getsockname()[1]}"

    def connections(self) -> int:
        """How many have come since the last time this was asked."""
        self.listening.setblocking(False)
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.listening.accept()[0].close()
                taken += 1
        return taken

    def babble(self, over: threading.Event) -> None:
        """Send what never becomes an answer, often enough that no time-out of the socket ends it."""
        with self.listening.accept()[0] as connection, contextlib.suppress(OSError):
            for _ in range(25):
                if not over.wait(0.2):
                    connection.sendall(b"+")


@pytest.fixture
def silent() -> Iterator[Silent]:
    """A Redis that will not answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Silent(listening)


@pytest.fixture
def babbling(silent: Silent) -> Iterator[Silent]:
    """A Redis that answers for ever."""
    over = threading.Event()
    babbler = threading.Thread(target=silent.babble, args=(over,))
    babbler.start()
    yield silent
    over.set()
    babbler.join()


def test_alive_needs_nothing(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")


@override_settings(REDIS_URL=None)
def test_ready_without_redis(client: Client) -> None:
    answer = client.get("/readyz")

    found = answer.json()
    assert answer.status_code == 200
    assert 0 <= found.pop("standing_age_seconds") < 5
    assert found.pop("feed_followed") in (None, True, False)
    assert found == {"ready": True, "database": True, "redis": None, "ledger_asked": 0}


def test_ready_with_redis(client: Client, redis_server: RedisServer) -> None:
    with override_settings(REDIS_URL=redis_server.url()):
        answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["redis"] is True


def test_a_redis_that_is_away_is_told_and_no_reason_to_stop_serving(client: Client) -> None:
    with override_settings(REDIS_URL=f"redis://127.0.0.1:{free_port()}"):
        answer = client.get("/readyz")

    found = answer.json()
    assert answer.status_code == 200
    assert (found["ready"], found["database"], found["redis"]) == (True, True, False)


def test_a_server_that_never_comes_to_an_end_is_waited_for_a_second(client: Client, babbling: Silent) -> None:
    began = time.monotonic()

    with override_settings(REDIS_URL=babbling.url):
        answer = client.get("/readyz")

    assert answer.json()["redis"] is False
    assert time.monotonic() - began < 2
    assert "secret" not in answer.text


def test_many_probes_of_a_silent_server_ask_it_once(silent: Silent) -> None:
    with override_settings(REDIS_URL=silent.url):
        probes = [threading.Thread(target=Client().get, args=("/readyz",)) for _ in range(8)]
        for probe in probes:
            probe.start()
        for probe in probes:
            probe.join()
    wait_until(
        lambda: not any("readyz" in thread.name for thread in threading.enumerate()), what="questions end"
    )

    assert silent.connections() == 1


def test_not_ready_while_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    standing.age()  # has a connection of its own, which outlives this
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/at/all.sqlite3")
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere/at/all")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"] is False
    assert "nowhere" not in answer.text


def test_not_ready_while_nobody_can_vouch(client: Client) -> None:
    with override_settings(ACCOUNTS=Accounts(standing_budget=timedelta(seconds=-1))):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"] is True


@pytest.mark.parametrize("where", ["/healthz", "/readyz"])
def test_probes_only_ask(client: Client, where: str) -> None:
    assert client.post(where).status_code == 405


def test_answers_are_not_stored(client: Client) -> None:
    assert "no-store" in client.get("/healthz")["Cache-Control"]
