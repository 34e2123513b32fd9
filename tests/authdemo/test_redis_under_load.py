"""Redis is killed, emptied, restarted, cut off and slowed while four busy processes serve: nobody notices."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from accounts.testing import PASSWORD, alice
from tests.accounts.noted import Noted
from tests.accounts.rows import on_postgresql
from tests.authdemo.load import Site
from tests.servers import wait_until
from tests.visitor import Visitor

pytestmark = [on_postgresql, pytest.mark.slow, pytest.mark.redis]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}
ENDS, SECONDS = 150, 2.5

FAULTS: dict[str, Callable[[Site], None]] = {
    "killed": lambda site: site.redis.kill(),
    "started again, empty": lambda site: site.redis.start(),
    "emptied": lambda site: site.redis.empty(),
    "restarted": lambda site: site.redis.restart(),
    "slowed": lambda site: site.proxy.delays(0.2),
    "silent": lambda site: site.proxy.holds(),
    "cut off": lambda site: site.proxy.refuses(),
    "there again": lambda site: site.proxy.passes(),
}


@pytest.fixture
def proxied() -> bool:
    """Redis is reached through what does some of this to it."""
    return True


def live(site: Site) -> None:
    """Alice signs in both ways, is known, ends one of his Logins over HTTP and is refused with it."""
    page, visitor = Visitor(site.server.origin), Visitor(site.server.origin)
    page.post("/login/", CREDENTIALS)
    assert page.get("/api/me/").json()["flow"] == "session"
    kept, lost = (visitor.send("POST", "/api/token/", CREDENTIALS).json()["access"] for _ in range(2))
    name = visitor.bearer(lost).json()["login"]
    ended = visitor.send("DELETE", f"/api/logins/{name}/", {}, Authorization=f"Bearer {kept}")
    assert ended.status in (200, 204)
    wait_until(lambda: visitor.bearer(lost).status == 401, what="refused", seconds=5)
    assert (visitor.bearer(kept).status, page.get("/api/me/").status) == (200, 200)
    assert visitor.get("/readyz").status == 200


def test_whatever_befalls_redis_nobody_ended_is_accepted_and_nobody_else_disturbed(
    site: Site, noted: Noted
) -> None:
    """Feed 4, 5, 6, 8, 10: and the log tells it."""
    alice()
    crowd = site.crowd(ending=ENDS * len(FAULTS), kept=1_000)

    with crowd.busy():
        wait_until(lambda: crowd.sent() >= 500, what="everybody follows")
        live(site)
        for number, befall in enumerate(FAULTS.values()):
            befall(site)
            began = time.monotonic()
            for first in range(number * ENDS, (number + 1) * ENDS, ENDS // 3):
                crowd.turn(first)
                site.end(first, ENDS // 3)
            live(site)
            wait_until(lambda: time.monotonic() - began > SECONDS, what="some time")  # noqa: B023 - asked at once
        wait_until(
            lambda: Visitor(site.server.origin).get("/readyz").json()["feed_followed"], what="followed"
        )
    answers, happened = crowd.answers(), site.events()

    print(f"\n{site.told(answers)}")  # noqa: T201 - figures to read
    site.judge(answers)
    assert "Internal Server Error" not in site.server.logged()
    assert {"feed_lost", "feed_followed", "feed_push_failed"} <= happened.keys()
    assert "feed_push_failed" in noted.names()
    assert Visitor(site.server.origin).get("/readyz").json()["ledger_asked"] == 0
