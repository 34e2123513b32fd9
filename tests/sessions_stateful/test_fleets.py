"""Sessions with copies in a Redis Cluster, and behind Sentinels: the same costs and the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.testing import PASSWORD, alice
from sessions_stateful import conf, copies, durable, fast, keys
from sessions_stateful.models import Session
from tests.fleets import Cluster, Fleet, Watched, freeze, thaw
from tests.servers import wait_until
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.copied import Copied, warm
from tests.sessions_stateful.third_party import async_visit, beside, key, put, statements, tab, visit, who

pytestmark = [pytest.mark.redis, pytest.mark.urls("tests.sessions_stateful.third_party")]

ALICE = "alice@example.com"


@pytest.fixture
def at_cluster(cluster: Cluster, settings: Any) -> Iterator[Cluster]:
    """Sessions have their copies in a Cluster."""
    yield from _at(cluster, settings)


@pytest.fixture
def at_sentinels(watched: Watched, settings: Any) -> Iterator[Watched]:
    """Sessions have their copies in what Sentinels watch."""
    yield from _at(watched, settings)


def _at(fleet: Any, settings: Any) -> Iterator[Any]:
    settings.SESSIONS_STATEFUL = replace(conf.current(), redis_url=fleet.url())
    yield fleet
    if held := copies.here():
        held.close()


def signed_in(count: int = 1) -> list[Client]:
    person, browsers = alice(), [Client() for _one in range(count)]
    for browser in browsers:
        browser.force_login(person)
        warm(browser)
    return browsers


def colour(browser: Client) -> str:
    return visit(tab(browser), lambda request: request.session.get("colour")).content.decode()  # type: ignore[no-any-return]


def held_by(fleet: Fleet) -> list[int]:
    """How many sessions each server has."""
    counts = []
    for server in fleet.servers:
        with server.client() as client:
            counts.append(len(client.keys(f"{conf.current().redis_prefix}*")))
    return counts


def lives(fleet: Fleet) -> None:
    """Somebody signs in, is known, changes something, gets a new key and is signed out."""
    alice()
    browser = Client()
    browser.post("/login/", {"email": ALICE, "password": PASSWORD})
    warm(browser)
    with statements(0):
        assert who(browser) == ALICE
    put(browser, colour="red")
    old = tab(browser)
    visit(browser, lambda request: request.session.cycle_key())
    warm(browser)
    with statements(0):
        assert colour(browser) == "red"
    assert who(old) is None
    logins.end(list(Login.objects.values_list("pk", flat=True)), reason=EndReason.REVOKED_BY_OPERATOR)
    assert who(browser) is None


def test_a_session_lives_in_a_cluster(at_cluster: Cluster) -> None:
    lives(at_cluster)


def test_a_session_lives_behind_sentinels(at_sentinels: Watched) -> None:
    lives(at_sentinels)


def test_sessions_are_spread_over_the_nodes_and_all_are_renewed(at_cluster: Cluster) -> None:
    """Three minutes old, renewed, and three minutes later they vouch without a statement."""
    before, began = held_by(at_cluster), timezone.now()
    browsers = signed_in(12)
    spread = [now - then for now, then in zip(held_by(at_cluster), before, strict=True)]

    with time_machine.travel(began + timedelta(minutes=3), tick=True):
        fast.renew(list(Login.objects.values_list("pk", flat=True)))

    assert sum(spread) == 12
    assert min(spread) > 0
    with time_machine.travel(began + timedelta(minutes=6), tick=True), statements(0):
        assert [who(browser) for browser in browsers] == [ALICE] * 12


def test_an_async_request_finds_its_node(at_cluster: Cluster) -> None:
    browsers = signed_in(6)

    async def look(request: Any) -> Any:
        return (await request.auser()).email

    for browser in browsers:
        visitor = AsyncClient()
        visitor.cookies = browser.cookies
        async_visit(visitor, look)
        with statements(0):
            assert async_visit(visitor, look).content.decode() == ALICE


def test_a_slot_that_is_moved_costs_its_sessions_a_statement(at_cluster: Cluster) -> None:
    """Its new node did not get the copy from us; whoever is signed in notices nothing."""
    (browser,) = signed_in()
    put(browser, colour="red")
    name = f"{conf.current().redis_prefix}{{{Session.objects.get().key_hash}}}"

    at_cluster.move(name, to=at_cluster.another(name))

    with statements(1):
        assert colour(browser) == "red"
    with statements(0):
        assert colour(browser) == "red"


@pytest.mark.slow
def test_a_node_that_is_away_costs_its_own_sessions_a_statement(at_cluster: Cluster, noted: Noted) -> None:
    """The others cost none, and what is changed meanwhile stays."""
    browsers = {keys.hashed(key(browser)): browser for browser in signed_in(12)}
    prefix, gone = conf.current().redis_prefix, at_cluster.servers[1]
    lost = {name for name in browsers if at_cluster.holder(f"{prefix}{{{name}}}") is gone}
    gone.stop(keep=True)

    for name, browser in browsers.items():
        with statements(1 if name in lost else 0):
            assert who(browser) == ALICE
        put(browser, colour="red")
    gone.start()
    wait_until(at_cluster.is_whole, what="it is back")

    assert 0 < len(lost) < 12
    assert {colour(browser) for browser in browsers.values()} == {"red"}
    assert noted.names.count("session_copies_away") == 1


@pytest.mark.slow
def test_a_former_master_that_demands_replicas_shows_nobody_the_past(
    at_sentinels: Watched, settings: Any
) -> None:
    """A process that has asked nothing meanwhile still has a connection to it."""
    (browser,) = signed_in()
    idle, busy = conf.current(), replace(conf.current(), redis_url=f"{at_sentinels.url()}?db=0")
    with at_sentinels.master.client() as client:
        client.config_set("min-replicas-to-write", 1)
    freeze(at_sentinels.master)
    at_sentinels.await_failover()

    settings.SESSIONS_STATEFUL = busy
    put(browser, colour="red")
    settings.SESSIONS_STATEFUL = idle
    thaw(at_sentinels.master)
    with at_sentinels.master.client() as client:
        wait_until(lambda: client.info("replication")["connected_slaves"] == 0, what="it is alone")
        role = client.info("replication")["role"]

    with statements(0):
        assert (role, colour(browser)) == ("master", "red")


def lose_master(copied: Copied) -> None:
    """Another server process is there in its place, and this process has met it."""
    copied.server.restart()
    held = copies.here()
    assert held
    assert held.load("nobody").copy is None


def test_a_copy_that_comes_late_to_a_new_master_undoes_nothing(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is committed, not yet put; another one is, and is lost with the master; the first is put."""
    (browser,) = signed_in()
    update = durable.update

    def save(held: Any) -> Any:
        def slow(*args: Any) -> bool:
            monkeypatch.undo()
            written = update(*args)
            held.wait()
            return written

        monkeypatch.setattr(durable, "update", slow)
        return put(tab(browser), size=3)

    with beside(save):
        put(tab(browser), colour="red")
        lose_master(copied)

    assert colour(browser) == "red"


def test_a_copy_that_is_renewed_at_a_new_master_undoes_nothing(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is read, then changed; the master that knows of it is lost, and the next has an old copy."""
    (browser,) = signed_in()
    old, load_of = copied.raw(browser) or b"", durable.load_of

    def slow(login_ids: Any) -> Any:
        rows = list(load_of(login_ids))
        put(tab(browser), colour="red")
        lose_master(copied)
        copied.put_raw(copied.name(browser), old)
        return rows

    monkeypatch.setattr(durable, "load_of", slow)
    fast.renew(list(Login.objects.values_list("pk", flat=True)))

    assert copied.raw(browser) not in (None, old)
    assert colour(browser) == "red"
