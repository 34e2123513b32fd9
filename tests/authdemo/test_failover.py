"""A Redis master is failed over while two busy processes serve: nobody is logged out, nothing comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts import conf, logins, stream
from accounts.logins import EndReason, Login
from accounts.testing import alice
from sessions_stateful import conf as sessions_conf
from sessions_stateful import copies
from tests.accounts.another import database_url
from tests.authdemo.counters import Counters
from tests.authdemo.load import BUDGET_SECONDS
from tests.fleets import Watched, freeze, thaw
from tests.servers import wait_until
from tests.web import WebServer

pytestmark = [pytest.mark.slow, pytest.mark.redis]

# So many that most of those which are changed in one second are not changed again in the next.
KEPT, ENDING = 400, 100


class Counted:
    """The site, its sessions, and who comes."""

    def __init__(self, server: WebServer, watched: Watched) -> None:
        self.server, self.watched = server, watched
        person, browsers = alice(), [Client() for _one in range(KEPT + ENDING)]
        for browser in browsers:
            browser.force_login(person)
        keys = [browser.cookies["sid"].value for browser in browsers]
        self._logins = list(Login.objects.order_by("started_at").values_list("pk", flat=True))
        self.counters = Counters(server.origin, keys=keys, kept=KEPT)
        self.begun_at: dict[int, float] = {}
        self.ended_at: dict[int, float] = {}

    def end(self, seconds: float) -> None:
        """End one Login after the other for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            number = KEPT + len(self.ended_at)
            if number < KEPT + ENDING:
                self.begun_at[number] = time.time()
                logins.end([self._logins[number]], reason=EndReason.REVOKED_BY_OPERATOR)
                self.ended_at[number] = time.time()
            time.sleep(0.1)

    def lost_with_the_master(self) -> int:
        """How many sessions stand otherwise in the replica."""
        with self.watched.master.client() as near, self.watched.replica.client() as far:
            return sum(near.get(name) != far.get(name) for name in near.keys("authdemo:s:*"))

    def judge(self) -> None:
        """Nobody was logged out, no ended session was accepted, and no change was undone."""
        answers, never = self.counters.answers, float("inf")
        late = [
            one for one in answers if one.status == 200 and one.sent_at > self._end(one.token, BUDGET_SECONDS)
        ]
        early = [
            one
            for one in answers
            if one.status != 200 and one.answered_at < self.begun_at.get(one.token, never)
        ]
        after = [self.counters.look(session) for session in range(KEPT + ENDING)]

        assert ({one.status for one in answers}, late, early) == ({200, 401}, [], [])
        assert self.counters.faults == []
        assert {after[number][0] for number in self.ended_at} == {401}
        for (session, name), value in self.counters.saved.items():
            assert after[session] == (200, after[session][1])
            assert after[session][1][name] == value
        assert "Internal Server Error" not in self.server.logged()

    def _end(self, number: int, more: float) -> float:
        return self.ended_at.get(number, float("inf")) + more


@pytest.fixture
def counted(
    watched: Watched, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Counted]:
    """The site on the test's database, with its Redis behind Sentinels."""
    url = watched.url()
    settings.ACCOUNTS = replace(conf.current(), feed_url=url)
    settings.SESSIONS_STATEFUL = replace(sessions_conf.current(), redis_url=url)
    monkeypatch.setattr(stream, "_quiet_until", 0.0)
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.authdemo.counting_settings",
        "DATABASE_URL": database_url(str(connection.settings_dict["NAME"])),
        "REDIS_URL": url,
        "SECRET_KEY": settings.SECRET_KEY,
        "PUBLIC_ORIGIN": settings.PUBLIC_ORIGIN,
    }
    with WebServer(tmp_path / "web", variables=variables, workers=2) as server:
        yield Counted(server, watched)
    if held := copies.here():
        held.close()


def demand_replicas(watched: Watched) -> None:
    """As docs/operations.md asks for."""
    for server in (watched.master, watched.replica):
        with server.client() as client:
            client.config_set("min-replicas-to-write", 1)


def killed(counted: Counted) -> None:
    """The replica was cut off from it before: its last writes are lost."""
    watched = counted.watched
    watched.cut_replica_off()
    counted.end(1.5)
    assert counted.lost_with_the_master() > 0
    watched.master.kill()
    counted.end(0.5)
    watched.await_failover()
    counted.end(2)
    watched.master.start()
    counted.end(1)


def frozen(counted: Counted) -> None:
    """It comes back as it was, and takes itself for the master."""
    watched = counted.watched
    demand_replicas(watched)
    freeze(watched.master)
    counted.end(1)
    watched.await_failover()
    counted.end(1.5)
    thaw(watched.master)
    counted.end(2)


def asked_for(counted: Counted) -> None:
    """Both are there all the time; for seconds both take themselves for the master."""
    watched = counted.watched
    demand_replicas(watched)
    watched.fail_over()
    counted.end(2)
    watched.await_failover()
    wait_until(lambda: watched.role(watched.master) == "slave", what="it is a replica now", seconds=30)
    counted.end(2)


@pytest.mark.parametrize("befall", [killed, frozen, asked_for])
def test_a_master_is_failed_over_and_nobody_notices(
    counted: Counted, befall: Callable[[Counted], None]
) -> None:
    for session in range(KEPT + ENDING):
        counted.counters.look(session)
    with counted.counters.busy():
        counted.end(1.5)
        befall(counted)

    with counted.watched.replica.client() as client:
        asked: Any = client.info("commandstats").get("cmdstat_evalsha")
    told = counted.counters
    print(f"\n{len(told.answers)} requests, {sum(told.saved.values())} changes, {len(counted.ended_at)} ends")  # noqa: T201 - figures to read
    assert asked
    assert asked["calls"] > 20  # it is the master that was asked, at the end
    counted.judge()
