"""Every page, wide and narrow: fit for everybody, within the strict policy, and never scrolling sideways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from authdemo.demo import PASSWORD
from tests.browser.conftest import Site, Visitor

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]
WIDE, NARROW = 1280, 375
# Colours know no width, and widths no colour: these two are enough to see all of both.
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((WIDE, "light"), (NARROW, "dark"))
FOR_ALL = [
    "/", "/login/", "/signup/", "/signup/sent/", "/signup/no-such-link/", "/token/", "/nowhere/", "/logout/",
    "/password/reset/", "/password/reset/sent/", "/password/reset/x/y/", "/login/?next=//evil.example",
    "/admin/login/",
]  # fmt: skip
FOR_PEOPLE = [
    "/", "/logins/", f"/logins/?before=1-{'0' * 32}", "/password/change/", "/password/change/?not-me",
    "/login/again/", "/token/", "/nowhere/",
]  # fmt: skip
FOR_OPERATORS = [
    "/admin/", "/admin/accounts/", "/admin/accounts/login/", "/admin/accounts/login/?state=live&q=alice",
    "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/accounts/event/", "/admin/auth/group/",
    "/admin/accounts/login/?q=nobody-at-all", "/admin/accounts/login/?state=nonsense",
    "/admin/accounts/event/?name=login_ended", "/admin/auth/group/add/", "/admin/tokens_stateless/",
    "/admin/tokens_stateless/signingkey/", "/admin/tokens_stateless/client/",
    "/admin/tokens_stateless/client/add/", "/admin/nowhere/",
]  # fmt: skip
# All of WCAG 2.2 A and AA, and what axe holds to be good besides.
LOOK_FOR = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# axe leaves this one out unless it is named.
OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": LOOK_FOR,
    "rules": {"target-size": {"enabled": True}},
}


def broken(visitor: Visitor) -> list[str]:
    """What axe finds, as rule and place."""
    found = [
        f"{rule['id']} at {node['target']}"
        for rule in Axe().run(visitor.page, options=OPTIONS).response["violations"]
        for node in rule["nodes"]
    ]
    # axe itself does what the policy forbids; what the browser says of that is not about the page.
    visitor.heard.clear()
    return found


def faults(visitor: Visitor) -> dict[str, list[str]]:
    """What is wrong with the page that a visitor sees: wide and light, narrow and dark."""
    wrong: dict[str, list[str]] = {}
    for width, scheme in LOOKS:
        visitor.page.emulate_media(color_scheme=scheme)
        # The admin's links fade from one colour to the other.
        visitor.page.evaluate("() => Promise.all(document.getAnimations().map(each => each.finished))")
        visitor.page.set_viewport_size({"width": width, "height": 800})
        if (needed := visitor.page.evaluate("() => document.documentElement.scrollWidth")) > width:
            wrong[f"scrolls at {width}"] = [f"{needed} wide"]
        wrong[f"says at {width}"] = visitor.complaints
        wrong[f"axe at {width}, {scheme}"] = broken(visitor)
    return {what: told for what, told in wrong.items() if told}


def walked(visitor: Visitor, *paths: str) -> dict[str, dict[str, list[str]]]:
    """The faults of each of these pages that has any."""
    found = {}
    for path in paths:
        visitor.page.set_viewport_size({"width": WIDE, "height": 800})
        visitor.go(path)
        found[path] = faults(visitor)
    return {path: wrong for path, wrong in found.items() if wrong}


@pytest.fixture
def somebody(visit: Visit) -> Visitor:
    """Alice, who is signed in in two browsers and in a program."""
    alice, other = visit(), visit()
    for each in (alice, other):
        each.sign_in("alice@example.com")
        each.arrive("/logins/")
    credentials = {"email": "alice@example.com", "password": PASSWORD}
    assert other.page.request.post(alice.site.url("/api/token/"), data=credentials).ok
    return alice


def test_the_pages_for_everybody(visit: Visit) -> None:
    assert walked(visit(), *FOR_ALL) == {}


def test_the_pages_for_people_who_are_signed_in(somebody: Visitor) -> None:
    assert walked(somebody, *FOR_PEOPLE) == {}


def first_of(olga: Visitor, listed: str) -> str:
    """The page of the first row of a list."""
    olga.go(listed)
    link = olga.page.locator("#result_list tbody th a").first.get_attribute("href") or ""
    assert link.startswith("/admin/"), f"nothing in {listed}"
    return link.partition("?")[0]


@pytest.fixture
def olga(visit: Visit, somebody: Visitor) -> Visitor:
    """The operator, after others have signed in."""
    olga = visit()
    olga.sign_in("olga@example.com", path="/login/?next=/admin/accounts/login/")
    olga.arrive("/admin/accounts/login/")
    return olga


@pytest.mark.slow
def test_the_lists_for_operators(olga: Visitor) -> None:
    assert walked(olga, *FOR_OPERATORS) == {}


@pytest.mark.slow
def test_the_pages_of_one_thing_for_operators(olga: Visitor) -> None:
    login = first_of(olga, "/admin/accounts/login/?q=alice")
    person = first_of(olga, "/admin/accounts/user/?q=alice")
    event = first_of(olga, "/admin/accounts/event/")
    key = first_of(olga, "/admin/tokens_stateless/signingkey/")

    others = [person.replace("change", other) for other in ("delete", "history", "password")]
    assert walked(olga, login, login.replace("change", "history"), person, *others, event, key) == {}


def choose(olga: Visitor, action: str, *, at: str) -> None:
    """Have something done with the first row of a list."""
    olga.go(at)
    olga.page.locator("#result_list .action-select").first.check()
    olga.page.get_by_label("Action:").select_option(value=action)
    olga.page.locator(".actions button[name=index]").click()
    olga.page.wait_for_load_state()


@pytest.mark.slow
def test_the_pages_that_ask_an_operator_again_and_show_a_secret(olga: Visitor) -> None:
    keys, clients = "/admin/tokens_stateless/signingkey/", "/admin/tokens_stateless/client/"
    choose(olga, "revoke_selected", at=keys)
    asked = faults(olga)
    olga.go(f"{clients}add/")
    olga.page.get_by_label("Name").fill("Reports")
    olga.page.get_by_label("Audiences").fill("https://reports.example.com")
    olga.page.locator("[name=_save]").click()
    olga.see("Copy it now.")
    told = faults(olga)

    choose(olga, "renew_selected", at=clients)

    assert (asked, told, faults(olga)) == ({}, {}, {})


def test_the_pages_behind_a_mailed_link(visit: Visit, site: Site) -> None:
    bob = visit()
    for path, address in (("/password/reset/", "bob@example.com"), ("/signup/", "fred@example.com")):
        bob.ask_for_link(path, address)
        bob.page.goto(site.link_mailed_to(address, path=path))
        assert faults(bob) == {}


def test_a_form_with_mistakes(visit: Visit) -> None:
    bob = visit()
    for path, button in (("/login/", "Sign in"), ("/signup/", "Send me the link")):
        bob.go(path)
        bob.press(button)
        bob.see("This field is required.")
        bob.forgive(path)
        assert faults(bob) == {}


def test_the_page_for_whoever_has_tried_too_often(visit: Visit) -> None:
    bob = visit()
    for _attempt in range(6):
        bob.sign_in("nobody@example.com", "not a password of anybody")
        bob.page.wait_for_load_state()
    bob.see("Too many")
    bob.forgive("/login/")

    assert faults(bob) == {}


def test_the_page_for_a_form_that_proves_nothing(visit: Visit) -> None:
    bob = visit()
    bob.go("/login/")
    bob.fill("Email address", "bob@example.com")
    bob.page.context.clear_cookies()

    bob.press("Sign in")
    bob.page.get_by_role("heading", name="Sign in").wait_for(state="detached")
    bob.forgive("/login/")

    assert faults(bob) == {}


def test_the_token_client_with_a_token(visit: Visit) -> None:
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    alice.page.get_by_role("button", name="Call /api/me/").click()
    alice.see("The server knows you as")

    assert faults(alice) == {}


def test_the_page_to_try_the_api_on(visit: Visit) -> None:
    alice = visit()
    alice.go("/api/docs/")
    alice.page.get_by_text("/api/token/refresh/").first.click()
    alice.page.get_by_text("Try it out").first.wait_for()

    assert faults(alice) == {}
