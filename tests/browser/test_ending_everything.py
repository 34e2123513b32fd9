"""Very many Logins end from a browser while people work: interrupted, taken up again, true in the end.

ENDINGS=100000 is the long run; it wants `-o faulthandler_timeout=3000`.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Page, expect

from tests import web
from tests.browser.conftest import Site, Visitor
from tests.servers import wait_until
from tests.stores import Stores
from tests.web import WebServer
from tests.working import Worker, Working, quantiles

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ENDINGS = int(os.environ.get("ENDINGS", "3000"))
SAMPLES = 6
# Of the rest, for as much time as that takes.
LONG_MS = 60_000 + ENDINGS * 15
FILL = """
from datetime import timedelta
from authdemo.lab import million
for flow in ("session", "token"):
    million.logins({half}, flow=flow, seen_ago=timedelta(minutes=1), expires_in=timedelta(days=2),
                   idle_timeout=timedelta(days=9))
million.carriers()
million.analyze()
"""


@pytest.fixture(scope="module")
def site(serve: Callable[..., WebServer], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One process; two more of their own follow, so that each can be asked by itself."""
    mail = tmp_path_factory.mktemp("mail")
    served = Site(serve(workers=1, EMAIL_URL=f"file://{mail}"), mail)
    web.manage("shell", "-v0", "-c", FILL.format(half=ENDINGS // 2), variables=served.server.variables)
    return served


@pytest.fixture(scope="module")
def processes(site: Site) -> Iterator[list[str]]:
    """Where each of the three listens."""
    with site.server.another("second") as second, site.server.another("third") as third:
        yield [site.server.origin, second.origin, third.origin]


def signed_in(site: Site, email: str, processes: list[str]) -> list[Worker]:
    """So many sessions and tokens of somebody, spread over the processes."""
    return [
        Worker(site.server.origin, email, flow=flow, at=processes[number % len(processes)])
        for number in range(SAMPLES // 2)
        for flow in ("session", "token")
    ]


def now() -> datetime:
    return datetime.now(tz=timezone.utc)


def a_moment_later() -> str:
    """The next whole second, once it has come; as a browser's field has it."""
    moment = now().replace(microsecond=0) + timedelta(seconds=1)
    wait_until(lambda: now() > moment, what="the next second")
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def ended(page: Page) -> int:
    """How many the page says have ended."""
    found = re.match(r"[\d,]+", page.locator(".how-far").inner_text())
    assert found
    return int(found[0].replace(",", ""))


def begin(olga: Visitor, moment: str) -> str:
    """From the list of Logins to the page of the act that ends all that were started before; its address."""
    olga.go("/admin/accounts/login/")
    olga.page.get_by_role("link", name="End everything started before…").click()
    olga.page.locator("#id_moment").fill(moment)
    olga.page.get_by_role("button", name="See how many that is").click()
    expect(olga.page.locator(".preview")).to_contain_text(f"{ENDINGS + SAMPLES:,} logins of 2 people")
    olga.page.get_by_label("Reason").fill("a key has leaked")
    olga.page.get_by_role("button", name=re.compile("^End .* logins$")).click()
    olga.page.wait_for_url(re.compile(r"/ending/[0-9a-f-]+/change/$"))
    return olga.page.url.removeprefix(olga.site.server.origin)


def test_very_many_logins_end_from_a_browser_and_nobody_else_notices(
    visit: Callable[..., Visitor], site: Site, processes: list[str], stores: Stores
) -> None:
    olga = visit()
    olga.sign_in("olga@example.com")
    olga.arrive("/logins/")
    stolen = signed_in(site, "bob@example.com", processes)
    moment = a_moment_later()
    people = Working(signed_in(site, "alice@example.com", processes))

    with people.busy():
        wait_until(lambda: len(people.done) > 200, what="everybody works", seconds=60)
        quiet = list(people.done)
        began, first = time.monotonic(), olga.page
        olga.page = first.context.new_page()
        olga.page.on("console", olga.hear)
        address = begin(olga, moment)
        wait_until(lambda: ended(olga.page) > ENDINGS // 10, what="progress", seconds=LONG_MS / 1000)

        # The tab is closed, and with it everything stands still.
        olga.page.close()
        olga.page = first
        time.sleep(1.0)  # the step that had begun is to be over
        olga.go(address)
        stood_at = ended(olga.page)
        time.sleep(1.0)  # long enough for more, if anybody went on
        olga.go("/admin/")
        olga.page.locator(".unfinished-endings").get_by_role("link").click()
        assert ENDINGS // 10 < ended(olga.page) == stood_at < ENDINGS

        olga.page.get_by_role("button", name="Go on").click()
        expect(olga.page.locator(".how-far")).to_have_text(
            f"{ENDINGS + SAMPLES:,} logins ended", timeout=LONG_MS
        )
        place = olga.page.locator(".ending-receipt")
        said = "3 of 3 processes know" if stores.postgres and stores.redis else "Every process knows"
        expect(place).to_contain_text(said)
        if "within" in place.inner_text():
            time.sleep(1.0)  # the bound that it names
        # Each process by itself, with what the thief holds.
        answers = [one.status(at=process) for one in stolen for process in processes]
        took = time.monotonic() - began

    print(f"\n{ENDINGS:,} in {took:.1f} s; {place.inner_text()}")  # noqa: T201 - figures to read
    print(f"others before: {quantiles(quiet)}\n  and meanwhile: {quantiles(people.done[len(quiet) :])}")  # noqa: T201
    assert answers == [401] * (len(stolen) * len(processes))
    # Nobody who signed in after the moment was refused, or waited in vain; nor was the operator.
    assert Counter(one.status for one in people.done) == {200: len(people.done)}
    assert [one.status(at=process) for one in people.workers for process in processes] == [200] * (
        len(people.workers) * len(processes)
    )
    olga.go(address)
    olga.see("This is finished.")
