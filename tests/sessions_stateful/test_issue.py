"""Whichever door `login()` is called from: a Login starts, under a key that nobody had before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import auth
from django.contrib.auth import aauthenticate, alogin, authenticate
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import CreateError
from django.test import AsyncClient, Client, override_settings

from accounts import credentials
from accounts.errors import InvalidCredentials
from accounts.logins import EndReason, Login
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob, olga
from sessions_stateful import conf, issue, keys
from sessions_stateful.models import Session
from sessions_stateful.store import SessionStore
from tests.sessions_stateful.third_party import (
    async_visit,
    held_request,
    holding,
    key,
    put,
    statements,
    tab,
    visit,
    who,
)

pytestmark = pytest.mark.urls("tests.sessions_stateful.third_party")

BACKEND = settings.AUTHENTICATION_BACKENDS[0]


def at_the_page(email: str) -> Client:
    browser = Client()
    assert browser.post("/login/", {"email": email, "password": PASSWORD}).status_code == 302
    return browser


def at_the_api(email: str) -> Client:
    browser = Client()
    body = {"email": email, "password": PASSWORD}
    assert browser.post("/api/session/", body, content_type="application/json").status_code == 200
    return browser


def at_the_admin(email: str) -> Client:
    browser = Client()
    body = {"username": email, "password": PASSWORD, "next": "/admin/"}
    assert browser.post("/admin/login/", body).status_code == 302
    return browser


def at_a_third_party(email: str) -> Client:
    browser = Client()
    visit(browser, lambda request: auth.login(request, authenticate(request, email=email, password=PASSWORD)))
    return browser


def at_an_async_third_party(email: str) -> AsyncClient:
    async def sign_in(request: Any) -> None:
        await alogin(request, await aauthenticate(request, email=email, password=PASSWORD))

    browser = AsyncClient()
    async_visit(browser, sign_in)
    return browser


def by_the_test_client(email: str) -> Client:
    browser = Client()
    assert browser.login(email=email, password=PASSWORD)
    return browser


def by_the_async_test_client(email: str) -> AsyncClient:
    browser = AsyncClient()
    assert async_to_sync(browser.alogin)(email=email, password=PASSWORD)
    return browser


DOORS = [
    at_the_page,
    at_the_api,
    at_the_admin,
    at_a_third_party,
    at_an_async_third_party,
    by_the_test_client,
    by_the_async_test_client,
]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_starts_a_login_and_binds_it_to_the_session(door: Callable[[str], Any]) -> None:
    """S12: the awaited doors, too."""
    browser = door(olga().email)

    login, session = Login.objects.get(), Session.objects.get(login__isnull=False)
    assert (login.flow, session.login_id) == ("session", login.pk)
    assert who(browser) == "olga@example.com"


@pytest.mark.parametrize("door", DOORS)
def test_every_door_sends_the_signal_once(door: Callable[[str], Any]) -> None:
    heard: list[str] = []

    def hear(user: Any, **_kwargs: Any) -> None:
        heard.append(user.email)

    olga()
    user_logged_in.connect(hear)
    door("olga@example.com")
    user_logged_in.disconnect(hear)

    assert heard == ["olga@example.com"]


def test_force_login_signs_in_without_a_password() -> None:
    browser, other = Client(), AsyncClient()

    browser.force_login(alice())
    async_to_sync(other.aforce_login)(bob())

    assert (who(browser), who(other)) == ("alice@example.com", "bob@example.com")


@pytest.mark.parametrize("planted", [{}, {"colour": "red"}], ids=["no data", "data"])
def test_a_sign_in_brings_a_new_key_and_kills_the_old_one(planted: dict[str, str]) -> None:
    """S14"""
    person, browser = alice(), Client()
    put(browser, seen=1, **planted)
    before = key(browser)

    browser.force_login(person)

    assert key(browser) != before
    assert (who(browser), who(holding(before))) == ("alice@example.com", None)
    assert not SessionStore().exists(before)


@pytest.mark.parametrize("chosen", ["A" * 54, keys.new_key()], ids=["made up", "of ours"])
def test_a_key_that_somebody_chose_is_not_adopted(chosen: str) -> None:
    """S7, S14"""
    browser = holding(chosen)

    browser.force_login(alice())

    assert key(browser) != chosen
    assert (who(browser), who(holding(chosen))) == ("alice@example.com", None)


def test_what_was_planted_before_the_sign_in_is_dropped() -> None:
    """S14"""
    person, browser = alice(), Client()
    put(browser, basket=[1], role="admin", _session_expiry=10**9)

    browser.post("/login/", {"email": person.email, "password": PASSWORD})

    assert set(SessionStore(key(browser)).keys()) == issue.ABOUT_THE_PERSON


def test_what_a_project_lists_survives_the_sign_in() -> None:
    """S14"""
    person, browser = alice(), Client()
    put(browser, basket=[1], role="admin")

    with override_settings(SESSIONS_STATEFUL=conf.Sessions(kept_at_sign_in=("basket",))):
        browser.force_login(person)

    assert set(SessionStore(key(browser)).keys()) == {*issue.ABOUT_THE_PERSON, "basket"}


def test_the_same_person_again_keeps_the_login_and_gets_a_new_key() -> None:
    """S14: re-authentication."""
    browser = at_the_page(alice().email)
    before, login = key(browser), Login.objects.get()

    browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})

    assert Login.objects.get() == login
    assert Login.objects.live().count() == 1
    assert (key(browser) != before, who(browser), who(holding(before))) == (True, "alice@example.com", None)


def test_the_same_person_again_has_proved_it_just_now() -> None:
    browser = at_the_page(alice().email)
    first = browser.get("/api/me/").json()["authenticated_at"]

    browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})

    assert browser.get("/api/me/").json()["authenticated_at"] > first


def test_the_same_person_again_keeps_what_is_in_the_session() -> None:
    browser = at_the_page(alice().email)
    put(browser, basket=[1])

    browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})

    assert SessionStore(key(browser))["basket"] == [1]


@pytest.mark.parametrize("door", [at_the_page, at_the_api])
def test_another_person_in_the_same_browser_ends_the_first_login_as_replaced(
    door: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = at_the_page(alice().email)
    before = key(browser)
    monkeypatch.setattr("tests.sessions_stateful.test_issue.Client", lambda: browser)

    door(bob().email)

    first, second = Login.objects.order_by("started_at")
    assert (first.end_reason, second.is_live) == (EndReason.REPLACED, True)
    assert (who(browser), who(holding(before))) == ("bob@example.com", None)


def test_another_person_finds_nothing_of_the_first_one() -> None:
    browser = at_the_page(alice().email)
    put(browser, basket=[1])

    with override_settings(SESSIONS_STATEFUL=conf.Sessions(kept_at_sign_in=("basket",))):
        browser.post("/login/", {"email": bob().email, "password": PASSWORD})

    assert set(SessionStore(key(browser)).keys()) == issue.ABOUT_THE_PERSON


@pytest.mark.parametrize("empty", ["clear", "forget"])
def test_another_person_does_not_get_the_login_of_a_session_that_was_emptied(empty: str) -> None:
    browser = at_the_page(alice().email)

    def emptied(request: Any) -> None:
        request.session.clear() if empty == "clear" else request.session.pop(auth.SESSION_KEY)

    visit(browser, emptied)
    assert who(browser) is None
    browser.post("/login/", {"email": bob().email, "password": PASSWORD})

    first, second = Login.objects.order_by("started_at")
    assert (first.end_reason, second.is_live, who(browser)) == (EndReason.REPLACED, True, "bob@example.com")


def test_a_session_that_names_a_person_without_a_login_is_nobody_and_gets_a_new_key_at_sign_in() -> None:
    """S14"""
    person, browser = alice(), Client()
    claims = {
        auth.SESSION_KEY: str(person.pk),
        auth.BACKEND_SESSION_KEY: BACKEND,
        auth.HASH_SESSION_KEY: person.get_session_auth_hash(),
    }
    put(browser, **claims)
    before = key(browser)
    assert who(browser) is None

    browser.post("/login/", {"email": person.email, "password": PASSWORD})

    assert (who(browser), who(holding(before)), key(browser) != before) == (person.email, None, True)


def test_the_token_door_starts_no_login_of_this_flow() -> None:
    person = alice()

    Client().post(
        "/api/token/", {"email": person.email, "password": PASSWORD}, content_type="application/json"
    )

    assert [login.flow for login in Login.objects.all()] == ["token"]
    assert not Session.objects.exists()


def test_two_sign_ins_of_one_browser_at_once_are_two_logins_that_work() -> None:
    """A double click, with an anonymous session that both bring."""
    person, browser = alice(), Client()
    put(browser, basket=[1])
    second = tab(browser)

    def sign_in(request: Any) -> None:
        auth.login(request, person, backend=BACKEND)

    with held_request(browser, sign_in) as held:
        visit(second, sign_in)

    browser.cookies = held.answer.cookies
    assert (held.answer.status_code, who(browser), who(second)) == (200, person.email, person.email)
    assert Login.objects.live().count() == 2


def test_of_two_re_authentications_at_once_the_first_stands() -> None:
    browser = at_the_page(alice().email)
    second = tab(browser)

    def again(request: Any) -> None:
        auth.login(request, request.user, backend=BACKEND)

    with held_request(browser, again) as held:
        visit(second, again)

    assert (held.answer.status_code, held.answer.cookies.get(settings.SESSION_COOKIE_NAME)) == (400, None)
    assert (who(second), Session.objects.count()) == ("alice@example.com", 1)


def test_a_password_that_was_changed_meanwhile_signs_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feed 13: verified with the old password, the new one is committed, then the sign-in goes on."""
    person, browser, verify = alice(), Client(), credentials.verify

    def slow(*args: Any, **kwargs: Any) -> Any:
        verified = verify(*args, **kwargs)
        credentials.change_password(type(person).objects.get(), OTHER_PASSWORD)
        return verified

    monkeypatch.setattr(credentials, "verify", slow)
    answer = browser.post("/login/", {"email": person.email, "password": PASSWORD})

    assert (answer.status_code, who(browser)) == (401, None)
    assert b"Signed in as" not in answer.content
    assert not Login.objects.exists()
    assert not Session.objects.exists()


def test_an_account_that_was_disabled_meanwhile_signs_nobody_in() -> None:
    person = alice()
    type(person).objects.filter(pk=person.pk).update(is_active=False)

    with pytest.raises(InvalidCredentials):
        Client().force_login(person)

    assert (Login.objects.count(), Session.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("person", "remember", "idle", "absolute"),
    [
        (alice, False, timedelta(minutes=30), timedelta(hours=12)),
        (alice, True, timedelta(days=14), timedelta(days=30)),
        (olga, False, timedelta(minutes=15), timedelta(hours=12)),
        (olga, True, timedelta(minutes=15), timedelta(hours=12)),
    ],
)
def test_timeouts_depend_on_the_person_and_on_the_wish_to_be_remembered(
    person: Callable[[], Any], remember: bool, idle: timedelta, absolute: timedelta
) -> None:
    body = {"email": person().email, "password": PASSWORD} | ({"remember": "on"} if remember else {})

    Client().post("/login/", body)

    login = Login.objects.get()
    assert (login.idle_timeout, login.expires_at - login.started_at) == (idle, absolute)
    assert Session.objects.get().expires_at == login.expires_at


def test_timeouts_are_settings() -> None:
    chosen = conf.Sessions(idle_timeout=timedelta(minutes=5), absolute_timeout=timedelta(hours=1))

    with override_settings(SESSIONS_STATEFUL=chosen):
        Client().force_login(alice())

    login = Login.objects.get()
    assert (login.idle_timeout, login.expires_at - login.started_at) == (
        timedelta(minutes=5),
        timedelta(hours=1),
    )


@pytest.mark.parametrize(("remember", "wanted"), [({}, False), ({"remember": "on"}, True)])
@pytest.mark.parametrize("before", ["nothing", "anonymous", "remembered", "not remembered"])
def test_the_wish_to_be_remembered_is_the_one_of_this_sign_in(
    before: str, remember: dict[str, str], wanted: bool
) -> None:
    browser = Client()
    if before == "anonymous":
        put(browser, basket=[1])
    elif before != "nothing":
        wish = {"remember": "on"} if before == "remembered" else {}
        browser.post("/login/", {"email": bob().email, "password": PASSWORD, **wish})

    answer = browser.post("/login/", {"email": alice().email, "password": PASSWORD, **remember})

    assert bool(answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"]) is wanted
    assert Session.objects.get().remember is wanted


def test_whoever_opens_the_session_sees_that_it_is_remembered() -> None:
    browser = Client()
    browser.post("/login/", {"email": alice().email, "password": PASSWORD, "remember": "on"})
    session_key = key(browser)

    assert SessionStore(session_key).get_expire_at_browser_close() is False
    assert async_to_sync(SessionStore(session_key).aget_expire_at_browser_close)() is False
    assert SessionStore(session_key).get_expiry_age() > 29 * 86_400


def test_a_third_party_s_sign_in_is_never_remembered_because_another_person_was() -> None:
    browser, person = Client(), bob()
    browser.post("/login/", {"email": alice().email, "password": PASSWORD, "remember": "on"})

    visit(browser, lambda request: auth.login(request, person, backend=BACKEND))

    assert Session.objects.get().remember is False
    assert Login.objects.live().get().idle_timeout == timedelta(minutes=30)


def test_a_step_up_keeps_the_wish_to_be_remembered() -> None:
    browser = Client()
    browser.post("/login/", {"email": alice().email, "password": PASSWORD, "remember": "on"})

    answer = visit(browser, lambda request: auth.login(request, request.user, backend=BACKEND))

    assert answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"]


def test_an_operator_is_not_remembered_however_often_they_ask() -> None:
    browser = at_the_page(olga().email)

    answer = browser.post("/login/", {"email": "olga@example.com", "password": PASSWORD, "remember": "on"})

    assert answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == ""


@pytest.mark.parametrize("door", [at_a_third_party, at_an_async_third_party])
def test_who_has_just_signed_in_is_here_at_once(door: Callable[[str], Any]) -> None:
    """In the request that signs in: person, Login, and all."""
    person = alice()
    seen: dict[str, Any] = {}

    def look(request: Any) -> None:
        auth.login(request, person, backend=BACKEND)
        seen.update(user=request.user, login=request.login_id, empty=request.session.is_empty())

    async def alook(request: Any) -> None:
        await alogin(request, person, backend=BACKEND)
        seen.update(user=await request.auser(), login=request.login_id, empty=request.session.is_empty())

    visit(Client(), look) if door is at_a_third_party else async_visit(AsyncClient(), alook)

    assert seen == {"user": person, "login": Login.objects.get().pk, "empty": False}


def test_a_sign_in_costs_a_fixed_number_of_statements() -> None:
    person = alice()
    browser = Client()

    # The person's row, the Login, its event, the session, and Django's own note of the last sign-in.
    with statements(5):
        visit(browser, lambda request: auth.login(request, person, backend=BACKEND))


def test_the_page_adds_the_look_at_the_password_and_its_throttle() -> None:
    alice()
    browser = Client()
    browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})

    # With counters that are there: load; count (4), look up, forgive (2); a new key; its event; last_login.
    # Where there are copies, those of the old key are outdated.
    with statements(11, with_copy=12):
        browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})


def test_a_key_that_is_taken_is_an_error_and_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    key = SessionStore()
    key.create()
    monkeypatch.setattr(keys, "new_key", lambda: key.session_key)

    with pytest.raises(CreateError):
        SessionStore().create()
