"""That was not me: the stranger is out, the owner gets a new password, and a thief gains nothing by it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client

from accounts import mail
from accounts.logins import EndReason, Login
from accounts.models import Event
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from tests.accounts.rows import a_login
from tests.doors import JSON, nobody, pair, with_cookie, with_token

TWICE = {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}


def knows(client: Client) -> bool:
    """Whether the client is still somebody."""
    return client.get("/api/me/").status_code == 200


def not_me(browser: Client, login: Login) -> Any:
    """Press the button on the page, and go where it leads."""
    return browser.post(f"/logins/{login.pk}/not-me/", follow=True)


def mailed_link() -> str:
    """The path of the link for a new password in the only mail."""
    mail.wait()
    (message,) = outbox.outbox
    found = re.search(r"http://[^/]+(/password/reset/\S+)", str(message.body))
    assert found
    return found[1]


def signs_in(password: str) -> bool:
    told = {"email": "alice@example.com", "password": password}
    return nobody().post("/api/token/", told, content_type=JSON).status_code == 200


def test_the_stranger_is_out_at_once_and_the_owner_is_led_to_a_new_password() -> None:
    alice()
    browser, program = with_cookie(), with_token()
    stranger = a_login()

    answer = not_me(browser, stranger)

    assert answer.redirect_chain == [("/password/change/?not-me", 302)]
    assert "That sign-in has ended." in answer.text
    stranger.refresh_from_db()
    assert stranger.end_reason == EndReason.REVOKED_BY_OWNER
    assert knows(browser)
    assert knows(program)


def test_the_new_password_ends_everything_else_in_both_flows_and_keeps_this_browser() -> None:
    alice()
    browser, other, program = with_cookie(), with_cookie(), with_token()
    copied = nobody()
    copied.cookies["sid"] = browser.cookies["sid"].value
    not_me(browser, a_login())

    answer = browser.post("/password/change/?not-me", {"old_password": PASSWORD, **TWICE})

    assert answer.status_code == 302
    assert [knows(one) for one in (browser, other, program, copied)] == [True, False, False, False]
    assert (signs_in(PASSWORD), signs_in(OTHER_PASSWORD)) == (False, True)


def test_without_the_password_nobody_gets_a_new_one() -> None:
    alice()
    thief, owner = with_cookie(), with_cookie()
    not_me(thief, a_login())

    answer = thief.post("/password/change/?not-me", {"old_password": "a wrong password", **TWICE})

    assert answer.status_code == 400
    assert "Keep the stranger out" in answer.text
    assert knows(owner)
    assert signs_in(PASSWORD)


def test_whoever_does_not_know_the_password_leaves_everywhere_and_gets_a_link() -> None:
    alice()
    browser, other, program, of_bob = with_cookie(), with_cookie(), with_token(), bob()
    theirs = a_login(of_bob)

    answer = browser.post("/logins/leave/", follow=True)

    assert answer.redirect_chain == [("/password/reset/sent/", 302)]
    assert "You are signed out everywhere." in answer.text
    assert [knows(one) for one in (browser, other, program)] == [False] * 3
    assert list(Login.objects.live()) == [theirs]
    assert nobody().get(mailed_link(), follow=True).context["valid"]
    assert outbox.outbox[0].to == ["alice@example.com"]


def test_a_thief_who_leaves_everywhere_has_locked_out_nobody_but_himself() -> None:
    alice()
    thief = with_cookie()

    thief.post("/logins/leave/")

    assert not knows(thief)
    assert signs_in(PASSWORD)


@pytest.mark.parametrize("caller", [with_cookie, with_token])
def test_over_the_api_everything_ends_this_one_too_and_a_link_is_mailed(caller: Any) -> None:
    alice()
    mine, other, stranger = caller(), with_cookie(), a_login()

    answer = mine.post(f"/api/logins/{stranger.pk}/not-me/", content_type=JSON)

    assert (answer.status_code, answer.json()) == (200, {"ended": 3, "mailed": True})
    assert [knows(one) for one in (mine, other)] == [False, False]
    assert caller is with_token or answer.cookies["sid"].value == ""
    assert nobody().get(mailed_link(), follow=True).context["valid"]


def test_one_may_disown_the_very_login_that_one_uses() -> None:
    alice()
    program = pair()
    mine = nobody(headers={"Authorization": f"Bearer {program['access']}"})

    answer = mine.post(f"/api/logins/{Login.objects.get().pk}/not-me/", content_type=JSON)

    assert answer.json() == {"ended": 1, "mailed": True}
    assert not knows(mine)


def test_what_an_owner_disowns_is_written_down_though_it_had_ended() -> None:
    person = alice()
    browser = with_cookie()
    stranger = a_login(end_reason=EndReason.LOGOUT, ended_at="2026-11-20T00:00:00Z")

    not_me(browser, stranger)

    event = Event.objects.get(name="login_disowned")
    assert (event.login_id, event.user_uuid, event.actor_uuid) == (stranger.pk, person.pk, person.pk)
    stranger.refresh_from_db()
    assert stranger.end_reason == EndReason.LOGOUT


def test_who_has_asked_for_too_many_links_still_leaves_everywhere() -> None:
    alice()
    browser = with_cookie()
    for _ in range(10):
        nobody().post("/password/reset/", {"email": "alice@example.com"})
    mail.wait()
    sent = len(outbox.outbox)

    answer = browser.post("/logins/leave/", follow=True)

    assert answer.redirect_chain == [("/password/reset/", 302)]
    assert "wait, then ask for one here" in answer.text
    assert not knows(browser)
    mail.wait()
    assert len(outbox.outbox) == sent < 10


@pytest.mark.parametrize("path", ["/logins/leave/", "/logins/{}/not-me/"])
def test_nobody_is_sent_to_sign_in(path: str) -> None:
    stranger = a_login()

    answer = nobody().post(path.format(stranger.pk))

    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/login/")
    assert Login.objects.live().count() == 1
