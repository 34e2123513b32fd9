"""The feed over a Cluster and behind Sentinels: followed, and followed again when its place has moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from accounts import conf, stream
from accounts.feed import News
from accounts.stream import Arrival, Follower
from tests.accounts.entries import KEY, arrived
from tests.accounts.noted import Noted
from tests.fleets import Cluster, Watched
from tests.servers import wait_until

pytestmark = [pytest.mark.nodb, pytest.mark.redis]


@pytest.fixture
def follow_at(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Follower]]:
    """`follow_at(url)`: a follower of that Redis, into which this process pushes."""
    opened: list[Follower] = []
    monkeypatch.setattr(stream, "_quiet_until", 0.0)

    def begin(url: str) -> Follower:
        settings.ACCOUNTS = replace(conf.current(), feed_url=url)
        opened.append(Follower(url))
        assert opened[-1].tend()
        return opened[-1]

    yield begin
    for follower in opened:
        follower.close()


def arrives(follower: Follower) -> bool:
    """Whether what is pushed now arrives."""
    stream.push(News(ended=(login := uuid4(),)))
    return arrived(follower) == [Arrival([login.bytes], [], [])]


def test_over_a_cluster_it_is_followed_wherever_its_slot_is(
    cluster: Cluster, follow_at: Callable[[str], Follower], noted: Noted, clock: Callable[[float], None]
) -> None:
    """Who waits at the node that had it is sent away, and finds the new one."""
    follower = follow_at(cluster.url())
    assert arrives(follower)

    cluster.move(KEY, to=cluster.another(KEY))
    wait_until(lambda: follower.arrived() == [] and not follower.follows(), what="the move is noticed")
    clock(1.1)

    assert follower.tend()
    assert arrives(follower)
    assert noted.names() == ["feed_lost", "feed_followed"]


@pytest.mark.slow
def test_behind_sentinels_it_is_followed_at_the_new_master(
    watched: Watched, follow_at: Callable[[str], Follower], clock: Callable[[float], None]
) -> None:
    follower = follow_at(watched.url())
    assert arrives(follower)

    watched.master.kill()
    wait_until(lambda: follower.arrived() == [] and not follower.follows(), what="the loss is noticed")
    watched.await_failover()
    clock(1.1)

    assert follower.tend()
    assert arrives(follower)
