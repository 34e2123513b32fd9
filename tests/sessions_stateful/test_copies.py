"""The ways to the copies in Redis: connections of threads, of event loops, of requests that are given up."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from accounts import nodes
from sessions_stateful import copies
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.copied import Copied

pytestmark = pytest.mark.redis

NOBODY_S = "a" * 43


def here() -> copies.Copies:
    held = copies.here()
    assert held
    return held


async def load() -> Any:
    return await here().aload(NOBODY_S)


def connected(copied: Copied) -> int:
    """How many connections to Redis there are, without the one that asks."""
    with copied.server.client() as client:
        return int(client.info("clients")["connected_clients"]) - 1


def test_an_event_loop_that_has_ended_leaves_nothing_behind(copied: Copied) -> None:
    """An async view under WSGI has a loop of its own for each request."""
    before = connected(copied)

    for _request in range(10):
        asyncio.run(load())
    gc.collect()

    assert len(here()._loops) == 0
    assert connected(copied) == before


def test_a_crowd_of_async_requests_opens_few_connections_and_does_not_take_redis_for_away(
    copied: Copied, noted: Noted
) -> None:
    """Three hundred at once would each wait longer for a connection of its own than Redis has patience."""
    before = connected(copied)

    async def crowd() -> int:
        found = await asyncio.gather(*(load() for _request in range(300)))
        assert [one.copy for one in found] == [None] * 300
        return connected(copied)

    at_once = asyncio.run(crowd())
    gc.collect()

    assert at_once - before <= nodes.MOST_AT_ONCE
    assert (noted.names, len(here()._loops)) == ([], 0)
