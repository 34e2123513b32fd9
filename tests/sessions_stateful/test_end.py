"""Signing out ends the Login, kills the stored session and takes the cookie away, from every door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth import alogout
from django.test import AsyncClient, Client

from accounts import credentials, logins
from accounts.logins import EndReason, Login
from accounts.models import Event
from accounts.testing import OTHER_PASSWORD, alice, bob, olga
from sessions_stateful.models import Session
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.third_party import (
    async_visit,
    holding,
    key,
    put,
    statements,
    tab,
    touches_cookie,
    visit,
    who,
)

pytestmark = pytest.mark.urls("tests.sessions_stateful.third_party")

NAME = settings.SESSION_COOKIE_NAME
BACKEND = settings.AUTHENTICATION_BACKENDS[0]


def signed_in(person: Any = None) -> Client:
    browser = Client()
    browser.force_login(person or olga())
    return browser


def at_the_page(browser: Client) -> Any:
    return browser.post("/logout/")


def at_the_api(browser: Client) -> Any:
    return browser.delete("/api/session/")


def at_the_admin(browser: Client) -> Any:
    return browser.post("/admin/logout/")


def at_a_third_party(browser: Client) -> Any:
    return visit(browser, auth.logout)


def at_an_async_third_party(browser: Client) -> Any:
    other = AsyncClient()
    other.cookies = browser.cookies
    return async_visit(other, alogout)


def at_my_list_of_logins(browser: Client) -> Any:
    return browser.post(f"/logins/{Login.objects.live().get().pk}/end/")


def at_my_list_of_logins_in_the_api(browser: Client) -> Any:
    return browser.delete(f"/api/logins/{Login.objects.live().get().pk}/")


DOORS = [
    at_the_page,
    at_the_api,
    at_the_admin,
    at_a_third_party,
    at_an_async_third_party,
    at_my_list_of_logins_in_the_api,
]


@pytest.mark.parametrize("door", DOORS)
def test_signing_out_ends_the_login_kills_the_session_and_deletes_the_cookie(
    door: Callable[[Client], Any],
) -> None:
    browser = signed_in()
    old = key(browser)

    answer = door(browser)

    login = Login.objects.get()
    assert (login.end_reason, login.ended_by) == (EndReason.LOGOUT, login.user)
    assert not Session.objects.exists()
    assert (answer.cookies[NAME].value, answer.cookies[NAME]["max-age"]) == ("", 0)
    assert (who(browser), who(holding(old))) == (None, None)


def test_ending_this_login_in_the_list_signs_this_browser_out() -> None:
    browser = signed_in()
    old = key(browser)

    at_my_list_of_logins(browser)

    assert Login.objects.get().end_reason == EndReason.LOGOUT
    assert (who(browser), who(holding(old))) == (None, None)


def test_the_cookie_is_deleted_where_it_was_set() -> None:
    browser = signed_in()
    given = put(browser, colour="red").cookies[NAME]

    deleted = browser.post("/logout/").cookies[NAME]

    assert [deleted[name] for name in ("path", "domain", "samesite")] == [
        given[name] for name in ("path", "domain", "samesite")
    ]


@pytest.mark.parametrize("sign_out", [lambda browser: browser.logout(), lambda b: async_to_sync(b.alogout)()])
def test_the_test_client_signs_out(sign_out: Callable[[Any], Any]) -> None:
    browser = AsyncClient()
    browser.force_login(alice())

    sign_out(browser)

    assert Login.objects.get().end_reason == EndReason.LOGOUT


def test_signing_out_is_an_event_with_its_reason_and_actor(noted: Noted) -> None:
    person = alice()
    browser = signed_in(person)

    browser.post("/logout/")

    event = Event.objects.get(name="login_ended")
    assert (event.user_uuid, event.actor_uuid, event.detail["reason"]) == (person.pk, person.pk, "logout")
    assert noted.names[-1] == "login_ended"


def test_signing_out_costs_a_fixed_number_of_statements() -> None:
    browser = signed_in(alice())

    # Load; lock, end and kill, where there are copies with a look for their keys; the event; and the flush,
    # which kills what is gone already.
    with statements(6, with_copy=7):
        browser.post("/logout/")


def test_other_devices_and_other_people_stay_signed_in() -> None:
    person = alice()
    one, other, bobs = signed_in(person), signed_in(person), signed_in(bob())

    one.post("/logout/")

    assert [who(one), who(other), who(bobs)] == [None, "alice@example.com", "bob@example.com"]


def test_another_tab_of_the_same_browser_is_signed_out() -> None:
    browser = signed_in()
    other = tab(browser)

    browser.post("/logout/")

    assert who(other) is None


@pytest.mark.parametrize("door", DOORS[:4])
def test_signing_out_twice_is_fine(door: Callable[[Client], Any]) -> None:
    browser = signed_in()
    late = tab(browser)

    first, second = door(browser), door(late)

    assert second.status_code == first.status_code or door is at_the_admin
    assert Login.objects.get().end_reason == EndReason.LOGOUT
    assert Event.objects.filter(name="login_ended").count() == 1


@pytest.mark.parametrize("door", DOORS[:4])
def test_whoever_is_nobody_signs_out_and_nothing_is_written(door: Callable[[Client], Any]) -> None:
    with statements(0):
        answer = door(Client())

    assert answer.status_code < 400
    assert not touches_cookie(answer)


def test_signing_out_empties_an_anonymous_session_and_takes_its_cookie() -> None:
    browser = Client()
    put(browser, basket=[1])

    answer = browser.post("/logout/")

    assert (answer.cookies[NAME]["max-age"], Session.objects.count()) == (0, 0)


def test_a_message_after_signing_out_is_kept_in_a_session_of_its_own() -> None:
    browser = signed_in()
    old = key(browser)

    def act(request: Any) -> None:
        auth.logout(request)
        messages.info(request, "See you.")

    visit(browser, act)

    assert key(browser) not in ("", old)
    assert (who(browser), Session.objects.get().login_id) == (None, None)
    assert b"See you." in browser.get("/login/").content


def test_signing_out_in_the_request_that_signed_in_is_a_sign_out() -> None:
    person = alice()

    def act(request: Any) -> None:
        auth.login(request, person, backend=BACKEND)
        auth.logout(request)

    visit(Client(), act)

    assert Login.objects.get().end_reason == EndReason.LOGOUT


@pytest.mark.parametrize("before", [auth.logout, lambda request: request.session.flush()])
def test_a_session_that_was_cleared_first_is_still_ended(before: Callable[[Any], Any]) -> None:
    browser = signed_in()

    def act(request: Any) -> None:
        request.session.clear()
        before(request)

    visit(browser, act)

    assert Login.objects.get().ended_at is not None
    assert not Session.objects.exists()


def test_flushing_without_signing_out_ends_the_login_as_replaced() -> None:
    browser = signed_in()

    visit(browser, lambda request: request.session.flush())

    assert Login.objects.get().end_reason == EndReason.REPLACED
    assert who(browser) is None


@pytest.mark.parametrize("act", ["cycle_key", "delete"])
def test_a_new_key_and_deleting_leave_the_login_alone(act: str) -> None:
    browser = signed_in()

    visit(browser, lambda request: getattr(request.session, act)())

    assert Login.objects.get().is_live
    assert who(browser) == ("olga@example.com" if act == "cycle_key" else None)


def test_ending_from_elsewhere_kills_the_stored_session_in_the_same_transaction() -> None:
    signed_in()

    logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert not Session.objects.exists()


def test_ending_all_others_spares_this_one() -> None:
    person = alice()
    this, other = signed_in(person), signed_in(person)

    this.post("/logins/end-others/")

    assert (who(this), who(other), Session.objects.count()) == ("alice@example.com", None, 1)


def test_a_new_password_keeps_this_session_under_a_new_key_and_ends_the_others() -> None:
    person = alice()
    this, other = signed_in(person), signed_in(person)
    before = tab(this)

    def change(request: Any) -> None:
        user = auth.get_user_model().objects.get(pk=request.user.pk)
        credentials.change_password(user, OTHER_PASSWORD, keep=request.login_id)
        auth.update_session_auth_hash(request, user)

    visit(this, change)

    assert [who(this), who(before), who(other)] == ["alice@example.com", None, None]
    assert Login.objects.live().count() == 1


def test_a_message_of_whoever_sends_the_signal_without_a_session_is_not_ours() -> None:
    auth.user_logged_out.send(sender=None, request=None, user=None)

    assert not Event.objects.exists()
