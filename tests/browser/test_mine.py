"""A person looks at where they are signed in, and ends what is not wanted or not theirs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from authdemo.demo import PASSWORD
from tests.browser.conftest import Site, Visitor
from tests.browser.test_pages import faults

pytestmark = [pytest.mark.browser]

NEW_PASSWORD = "seven swans on a lake"
FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Mobile/15E148 Safari/604.1"
)
Visit = Callable[..., Visitor]


def program(visitor: Visitor, email: str, *, agent: str = "curl/8.5.0") -> str:
    """The access token of a program in which this person has signed in."""
    answer = visitor.page.request.post(
        visitor.site.url("/api/token/"),
        data={"email": email, "password": PASSWORD},
        headers={"User-Agent": agent},
    )
    token: str = answer.json()["access"]
    return token


def lives(visitor: Visitor, token: str) -> bool:
    """Whether a program is still let in."""
    headers = {"Authorization": f"Bearer {token}"}
    return visitor.page.request.get(visitor.site.url("/api/me/"), headers=headers).ok


def signed_in(visit: Visit, email: str) -> Visitor:
    """Somebody with their list before them."""
    visitor = visit()
    visitor.sign_in(email)
    visitor.arrive("/logins/")
    return visitor


def press(visitor: Visitor, device: str, button: str) -> None:
    """Press a button in the line of a device."""
    line = visitor.page.locator("table.logins:not(.ended) tbody tr", has_text=device).first
    line.get_by_role("button", name=re.compile(rf"^{button}\W+{device}")).click()


def test_somebody_ends_one_and_sees_it_below_with_its_reason(visit: Visit) -> None:
    alice = signed_in(visit, "alice@example.com")
    phone, kept = program(alice, "alice@example.com", agent=PHONE), program(alice, "alice@example.com")
    alice.go("/logins/")

    press(alice, "Mobile Safari on iOS", "End")

    alice.see("That sign-in has ended.")
    gone = alice.page.locator("table.ended tbody tr", has_text="Mobile Safari on iOS")
    assert "ended by its owner" in gone.first.inner_text()
    assert (lives(alice, phone), lives(alice, kept)) == (False, True)
    assert faults(alice) == {}


AN_HOUR_AGO = """
from datetime import timedelta
from accounts import logins
from sessions_stateful.models import Session
for session in Session.objects.filter(login__isnull=False):
    session.authenticated_at -= timedelta(hours=1)
    session.version += 1
    session.save()
    logins.outdate(session.login_id, version=session.version)
"""


def test_somebody_ends_all_others_with_the_password(visit: Visit, site: Site) -> None:
    bob, other = signed_in(visit, "bob@example.com"), signed_in(visit, "bob@example.com")
    token = program(bob, "bob@example.com")
    site.server.manage("shell", "--verbosity=0", "-c", AN_HOUR_AGO)
    bob.go("/logins/")

    bob.press("End all others")
    bob.arrive("/login/again/")
    assert lives(bob, token)
    bob.fill("Password", PASSWORD)
    bob.press("Go on")
    bob.arrive("/logins/")
    bob.press("End all others")

    bob.see("2 other sign-ins have ended.")
    bob.see("You are logged in nowhere else.")
    other.page.reload()
    other.arrive("/login/")
    assert not lives(bob, token)
    assert faults(bob) == {}


def test_that_was_not_me_leads_to_a_new_password_that_ends_everything_else(visit: Visit) -> None:
    alice, other = signed_in(visit, "alice@example.com"), signed_in(visit, "alice@example.com")
    stranger, token = program(alice, "alice@example.com", agent=FIREFOX), program(alice, "alice@example.com")
    alice.go("/logins/")

    press(alice, "Firefox on Ubuntu", "That was not me")
    alice.arrive("/password/change/")
    alice.see("That sign-in has ended.")
    assert (lives(alice, stranger), lives(alice, token)) == (False, True)
    assert faults(alice) == {}
    alice.fill("Current password", PASSWORD)
    alice.fill("New password", NEW_PASSWORD)
    alice.fill("New password again", NEW_PASSWORD)
    alice.press("Change password and sign out everywhere else")

    alice.arrive("/logins/")
    alice.see("Every other sign-in of yours has ended.")
    assert not lives(alice, token)
    other.page.reload()
    other.arrive("/login/")


def test_whoever_does_not_know_the_password_leaves_everywhere_and_comes_back_by_mail(
    visit: Visit, site: Site
) -> None:
    bob, other = signed_in(visit, "bob@example.com"), signed_in(visit, "bob@example.com")
    program(bob, "bob@example.com", agent=FIREFOX)
    bob.go("/logins/")

    press(bob, "Firefox on Ubuntu", "That was not me")
    bob.press("Sign out everywhere and mail me a link")

    bob.see("You are signed out everywhere.")
    other.page.reload()
    other.arrive("/login/")
    bob.page.goto(site.link_mailed_to("bob@example.com", path="/password/reset/"))
    bob.choose_password(NEW_PASSWORD, button="Set the new password")
    bob.arrive("/login/")
    bob.sign_in("bob@example.com", NEW_PASSWORD)
    bob.arrive("/logins/")
    bob.see("You are logged in nowhere else.")


def test_thirty_devices_with_long_names_fit_every_screen(visit: Visit) -> None:
    olga = signed_in(visit, "olga@example.com")
    for number in range(30):
        program(olga, "olga@example.com", agent=f"A{'very' * 9}{number:02}/1 (Windows NT 10.0)")
    olga.go("/logins/")

    assert olga.page.locator("table.logins:not(.ended) tbody tr").count() == 31
    assert faults(olga) == {}
