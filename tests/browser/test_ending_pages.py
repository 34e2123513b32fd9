"""The page of an act that ends many Logins: without scripts, with the net away, and with the session gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from authdemo.demo import PASSWORD
from tests.browser.conftest import Visitor
from tests.working import Worker

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]


@contextmanager
def without_scripts(browser: Browser, olga: Visitor) -> Iterator[Page]:
    """Her browser, with scripts switched off."""
    kept = olga.page.context.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=kept) as context:
        yield context.new_page()


def begun(olga: Visitor, browser: Browser, email: str) -> str:
    """The address of an act on which nobody works: without scripts it waits for a click."""
    with without_scripts(browser, olga) as page:
        page.goto(olga.site.url(f"/admin/accounts/login/?q={email}"))
        page.get_by_role("link", name="End everything that matches").click()
        page.get_by_label("Reason").fill("a stolen laptop")
        page.get_by_role("button", name=re.compile("^End .* login")).click()
        expect(page.locator(".how-far")).to_have_text(re.compile("^0 of about "))
        return page.url


def test_without_scripts_a_click_goes_on(visit: Visit, browser: Browser) -> None:
    olga = visit()
    olga.sign_in("olga@example.com")
    olga.arrive("/logins/")
    alice = Worker(olga.site.server.origin, "alice@example.com", flow="token")
    address = begun(olga, browser, "alice@")

    with without_scripts(browser, olga) as page:
        page.goto(address)
        page.get_by_role("button", name="Go on").click()
        expect(page.locator(".ending")).to_contain_text("This is finished.")

    assert alice.status() == 401


def test_what_fails_is_said_and_tried_again(visit: Visit, browser: Browser) -> None:
    olga = visit(width=375)
    olga.sign_in("olga@example.com")
    olga.arrive("/logins/")
    bob = Worker(olga.site.server.origin, "bob@example.com", flow="session")
    olga.page.goto(begun(olga, browser, "bob@"))

    olga.page.context.set_offline(True)
    olga.page.get_by_role("button", name="Go on").click()
    olga.see("The last step has failed.")
    assert bob.status() == 200

    olga.page.context.set_offline(False)
    olga.heard.clear()  # the browser says that there was no net
    olga.page.get_by_role("button", name="Try again").click()
    olga.see("This is finished.")
    assert bob.status() == 401


def test_whose_session_is_gone_signs_in_and_comes_back(visit: Visit, browser: Browser) -> None:
    olga = visit()
    olga.sign_in("olga@example.com")
    olga.arrive("/logins/")
    Worker(olga.site.server.origin, "bob@example.com", flow="session")
    address = begun(olga, browser, "bob@")
    olga.page.goto(address)
    olga.page.context.clear_cookies(name="sid")

    olga.page.get_by_role("button", name="Go on").click()
    olga.see("You are signed out here.")
    olga.page.get_by_role("link", name="Sign in again").click()
    olga.page.locator("#id_username").fill("olga@example.com")
    olga.page.locator("#id_password").fill(PASSWORD)
    olga.page.get_by_role("button", name=re.compile("Log in|Sign in")).click()

    olga.page.wait_for_url(address)
    olga.page.get_by_role("button", name="Go on").click()
    olga.see("This is finished.")
