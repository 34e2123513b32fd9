"""The single-file verifier follows a real feed, and refuses at once what has ended."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from verifier import FEED, Verifier

from tests.servers import RedisServer, wait_until
from tests.third_parties import parties
from tests.third_parties.conftest import Make
from tests.third_parties.parties import AUDIENCE, OTHER_AUDIENCE, Issuer
from tests.third_parties.verdicts import says, tell, vouched

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


def test_an_ended_login_is_refused_at_once_and_nobody_is_asked(make: Make, issuer: Issuer) -> None:
    verifier = make()
    token, other = vouched(verifier, issuer), vouched(verifier, issuer)

    issuer.end(token)

    wait_until(lambda: says(verifier, token) == "refused", what="the feed tells it", seconds=1)
    assert says(verifier, other) == "good"


def test_without_redis_and_issuer_nobody_vouches(make: Make, issuer: Issuer, redis: RedisServer) -> None:
    verifier = make(asks=True, redis_url="redis://127.0.0.1:1/0")
    token = issuer.exchanged(issuer.sign_in())
    assert says(verifier, token) == "good"

    issuer.server.stop()
    answer = says(verifier, token)
    issuer.server.start()

    assert answer == "unknown"


PROMOTE = """
from accounts.models import User
for is_staff in (True, False):
    User.objects.filter(email="alice@example.com").update(is_staff=is_staff)
"""


def test_a_person_who_has_changed_makes_the_token_stale(make: Make, issuer: Issuer) -> None:
    verifier = make()
    token = vouched(verifier, issuer)

    issuer.shell(PROMOTE)

    wait_until(lambda: says(verifier, token) == "refused", what="the feed tells it", seconds=1)
    assert says(verifier, vouched(verifier, issuer)) == "good"


def test_a_revoked_key_is_refused_at_once_though_the_key_set_may_be_kept(make: Make, issuer: Issuer) -> None:
    verifier = make()
    token = vouched(verifier, issuer)
    kid, _forged = issuer.forged(token)

    issuer.revoke_key(kid)

    wait_until(lambda: says(verifier, token) == "refused", what="the feed tells it", seconds=1)
    assert says(verifier, vouched(verifier, issuer)) == "good"


def test_bad_tokens_are_refused_and_nothing_else(make: Make, issuer: Issuer) -> None:
    verifier, access = make(), issuer.sign_in()
    good = issuer.exchanged(access)
    deep = parties.part("x").replace(parties.part("x"), "W1tb" * 1000)
    bad = [access, issuer.exchanged(access, audience=OTHER_AUDIENCE), parties.tampered(good)]
    bad += [parties.unsigned(good), "", "a.b.c", "é", f"{deep}.{deep}.{deep}", "x" * 100_000]
    bad += [issuer.forged(good, exp=int(time.time()) + 3600)[1], issuer.forged(good, sid="nobody")[1]]

    bad += [issuer.forged(good, typ="JWT")[1]]

    assert {says(verifier, token) for token in bad} == {"refused"}


def test_an_entry_that_is_not_the_issuers_is_passed_over(
    make: Make, issuer: Issuer, redis: RedisServer
) -> None:
    verifier = make()
    token, ended = vouched(verifier, issuer), vouched(verifier, issuer)

    with redis.client() as client:
        client.xadd(FEED, {"ended": b"not sixteen", "other": b"x"})
    issuer.end(ended)

    wait_until(lambda: says(verifier, ended) == "refused", what="it reads on", seconds=1)
    assert says(verifier, token) == "good"


def test_threads_share_it(make: Make, issuer: Issuer, redis: RedisServer) -> None:
    verifier = make()
    token, ended = vouched(verifier, issuer), vouched(verifier, issuer)
    tell(redis, UUID(parties.claims_of(ended)["sid"]))
    wait_until(lambda: says(verifier, ended) == "refused", what="the feed tells it", seconds=1)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda each: says(verifier, each), [token, ended] * 200))

    assert answers == ["good", "refused"] * 200


AFTER_A_FORK = """
import os, sys, time
from uuid import UUID
from redis import Redis
from verifier import FEED, Refused, Verifier
issuer, audience, redis_url, token, login = sys.argv[1:]
verifier = Verifier(issuer, audience=audience, redis_url=redis_url, leeway=0)
verifier.verify(token)
if os.fork() == 0:
    verifier.verify(token)
    Redis.from_url(redis_url).xadd(FEED, {"ended": UUID(login).bytes})
    try:
        for each in range(20):
            time.sleep(0.1)
            verifier.verify(token)
    except Refused:
        os._exit(0)
    os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_forked_child_follows_by_itself(make: Make, issuer: Issuer, redis: RedisServer) -> None:
    tell(redis, uuid4())
    token = vouched(make(), issuer)
    told = [issuer.origin, AUDIENCE, redis.url(), token, parties.claims_of(token)["sid"]]

    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AFTER_A_FORK, *told],
        cwd=Path(inspect.getfile(Verifier)).parent,
        check=False,
        timeout=20,
    )

    assert ran.returncode == 0
