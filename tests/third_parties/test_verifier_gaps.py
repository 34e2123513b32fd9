"""The single-file verifier stops vouching when it may have missed something, with a real Redis that fails."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from redis.client import Pipeline
from verifier import FEED

from tests.servers import RedisServer, wait_until
from tests.third_parties import parties
from tests.third_parties.conftest import Make
from tests.third_parties.parties import Issuer
from tests.third_parties.verdicts import BUDGET, says, tell, vouched

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


def test_at_its_start_it_knows_what_the_stream_still_tells(make: Make, issuer: Issuer) -> None:
    """Not what was ended before the oldest entry."""
    earlier, ended = (issuer.exchanged(issuer.sign_in()) for _each in range(2))
    time.sleep(1)  # a token's `iat` has whole seconds
    issuer.end(ended)
    time.sleep(1)
    later = issuer.exchanged(issuer.sign_in())

    verifier = make()

    assert [says(verifier, token) for token in (earlier, ended, later)] == ["unknown", "refused", "good"]


def test_what_a_redis_told_before_its_start_proves_nothing(
    make: Make, issuer: Issuer, redis: RedisServer
) -> None:
    tell(redis, uuid4())
    redis.stop(keep=True)
    token = issuer.exchanged(issuer.sign_in())
    time.sleep(1)
    redis.start()

    assert says(make(), token) == "unknown"


def deleted(redis: RedisServer, lose: Callable[[Pipeline], None]) -> None:
    with redis.client() as client, client.pipeline() as pipeline:
        lose(pipeline)
        pipeline.delete(FEED)
        pipeline.execute()


def deleted_and_begun_anew(redis: RedisServer, lose: Callable[[Pipeline], None]) -> None:
    with redis.client() as client, client.pipeline() as pipeline:
        lose(pipeline)
        pipeline.delete(FEED)
        pipeline.xadd(FEED, {"ended": uuid4().bytes})
        pipeline.execute()


def emptied(redis: RedisServer, lose: Callable[[Pipeline], None]) -> None:
    with redis.client() as client, client.pipeline() as pipeline:
        lose(pipeline)
        pipeline.flushall()
        pipeline.execute()


def failed_over_to_lower_ids(redis: RedisServer, lose: Callable[[Pipeline], None]) -> None:
    with redis.client() as client, client.pipeline() as pipeline:
        lose(pipeline)
        pipeline.delete(FEED)
        pipeline.xadd(FEED, {"ended": uuid4().bytes}, id="5-1")
        pipeline.execute()


def trimmed(redis: RedisServer, lose: Callable[[Pipeline], None]) -> None:
    with redis.client() as client, client.pipeline() as pipeline:
        lose(pipeline)
        pipeline.xadd(FEED, {"ended": uuid4().bytes})
        pipeline.xtrim(FEED, maxlen=1, approximate=False)
        pipeline.execute()


def trimmed_to_nothing(redis: RedisServer, lose: Callable[[Pipeline], None]) -> None:
    with redis.client() as client, client.pipeline() as pipeline:
        lose(pipeline)
        pipeline.xtrim(FEED, maxlen=0, approximate=False)
        pipeline.execute()


GAPS = (deleted, deleted_and_begun_anew, emptied, failed_over_to_lower_ids, trimmed, trimmed_to_nothing)


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: gap.__name__)
def test_a_gap_is_not_vouched_over(
    gap: Callable[..., None], make: Make, issuer: Issuer, redis: RedisServer
) -> None:
    """An end is told and lost again before anybody could read it."""
    tell(redis, uuid4())
    verifier = make()
    token = vouched(verifier, issuer)
    login = UUID(parties.claims_of(token)["sid"])

    gap(redis, lambda pipeline: pipeline.xadd(FEED, {"ended": login.bytes}))

    wait_until(lambda: says(verifier, token) == "unknown", what="it notices", seconds=1)
    assert says(verifier, vouched(verifier, issuer)) == "good"
    assert says(verifier, token) == "unknown"


@pytest.mark.parametrize("keep", [False, True], ids=["emptied", "with its old data"])
def test_an_end_while_redis_is_down_is_never_missed(
    keep: bool, make: Make, issuer: Issuer, redis: RedisServer
) -> None:
    """However short it was: the end is committed, and was told to nobody."""
    tell(redis, uuid4())
    quiet, asking = make(budget=60), make(asks=True, budget=60)
    ended, live = vouched(asking, issuer), vouched(quiet, issuer)

    redis.stop(keep=keep)
    issuer.end(ended)
    redis.start()

    wait_until(lambda: says(quiet, live) == "unknown", what="it notices", seconds=3)
    wait_until(lambda: says(asking, ended) == "refused", what="it asks", seconds=3)
    assert says(asking, live) == "good"
    assert says(quiet, vouched(quiet, issuer)) == "good"


def test_away_for_longer_than_the_budget_it_asks_and_goes_on_asking(
    make: Make, issuer: Issuer, redis: RedisServer
) -> None:
    """Redis neither answers nor hangs up; what is told meanwhile is lost."""
    tell(redis, uuid4())
    quiet, asking = make(), make(asks=True)
    ended, live = vouched(asking, issuer), vouched(quiet, issuer)
    assert redis.process
    os.kill(redis.process.pid, signal.SIGSTOP)
    try:
        issuer.end(ended)
        wait_until(lambda: says(quiet, live) == "unknown", what="the budget is over", seconds=2 * BUDGET)
        assert [says(asking, live), says(asking, ended)] == ["good", "refused"]
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)

    assert says(quiet, vouched(quiet, issuer)) == "good"
    assert [says(quiet, live), says(asking, live), says(asking, ended)] == ["unknown", "good", "refused"]


def test_a_short_break_is_no_gap(make: Make, issuer: Issuer, redis: RedisServer) -> None:
    tell(redis, uuid4())
    verifier = make()
    token, ended = vouched(verifier, issuer), vouched(verifier, issuer)
    since = verifier.feed.since

    with redis.client() as client:
        client.client_kill_filter(_type="normal")
    issuer.end(ended)

    wait_until(lambda: says(verifier, ended) == "refused", what="it reads on", seconds=BUDGET)
    assert (says(verifier, token), verifier.feed.since) == ("good", since)


def test_a_key_that_is_revoked_while_redis_is_down_is_refused_when_it_is_back(
    make: Make, issuer: Issuer, redis: RedisServer
) -> None:
    verifier = make()
    token = vouched(verifier, issuer)
    kid, _forged = issuer.forged(token)

    redis.stop()
    issuer.revoke_key(kid)
    redis.start()

    wait_until(lambda: says(verifier, token) == "refused", what="the key set is read anew", seconds=3)
