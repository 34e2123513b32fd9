"""Ten thousand Logins end while four processes serve their tokens: none is accepted, no other refused."""

from __future__ import annotations

import pytest

from accounts.logins import Login
from tests.accounts.rows import on_postgresql
from tests.authdemo.load import BUDGET_SECONDS, PIECE, Site
from tests.crowd import delays
from tests.servers import wait_until

pytestmark = [on_postgresql, pytest.mark.slow, pytest.mark.redis]


def test_of_ten_thousand_ended_logins_none_is_accepted_and_no_other_refused(site: Site) -> None:
    """While four processes serve twenty thousand requests."""
    ends, requests = 10_000, 20_000
    crowd = site.crowd(ending=ends, kept=1_000)

    with crowd.busy():
        wait_until(lambda: crowd.sent() >= 500, what="everybody follows")
        for first in range(0, ends, PIECE):
            crowd.turn(first)
            wait_until(lambda: crowd.sent() >= first * 0.9 * requests / ends, what="requests", seconds=60)  # noqa: B023 - asked at once
            site.end(first, PIECE)
        wait_until(lambda: crowd.sent() >= requests, what="all requests", seconds=60)
    answers = crowd.answers()

    print(f"\n{site.told(answers)}")  # noqa: T201 - figures to read
    site.judge(answers)
    assert (len(site.ended_at), Login.objects.live().count()) == (ends, 1_000)
    assert delays(answers, site.ended_at).p99 < BUDGET_SECONDS
