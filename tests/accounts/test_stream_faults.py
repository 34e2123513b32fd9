"""A Redis that is away, hangs, restarts or is emptied: nobody waits long or fails, it is followed again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from accounts import stream
from accounts.feed import News
from accounts.stream import Arrival, Follower
from tests.accounts.entries import KEY, Opened, arrived, ids, signed
from tests.accounts.noted import Noted
from tests.proxy import Proxy
from tests.servers import RedisServer, wait_until

pytestmark = [pytest.mark.nodb, pytest.mark.redis, pytest.mark.usefixtures("pushing")]

Clock = Callable[[float], None]


def pushes_to(port: int, settings: Any) -> None:
    settings.ACCOUNTS = type(settings.ACCOUNTS)(feed_url=f"redis://127.0.0.1:{port}/0")


def test_a_push_is_tried_once_and_then_nothing_for_a_second(
    proxy: Proxy, settings: Any, noted: Noted, clock: Clock
) -> None:
    """Feed 10: ending many must not wait for each."""
    pushes_to(proxy.port, settings)
    proxy.refuses()

    for _ in range(100):
        stream.push(News(ended=ids(1)))
    tried, told = proxy.taken, list(noted.events)
    clock(1.1)
    stream.push(News(ended=ids(1)))

    assert (tried, proxy.taken) == (1, 2)
    assert [(name, said["reason"]) for name, said in told] == [("feed_push_failed", "ConnectionError")]


def test_a_redis_that_hangs_costs_half_a_second_once(proxy: Proxy, settings: Any, noted: Noted) -> None:
    """Feed 10."""
    pushes_to(proxy.port, settings)
    proxy.holds()
    began = time.monotonic()

    for _ in range(10):
        stream.push(News(ended=ids(1)))

    assert 0.4 < time.monotonic() - began < 3
    assert noted.names() == ["feed_push_failed"]


def test_the_first_push_after_a_restart_arrives(redis_server: RedisServer, noted: Noted) -> None:
    """The connection that was kept is dead, and is not tried."""
    stream.push(News(ended=ids(1)))
    redis_server.restart()

    stream.push(News(ended=(login := uuid4(),)))

    with redis_server.client() as client:
        ((_id, entry),) = client.xrange(KEY)
    assert (entry[b"ended"], noted.names()) == (login.bytes, [])


def test_what_was_written_while_it_was_cut_off_is_read_from_its_place(
    follow: Opened, proxy: Proxy, noted: Noted, clock: Clock
) -> None:
    """Feed 4: "now" would lose it."""
    follower, (before, meanwhile) = follow(proxy.port), ids(2)
    stream.push(News(ended=(before,)))
    arrived(follower)
    proxy.refuses()
    wait_until(lambda: follower.arrived() == [] and not follower.follows(), what="the cut is noticed")

    stream.push(News(ended=(meanwhile,)))
    proxy.passes()
    clock(1.1)

    assert follower.tend()
    assert arrived(follower) == [Arrival([meanwhile.bytes], [], [])]
    assert noted.names() == ["feed_lost", "feed_followed"]


def test_an_answer_that_is_cut_in_the_middle_comes_again(follow: Opened, proxy: Proxy, clock: Clock) -> None:
    """Feed 4."""
    follower, login = follow(proxy.port), uuid4()
    proxy.holds()
    stream.push(News(ended=(login,)))
    proxy.lets(50)
    wait_until(lambda: follower._poll.poll(0), what="half of it is there")
    half = follower.arrived()

    proxy.cut()
    proxy.passes()
    wait_until(lambda: follower.arrived() == [] and not follower.follows(), what="the cut is noticed")
    clock(1.1)

    assert (half, follower.tend()) == ([], True)
    assert arrived(follower) == [Arrival([login.bytes], [], [])]


def test_a_redis_that_was_away_for_long_is_followed_again(
    follow: Opened, proxy: Proxy, noted: Noted, clock: Clock
) -> None:
    """It is tried each second; no number of failures is the last."""
    follower = follow(proxy.port)
    proxy.refuses()

    for _ in range(250):
        clock(5)
        assert not follower.tend()
    proxy.passes()
    clock(5)

    assert (follower.tend(), follower.follows()) == (True, True)
    assert noted.names() == ["feed_lost", "feed_followed"]
    assert proxy.taken == 252


def test_it_is_tried_once_a_second(proxy: Proxy, clock: Clock) -> None:
    proxy.refuses()
    follower = Follower(f"redis://127.0.0.1:{proxy.port}/0")

    for _ in range(10):
        follower.tend()
    early = proxy.taken
    clock(1.1)
    follower.tend()

    assert (early, proxy.taken) == (1, 2)


def test_a_silent_connection_is_no_feed_and_is_opened_anew(
    follow: Opened, proxy: Proxy, noted: Noted, clock: Clock
) -> None:
    """Redis answers every two seconds, if only that nothing is new; who hears nothing is cut off."""
    follower = follow(proxy.port)
    proxy.holds()
    clock(3)
    still = follower.follows()
    clock(2)

    gone = follower.follows()
    proxy.passes()

    assert (still, gone, follower.tend(), follower.follows()) == (True, False, True, True)
    assert ("feed_lost", "is silent") in [(name, said.get("reason")) for name, said in noted.events]


def test_an_empty_stream_is_followed_for_longer_than_silence(
    follow: Opened, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BLOCK_SECONDS", 0.1)
    follower = follow()
    wait_until(lambda: follower._poll.poll(0), what="the answer that nothing is new", seconds=4)
    clock(stream.SILENCE_SECONDS)

    assert follower.arrived() == []
    assert follower.follows()


def lower_ids(redis: RedisServer) -> None:
    """What a failover to a Redis with a slower clock leaves behind."""
    with redis.client() as client:
        client.delete(KEY)
        client.xadd(KEY, signed(ended=uuid4().bytes), id="1-1")


def test_a_stream_with_lower_ids_is_followed_once_it_was_doubted(
    follow: Opened, redis_server: RedisServer, clock: Clock
) -> None:
    """Feed 6: until then nothing comes, and nobody says so."""
    follower = follow()
    stream.push(News(ended=ids(1)))
    arrived(follower)
    lower_ids(redis_server)
    silent = follower.arrived()

    follower.doubt("news is missing")
    clock(1.1)
    follower.tend()
    login = uuid4()
    with redis_server.client() as client:
        client.xadd(KEY, signed(ended=login.bytes), id="1-2")

    assert (silent, arrived(follower)) == ([], [Arrival([login.bytes], [], [])])


def test_a_redis_that_was_restarted_empty_is_followed_from_its_end(
    follow: Opened, redis_server: RedisServer, clock: Clock
) -> None:
    """Feed 5, 6: whatever its ids are."""
    follower = follow()
    stream.push(News(ended=ids(1)))
    arrived(follower)
    redis_server.restart()
    lower_ids(redis_server)
    wait_until(lambda: follower.arrived() == [] and not follower.follows(), what="the cut is noticed")

    clock(1.1)
    follower.tend()
    with redis_server.client() as client:
        client.xadd(KEY, signed(ended=b"x" * 16), id="1-2")

    assert arrived(follower) == [Arrival([b"x" * 16], [], [])]


def test_a_key_of_another_type_is_told_once_and_fails_nobody(
    redis_server: RedisServer, noted: Noted, clock: Clock
) -> None:
    with redis_server.client() as client:
        client.set(KEY, "somebody else's")
        follower = Follower(redis_server.url())
        for _ in range(3):
            clock(1.1)
            assert (follower.tend(), follower.arrived()) == (False, [])
        stream.push(News(ended=ids(1)))
        client.delete(KEY)
    clock(1.1)

    assert follower.tend()
    assert noted.names() == ["feed_lost", "feed_push_failed", "feed_followed"]
    follower.close()


def test_who_waits_is_woken_by_news_and_by_the_close(follow: Opened) -> None:
    follower = follow()

    for wake in (partial(stream.push, News(ended=ids(1))), follower.close):
        waiting = threading.Thread(target=follower.wait, args=(20,))
        waiting.start()
        wake()
        waiting.join(5)
        assert not waiting.is_alive()
        follower.arrived()

    assert not follower.wait(20)


def test_who_hangs_up_while_another_begins_to_wait_breaks_nothing(follow: Opened) -> None:
    """The socket is closed between the look at it and the wait for it."""
    follower: Any = follow()
    follower._connection._sock.close()

    assert follower.wait(0.1)
