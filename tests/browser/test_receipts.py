"""The receipt in the admin, in a browser: at once where all know, and going on where somebody is silent."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from playwright.sync_api import expect

from tests import visitor
from tests.browser.conftest import Site, Visitor
from tests.servers import wait_until
from tests.stores import Stores
from tests.web import WebServer

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]


def end(olga: Visitor, address: str) -> None:
    """End all Logins that the admin's list finds for this address."""
    olga.page.goto(olga.site.url(f"/admin/accounts/login/?q={address}"))
    olga.page.locator("#action-toggle").check()
    olga.page.get_by_label("Action:").select_option(label="End selected logins")
    olga.page.locator(".actions button[name=index]").click()
    olga.see("1 login was ended.")


def there(site: Site) -> int:
    """How many processes have said that they are there."""
    with redis.Redis.from_url(site.server.variables["REDIS_URL"]) as client:
        return sum(len(field) == 16 for field in client.hkeys("{authdemo:feed}:processes"))


@contextmanager
def stopped(server: WebServer) -> Iterator[None]:
    """All its processes stand still meanwhile."""
    assert server.process
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)


def test_an_operator_sees_at_once_who_knows(visit: Visit, stores: Stores) -> None:
    alice, olga = visit(), visit()
    alice.sign_in("alice@example.com")
    olga.sign_in("olga@example.com")

    end(olga, "alice@")

    if stores.postgres and stores.redis:
        # One of the two may not have served anybody yet.
        olga.page.get_by_text(re.compile(r"(\d) of \1 process(es)? know")).first.wait_for(timeout=30_000)
    else:
        olga.see("Every process knows")


def test_the_page_goes_on_by_itself_until_nobody_is_silent(visit: Visit, site: Site, stores: Stores) -> None:
    if not (stores.postgres and stores.redis):
        pytest.skip("who is silent is told by processes that follow the feed alone")
    bob, olga = visit(), visit(width=375)
    bob.sign_in("bob@example.com")
    olga.sign_in("olga@example.com")
    with site.server.another("third") as third:
        others = there(site)
        visitor.Visitor(third.origin).get("/readyz")
        wait_until(lambda: there(site) == others + 1, what="it is there")

        with stopped(third):
            end(olga, "bob@")
            olga.see("know so far. No answer yet from")
            place = olga.page.locator("[data-receipt]")
            expect(place).to_contain_text("Whatever fails, nobody accepts")

        # Nobody has loaded anything.
        expect(place).to_have_text(re.compile(r"^(\d) of \1 processes know, the slowest after .*s\.$"))
        expect(olga.page.locator(".messagelist .warning")).to_have_count(0)
