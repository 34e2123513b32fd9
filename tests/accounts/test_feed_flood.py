"""A million ended Logins at once: no request pays for them, and they take little room."""

from __future__ import annotations

import random
import time
from uuid import UUID, uuid4

import pytest

from accounts import stream
from accounts.feed import News
from tests.accounts.entries import KEY
from tests.accounts.neighbours import Neighbours
from tests.accounts.rows import a_login, on_postgresql

pytestmark = [on_postgresql, pytest.mark.redis, pytest.mark.slow]

MILLION = 1_000_000


def some_ids(count: int) -> tuple[UUID, ...]:
    """As random as those of Logins, and quicker made."""
    return tuple(UUID(bytes=random.randbytes(16)) for _ in range(count))


@pytest.mark.parametrize(("number", "busy"), [(MILLION, 0), (MILLION // 10, 2)], ids=["idle", "busy"])
def test_a_million_ends_cost_no_request_more_than_one_bounded_piece(
    neighbours: Neighbours, number: int, busy: int
) -> None:
    """Feed 9: four entries of 1,000 at a time, whoever comes to it."""
    near, login, last = neighbours.near, a_login(), uuid4()
    near.ask("feed", "count")
    near.ask("feed", "be busy", busy)
    near.tell("feed", "serve", login.pk, login.user_uuid, last)
    began = time.monotonic()

    for _ in range(number // 1000):
        stream.push(News(ended=some_ids(1000)))
    stream.push(News(ended=(last,)))
    found = near.answer()
    near.ask("feed", "be busy", 0)

    took = time.monotonic() - began
    print(  # noqa: T201 - figures to read
        f"\n{number} ends beside {busy} busy threads: known in {took:.1f} s, {found['requests']} requests, "
        f"CPU of one p99 {found['cpu99'] * 1000:.1f} ms, most {found['cpu'] * 1000:.1f} ms, "
        f"{found['bytes'] / number:.0f} bytes an end"
    )
    assert (found["came"], found["most"] <= 4000) == (number + 1, True)
    assert found["cpu"] < 0.1
    assert found["bytes"] / number < 200
    assert near.ask("check", login.pk, login.user_uuid) == "good"


def test_a_flood_of_what_is_not_ours_is_left_out_in_pieces(neighbours: Neighbours) -> None:
    """Whoever may write to Redis can make each request check four MACs; the rest waits for the next ones."""
    near, login, last = neighbours.near, a_login(), uuid4()
    with neighbours.redis.client() as client:
        pipeline = client.pipeline()
        for _ in range(2000):
            pipeline.xadd(KEY, {"ended": bytes(16_000), "mac": bytes(32)})
        pipeline.execute()
    stream.push(News(ended=(last,)))
    near.ask("feed", "count")

    found = near.ask("feed", "serve", login.pk, login.user_uuid, last)

    assert near.ask("feed", "knows", last, UUID(bytes=bytes(16))) == [True, False]
    assert found["requests"] > 10
    assert near.ask("check", login.pk, login.user_uuid) == "good"
