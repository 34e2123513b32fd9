"""A person with a browser: signs up, signs in, is ended from elsewhere, and gets a new password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Site, Visitor

pytestmark = [pytest.mark.browser]

NEW_PASSWORD = "seven swans on a lake"
Visit = Callable[..., Visitor]


def end_as_operator(olga: Visitor, address: str) -> None:
    """End all Logins that the admin's list finds for this address."""
    olga.sign_in("olga@example.com", path="/login/?next=/admin/accounts/login/")
    olga.page.get_by_role("searchbox", name="Search").fill(address)
    olga.page.get_by_role("button", name="Search").click()
    olga.page.locator("#action-toggle").check()
    olga.page.get_by_label("Action:").select_option(label="End selected logins")
    olga.page.locator(".actions button[name=index]").click()
    olga.see("1 login was ended.")


def test_somebody_signs_up_signs_in_and_is_ended_by_an_operator(visit: Visit, site: Site) -> None:
    dora, olga = visit(), visit()
    dora.ask_for_link("/signup/", "dora@example.com")
    dora.page.goto(site.link_mailed_to("dora@example.com", path="/signup/"))
    dora.choose_password(NEW_PASSWORD, button="Create the account")
    dora.see("Your account is ready.")
    dora.sign_in("dora@example.com", NEW_PASSWORD)
    dora.arrive("/logins/")
    dora.page.locator("tr.current").get_by_text("This device").wait_for()

    end_as_operator(olga, "dora@")
    dora.page.get_by_role("link", name="Change password").first.click()

    dora.arrive("/login/")
    dora.page.get_by_role("heading", name="Sign in").wait_for()


def test_a_mailed_link_sets_a_new_password_and_ends_every_session(visit: Visit, site: Site) -> None:
    home, phone, new = visit(), visit(), visit()
    for old in (home, phone):
        old.sign_in("bob@example.com")
        old.arrive("/logins/")
    new.ask_for_link("/password/reset/", "bob@example.com")
    link = site.link_mailed_to("bob@example.com", path="/password/reset/")

    new.page.goto(link)
    assert link.rpartition("/")[0].rpartition("/")[2] not in new.page.url
    new.choose_password(NEW_PASSWORD, button="Set the new password")

    new.arrive("/login/")
    new.see("you are signed out everywhere")
    for old in (home, phone):
        old.go("/logins/")
        old.arrive("/login/")
    new.sign_in("bob@example.com", NEW_PASSWORD)
    new.arrive("/logins/")


def test_a_link_works_once(visit: Visit, site: Site) -> None:
    erin = visit()
    for path, button in [("/signup/", "Create the account"), ("/password/reset/", "Set the new password")]:
        erin.ask_for_link(path, "erin@example.com")
        link = site.link_mailed_to("erin@example.com", path=path)
        erin.page.goto(link)
        erin.choose_password(NEW_PASSWORD, button=button)
        erin.arrive("/login/")

        erin.page.goto(link)

        erin.see("This link no longer works")


def test_a_changed_password_keeps_this_session_and_ends_the_other(visit: Visit) -> None:
    here, there = visit(), visit()
    for each in (here, there):
        each.sign_in("alice@example.com")
        each.arrive("/logins/")
    here.go("/password/change/")

    here.fill("Current password", "stateful or stateless")
    here.choose_password(NEW_PASSWORD, button="Change password")

    here.arrive("/logins/")
    assert here.page.locator("table.logins:not(.ended) tbody tr").count() == 1
    there.page.reload()
    there.arrive("/login/")


def test_no_link_to_the_sign_in_page_leads_away(visit: Visit, site: Site) -> None:
    olga = visit()
    olga.sign_in("olga@example.com", path="/login/?next=/password/change/")
    olga.arrive("/password/change/")

    for address in ("https://evil.example/", "//evil.example/", "/\\evil.example/"):
        olga.go(f"/login/?next={address}")
        assert olga.page.url.startswith(site.url("/login/"))
        assert olga.page.get_by_role("button", name="Sign in").count() == 0
