"""What a process says of itself: only what it knew at the time that it names, and only so much."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
import redis

from accounts import conf, statements, stream
from accounts.statements import Moment, Part
from accounts.witness import MOST_RECEIPTS, Witness
from tests.accounts.entries import KEY as FEED
from tests.fleets import Cluster, Watched
from tests.proxy import Proxy
from tests.servers import RedisServer

pytestmark = [pytest.mark.nodb, pytest.mark.redis]
KEY = bytes(16)
PROCESSES = statements.name_of_processes(FEED)
NAME = statements.name_of_receipt(FEED, KEY)


def now(mine: Witness) -> Moment:
    return stream.nodes(mine._url).at(FEED, statements.now)[0]


def say(mine: Witness) -> None:
    mine._said(mine._say)


def said(server: RedisServer, mine: Witness) -> tuple[int, ...] | None:
    """How many it has acknowledged, and after which time, in microseconds."""
    with server.client() as client:
        word = statements.unseal(NAME, mine._field, client.hget(NAME, mine._field))
    return statements.TAKEN.unpack(word) if word else None


@pytest.fixture
def mine(redis_server: RedisServer) -> Witness:
    """A witness without a thread."""
    return Witness(redis_server.url())


def test_what_comes_while_redis_tells_the_time_is_said_with_the_next(
    mine: Witness, redis_server: RedisServer, gate: Any, aside: Callable[[Callable[[], None]], Future[None]]
) -> None:
    """Else it would have been known before it was."""
    held = gate(statements, "now", after=True)
    saying = aside(lambda: say(mine))
    held.await_somebody()
    mine.took_in(Part(KEY, 0, now(mine)), count=1)
    held.open()
    saying.result(10)

    before = said(redis_server, mine)
    say(mine)

    assert before is None
    assert said(redis_server, mine) > (1, 0)  # type: ignore[operator]


def test_an_entry_that_comes_twice_counts_once(mine: Witness, redis_server: RedisServer) -> None:
    at = now(mine)
    for number in (0, 1, 0, 1, 1):
        mine.took_in(Part(KEY, number, at), count=10)

    say(mine)

    assert (said(redis_server, mine) or [0])[0] == 20


def test_the_time_of_the_slowest_stays(mine: Witness, redis_server: RedisServer) -> None:
    at = now(mine)
    mine.took_in(Part(KEY, 0, at._replace(micros=at.micros - 5_000_000)), count=1)
    say(mine)
    mine.took_in(Part(KEY, 1, now(mine)), count=1)
    say(mine)

    known = said(redis_server, mine)
    assert known
    assert 5_000_000 <= known[1] < 10_000_000


def test_what_another_server_has_timed_has_no_figure(mine: Witness, redis_server: RedisServer) -> None:
    mine.took_in(Part(KEY, 0, Moment(b"x" * 16, 0)), count=1)

    say(mine)

    assert said(redis_server, mine) == (1, statements.UNTIMED)


def test_what_could_not_be_said_is_said_later(redis_server: RedisServer, proxy: Proxy) -> None:
    mine = Witness(f"redis://127.0.0.1:{proxy.port}/0")
    at = now(mine)
    mine.took_in(Part(KEY, 0, at._replace(micros=at.micros - 1_000_000)), count=7)
    proxy.refuses()
    with pytest.raises(redis.ConnectionError):
        say(mine)

    proxy.passes()
    say(mine)

    known = said(redis_server, mine)
    assert known
    assert known[0] == 7
    assert known[1] >= 1_000_000


def test_nobody_says_to_be_there_who_has_not_read_the_ledger_since_redis_told_the_time(
    mine: Witness, redis_server: RedisServer
) -> None:
    with redis_server.client() as client:
        say(mine)
        say(mine)
        before = client.exists(PROCESSES)
        mine._read_to = mine._began = mine.moment
        say(mine)

        assert (before, client.hexists(PROCESSES, mine._field)) == (0, True)


def test_a_process_remembers_few_receipts(mine: Witness) -> None:
    for number in range(1000):
        mine.took_in(Part(number.to_bytes(16, "big"), 0, Moment(KEY, 0)), count=1)

    assert len(mine._taken) == MOST_RECEIPTS


def test_its_name_is_short_and_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/lib/\x1b[31mserver\n" + "x" * 500])

    name = statements.this_process()

    assert name.kind.isprintable()
    assert len(name.kind) == 64


@pytest.fixture
def at_url(settings: Any) -> Callable[[str], Witness]:
    """`at_url(url)`: a witness at that Redis."""

    def begin(url: str) -> Witness:
        settings.ACCOUNTS = replace(conf.current(), feed_url=url)
        return Witness(url)

    return begin


def test_a_cluster_has_it_all_at_one_node_and_moves_it_along(
    cluster: Cluster, at_url: Callable[[str], Witness]
) -> None:
    mine = at_url(cluster.url())
    mine.took_in(Part(KEY, 0, now(mine)), count=1)
    say(mine)
    cluster.move(FEED, to=cluster.another(FEED))
    mine.took_in(Part(KEY, 1, now(mine)), count=1)

    say(mine)

    known = said(cluster.holder(FEED), mine)
    assert known
    # The second was told, and heard, by another server than the first.
    assert known[0] == 2


@pytest.mark.slow
def test_behind_sentinels_it_is_said_to_the_new_master(
    watched: Watched, at_url: Callable[[str], Witness]
) -> None:
    mine = at_url(watched.url())
    mine.took_in(Part(KEY, 0, old := now(mine)), count=1)
    say(mine)
    watched.master.kill()
    watched.await_failover()
    mine.took_in(Part(KEY, 1, old), count=1)

    say(mine)

    # Its clock is another one.
    assert said(watched.replica, mine) == (2, statements.UNTIMED)
