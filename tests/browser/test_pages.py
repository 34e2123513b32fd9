"""Every page, wide and narrow: fit for everybody, within the strict policy, and never scrolling sideways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest
from axe_playwright_python.sync_playwright import Axe

from authdemo.demo import PASSWORD
from tests.browser.conftest import Site, Visitor

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]
WIDE, NARROW = 1280, 375
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
    "/admin/tokens_stateless/signingkey/", "/admin/tokens_stateless/client/",
    "/admin/tokens_stateless/client/add/", "/admin/accounts/event/?name=login_ended", "/admin/nowhere/",
]  # fmt: skip
# Which rules are known to be broken, and where: none by our own markup, some by what others bring.
OURS: Mapping[str, str] = MappingProxyType({})
DJANGOS = {
    # The label of the search box is a picture, with "Search" as its text.
    "label-title-only": "#searchbar",
    # The question mark beside a list of choices has a label and no role.
    "aria-prohibited-attr": ".help-tooltip",
}
SWAGGERS = {
    # White on its bright colours for methods, and grey for paths and versions.
    "color-contrast": "",
    # Each operation's line is a button that holds another one, which copies the path.
    "nested-interactive": "opblock-summary",
    # Its boxes of examples scroll, and the keyboard does not get there.
    "scrollable-region-focusable": ".microlight",
}


def serious(visitor: Visitor, known: Mapping[str, str]) -> list[str]:
    """What axe finds serious or critical and is not `known`, as rule and place."""
    found = [
        (rule["id"], str(node["target"]))
        for rule in Axe().run(visitor.page).response["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    # axe itself does what the policy forbids; what the browser says of that is not about the page.
    visitor.heard.clear()
    return [f"{rule} at {place}" for rule, place in found if known.get(rule, "\0") not in place]


def faults(visitor: Visitor, *, known: Mapping[str, str] = OURS) -> dict[str, list[str]]:
    """What is wrong with the page that a visitor sees, at each width."""
    wrong: dict[str, list[str]] = {}
    for width in (WIDE, NARROW):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        if (needed := visitor.page.evaluate("() => document.documentElement.scrollWidth")) > width:
            wrong[f"scrolls at {width}"] = [f"{needed} wide"]
        wrong[f"says at {width}"] = visitor.complaints
        wrong[f"axe at {width}"] = serious(visitor, known)
    return {what: told for what, told in wrong.items() if told}


def walked(visitor: Visitor, *paths: str, known: Mapping[str, str] = OURS) -> dict[str, dict[str, list[str]]]:
    """The faults of each of these pages that has any."""
    found = {}
    for path in paths:
        visitor.page.set_viewport_size({"width": WIDE, "height": 800})
        visitor.go(path)
        found[path] = faults(visitor, known=known)
    return {path: wrong for path, wrong in found.items() if wrong}


def first_row(visitor: Visitor, path: str) -> str:
    """Where the first row of a list leads."""
    visitor.go(path)
    return visitor.page.locator("#result_list th a").first.get_attribute("href") or ""


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


def test_the_pages_for_operators(visit: Visit, somebody: Visitor) -> None:
    olga = visit()
    olga.sign_in("olga@example.com", path="/login/?next=/admin/accounts/login/")
    olga.arrive("/admin/accounts/login/")
    login = olga.page.locator("#result_list th a").first.get_attribute("href") or ""
    person = first_row(olga, "/admin/accounts/user/?q=alice").partition("?")[0]

    rows = [
        first_row(olga, path) for path in ("/admin/accounts/event/", "/admin/tokens_stateless/signingkey/")
    ]

    paths = [*FOR_OPERATORS, login, person, person.replace("change", "delete"), *rows]
    assert walked(olga, *paths, known=DJANGOS) == {}


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

    assert faults(alice, known=SWAGGERS) == {}
