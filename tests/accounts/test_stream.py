"""The Redis stream: what is written into it, and a follower that takes what has arrived and never waits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from accounts import conf, flows, mac, stream
from accounts.feed import News
from accounts.stream import Arrival
from tests.accounts.entries import KEY, Opened, arrived, ids, signed
from tests.accounts.noted import Noted
from tests.proxy import Proxy
from tests.servers import RedisServer

pytestmark = [pytest.mark.nodb, pytest.mark.redis, pytest.mark.usefixtures("pushing")]


def test_what_is_pushed_arrives(follow: Opened) -> None:
    follower, (login, user, topic) = follow(), ids(3)

    stream.push(News(ended=(login,), changed=((user, 7),), topics=((topic, 2**40),)))

    assert arrived(follower, 3) == [
        Arrival([login.bytes], [], []),
        Arrival([], [(user.bytes, 7)], []),
        Arrival([], [], [(topic.bytes, 2**40)]),
    ]


def test_an_entry_is_binary_and_as_the_documentation_says(redis_server: RedisServer) -> None:
    login, user = ids(2)

    stream.push(News(ended=(login,), changed=((user, 258),)))

    with redis_server.client() as client:
        (_id, ended), (_id, changed) = client.xrange(KEY)
    assert ended.keys() == {b"ended", b"mac"}
    assert (ended[b"ended"], len(ended[b"mac"])) == (login.bytes, 32)
    assert changed[b"changed"] == user.bytes + b"\0\0\0\0\0\0\1\2"


@pytest.mark.parametrize(("count", "entries"), [(1, [1]), (1000, [1000]), (2001, [1000, 1000, 1])])
def test_an_entry_carries_a_thousand_ids_at_most(follow: Opened, count: int, entries: list[int]) -> None:
    """Feed 9."""
    follower, logins = follow(), ids(count)

    stream.push(News(ended=logins))

    found = arrived(follower, len(entries))
    assert [len(entry.ended) for entry in found] == entries
    assert [login for entry in found for login in entry.ended] == [login.bytes for login in logins]


def test_nothing_new_is_told_at_once(follow: Opened) -> None:
    """Feed 1: it is asked at the start of each request. Who waits for Redis waits as long as that blocks."""
    follower = follow()
    began = time.perf_counter()

    found = [follower.arrived() for _ in range(1000)]

    assert found == [[]] * 1000
    assert time.perf_counter() - began < stream.BLOCK_SECONDS


@pytest.mark.parametrize("size", [1, 7, 61, 100])
def test_half_an_answer_is_not_waited_for(follow: Opened, proxy: Proxy, size: int) -> None:
    """Feed 1: wherever the network cuts it."""
    follower, login = follow(proxy.port), uuid4()
    proxy.holds()
    stream.push(News(ended=(login,)))

    found, longest = [], 0.0
    for _piece in range(200 // size + 1):
        proxy.lets(size)
        time.sleep(0.002)
        began = time.perf_counter()
        found += follower.arrived()
        longest = max(longest, time.perf_counter() - began)

    assert found == [Arrival([login.bytes], [], [])]
    assert longest < stream.PATIENCE_SECONDS / 2


def test_a_reply_brings_four_entries_so_that_a_request_has_little_to_take_in(follow: Opened) -> None:
    """Feed 9."""
    follower = follow()

    stream.push(News(ended=ids(9_000)))

    found: list[int] = []
    while sum(found) < 9:
        found.append(len(arrived(follower)))
    assert max(found) == 4


LOGIN, USER = uuid4().bytes, uuid4().bytes + bytes(8)
FOREIGN = {
    "unsigned": {"ended": LOGIN},
    "an empty MAC": {"ended": LOGIN, "mac": b""},
    "a short MAC": {"ended": LOGIN, "mac": signed(ended=LOGIN)["mac"][:4]},
    "a MAC of something else": {"ended": LOGIN, "mac": signed(ended=uuid4().bytes)["mac"]},
    "a MAC of another purpose": {"ended": LOGIN, "mac": mac.mac("session", LOGIN)},
    "moved to another field": {**signed(changed=USER * 2), "changed": b"", "ended": USER * 2},
    "moved between fields": {"changed": USER, "topics": USER, "mac": signed(changed=USER * 2)["mac"]},
    "no fields of ours": {"hello": b"world"},
    "odd bytes": {"ended": b"\r\n$-1\r\n", "mac": b"x" * 32},
}


@pytest.mark.parametrize("forged", FOREIGN.values(), ids=FOREIGN)
def test_what_we_have_not_signed_is_left_out_and_told(
    follow: Opened, redis_server: RedisServer, noted: Noted, forged: dict[Any, Any]
) -> None:
    """Once for an answer, and what lies beside it counts."""
    follower, login = follow(), uuid4()

    with redis_server.client() as client:
        pipeline = client.pipeline()
        for entry in (forged, forged, signed(ended=login.bytes)):
            pipeline.xadd(KEY, entry)
        pipeline.execute()

    assert arrived(follower) == [Arrival([login.bytes], [], [])]
    assert 1 <= noted.names().count("feed_forged") == len(noted.names()) <= 2


def test_an_entry_under_a_former_secret_counts(
    follow: Opened, redis_server: RedisServer, settings: Any
) -> None:
    follower, entry = follow(), signed(ended=LOGIN)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new secret of the tests, which guards nothing at all"

    with redis_server.client() as client:
        client.xadd(KEY, entry)

    assert arrived(follower) == [Arrival([LOGIN], [], [])]


def test_what_is_older_than_the_horizon_goes(redis_server: RedisServer) -> None:
    """Nobody needs it: no copy from before that still vouches."""
    old = int((time.time() - flows.horizon().total_seconds() - 60) * 1000)
    with redis_server.client() as client:
        pipeline = client.pipeline()
        for number in range(1000):
            pipeline.xadd(KEY, {"ended": LOGIN}, id=f"{old}-{number}")
        pipeline.execute()
        stream.push(News(ended=ids(1)))
        stream.push(News(ended=ids(1)))

        assert client.xlen(KEY) <= 102
        assert client.xinfo_stream(KEY)["last-entry"][1][b"ended"] != LOGIN


def test_without_a_feed_nothing_is_pushed(settings: Any, proxy: Proxy) -> None:
    settings.ACCOUNTS = replace(conf.current(), feed_url="")

    stream.push(News(ended=ids(1)))

    assert proxy.taken == 0
