"""Who a request speaks for: one statement for the session, its Login and its person, and not one write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import alogout
from django.test import AsyncClient, Client, override_settings
from django.utils import timezone

from accounts import logins
from accounts.carried import Carried
from accounts.logins import Login
from accounts.models import User
from accounts.testing import PASSWORD, alice, olga
from sessions_stateful import conf, keys
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

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
OLD, NEW = "the-former-secret-" * 4, "the-present-secret-" * 4
JUNK = [
    "x",
    "A" * 54,
    keys.new_key()[:-1] + "~",
    "0" * 32,
    "a" * 5_000,
    "%00",
    "' OR 1=1 --",
    "é".encode().decode("latin-1"),
    keys.hashed("a"),
]


def signed_in(person: Any = None) -> Client:
    browser = Client()
    browser.force_login(person or alice())
    return browser


def test_a_request_costs_exactly_one_statement() -> None:
    browser = signed_in()

    with statements(1):
        answer = browser.get("/api/me/")

    assert answer.json()["email"] == "alice@example.com"


def test_a_view_that_uses_the_session_the_person_and_the_login_costs_no_more() -> None:
    browser = signed_in()
    put(browser, colour="red")

    with statements(1, with_copy=0):
        answer = visit(
            browser, lambda request: [request.user.email, request.session["colour"], bool(request.login_id)]
        )

    assert answer.content == b"['alice@example.com', 'red', True]"


def test_an_async_view_costs_no_more() -> None:
    browser = AsyncClient()
    browser.force_login(alice())

    async def look(request: Any) -> str:
        return f"{(await request.auser()).email} {await request.session.aget('colour')}"

    with statements(1):
        answer = async_visit(browser, look)

    assert answer.content == b"alice@example.com None"


def test_nobody_and_junk_cost_no_statement() -> None:
    cookies = ["", *(f"{settings.SESSION_COOKIE_NAME}={junk}" for junk in JUNK)]

    with statements(0):
        answers = [Client().get("/api/me/", headers={"Cookie": cookie}) for cookie in cookies]
        pages = [Client().get("/", headers={"Cookie": cookie}) for cookie in cookies]

    assert {answer.status_code for answer in answers} == {401}
    assert {page.status_code for page in pages} == {200}
    assert not any(touches_cookie(answer) for answer in [*answers, *pages])


def test_a_request_that_asks_for_nobody_costs_no_statement() -> None:
    browser = signed_in()

    with statements(0):
        visit(browser, lambda request: "seen")


def test_a_key_of_ours_that_is_not_stored_is_nobody_and_an_event(noted: Noted) -> None:
    with statements(1):
        answer = holding(keys.new_key()).get("/api/me/")

    assert answer.status_code == 401
    assert noted.names == ["session_use_unknown"]


def test_the_request_tells_what_carries_it() -> None:
    browser = signed_in()
    seen: dict[str, Any] = {}

    visit(browser, lambda request: bool(request.user) and seen.update(request.__dict__))

    login, session = Login.objects.get(), Session.objects.get()
    assert seen["login_id"] == login.pk
    assert seen["carried"] == Carried(
        login_id=login.pk,
        flow="session",
        authenticated_at=session.authenticated_at,  # type: ignore[arg-type]
    )


def test_the_person_names_the_backend_that_found_them() -> None:
    answer = visit(signed_in(), lambda request: request.user.backend)

    assert answer.content.decode() in settings.AUTHENTICATION_BACKENDS


def test_what_was_not_carried_is_read_when_it_is_asked_for() -> None:
    person = alice()
    browser = signed_in(person)

    with statements(2):
        answer = visit(browser, lambda request: request.user.date_joined == person.date_joined)

    assert answer.content == b"True"


def test_reading_never_writes_and_last_seen_is_written_behind() -> None:
    browser = signed_in()
    before = Login.objects.get().seen_at

    with time_machine.travel(before + 2 * MINUTE, tick=False):
        with statements(1):
            browser.get("/api/me/")
        logins.writer.flush()

    assert Login.objects.get().seen_at == before + 2 * MINUTE


def test_last_seen_is_written_at_most_once_a_minute() -> None:
    browser = signed_in()
    before = Login.objects.get().seen_at

    with time_machine.travel(before + 59 * SECOND, tick=False):
        browser.get("/api/me/")
        logins.writer.flush()

    assert Login.objects.get().seen_at == before


def use(browser: Client, *, at: Any) -> int:
    """A request at that instant, and what is written behind it."""
    with time_machine.travel(at, tick=False):
        status: int = browser.get("/api/me/").status_code
        logins.writer.flush()
    return status


@pytest.mark.parametrize(("person", "idle"), [(alice, 30 * MINUTE), (olga, 15 * MINUTE)])
def test_idle_time_is_counted_from_the_last_request_with_a_minute_of_grace(
    person: Callable[[], Any], idle: timedelta
) -> None:
    """S10"""
    browser = signed_in(person())
    last = Login.objects.get().started_at

    for _request in range(3):
        last += idle - SECOND
        assert use(browser, at=last) == 200
    assert use(browser, at=last + idle + MINUTE) == 200
    assert use(browser, at=last + 2 * (idle + MINUTE) + SECOND) == 401


def test_no_use_within_the_grace_is_lost_though_it_is_written_once_a_minute() -> None:
    """S10: the last request came 59 seconds after the last one that was written."""
    browser = signed_in()
    start = Login.objects.get().started_at

    assert use(browser, at=start + 59 * SECOND) == 200
    assert use(browser, at=start + 59 * SECOND + 30 * MINUTE) == 200


def test_no_use_carries_a_session_past_its_absolute_end() -> None:
    """S10"""
    browser = signed_in()
    login = Login.objects.get()
    at = login.started_at

    while (at := at + 29 * MINUTE) < login.expires_at:
        assert use(browser, at=at) == 200

    assert use(browser, at=login.expires_at - SECOND) == 200
    assert use(browser, at=login.expires_at) == 401


def test_a_remembered_session_lies_idle_for_a_fortnight_and_lives_for_thirty_days() -> None:
    browser = Client()
    browser.post("/login/", {"email": alice().email, "password": PASSWORD, "remember": "on"})
    start, day = Login.objects.get().started_at, timedelta(days=1)

    assert use(tab(browser), at=start + 14 * day) == 200
    assert use(tab(browser), at=start + 28 * day) == 200
    assert use(tab(browser), at=start + 30 * day) == 401


def test_a_session_that_lay_idle_too_long_is_refused_with_an_event(noted: Noted) -> None:
    browser = signed_in()

    assert use(browser, at=Login.objects.get().started_at + 32 * MINUTE) == 401

    assert noted.names[-1] == "session_use_after_expire"


def test_a_refused_session_is_not_revived_by_a_clock_that_goes_back() -> None:
    """It is refused by comparison, so it is the ledger's cleaning that makes it final."""
    browser = signed_in()
    start = Login.objects.get().started_at

    assert use(browser, at=start + 32 * MINUTE) == 401
    assert Login.objects.get().seen_at == start


def test_losing_a_right_is_effective_at_once_and_keeps_the_key() -> None:
    person = olga()
    browser = signed_in(person)

    person.is_superuser = False
    person.save()
    answer = browser.get("/api/me/")

    assert visit(browser, lambda request: request.user.is_superuser).content == b"False"
    assert not answer.cookies


def test_a_stamp_that_does_not_match_refuses_and_ends_nothing() -> None:
    browser = signed_in()
    # Past every verb of ours, which would end the Login.
    people, stamp = User._base_manager.all(), User.objects.get().stamp

    people.update(stamp="another")
    refused = who(browser)
    people.update(stamp=stamp)

    assert (refused, who(browser), Login.objects.live().count()) == (None, "alice@example.com", 1)


def test_a_backend_that_is_no_longer_asked_refuses_and_ends_nothing() -> None:
    browser = signed_in()

    with override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"]):
        refused = who(browser)

    assert (refused, who(browser), Login.objects.live().count()) == (None, "alice@example.com", 1)


def test_a_better_hash_of_the_same_password_signs_nobody_out() -> None:
    """Feed 14: Django hashes the password's hash into the session."""
    person = alice()
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"]):
        person.set_password(PASSWORD)
        person.save()
    browser = signed_in(person)

    Client().post("/login/", {"email": person.email, "password": PASSWORD})

    assert type(person).objects.get().password != person.password
    assert who(browser) == person.email


@pytest.mark.parametrize(("fallbacks", "speaks_for"), [([OLD], "alice@example.com"), ([], None)])
def test_a_new_secret_keeps_sessions_while_the_former_one_is_listed(
    fallbacks: list[str], speaks_for: str | None
) -> None:
    with override_settings(SECRET_KEY=OLD):
        browser = signed_in()
        put(browser, colour="red")

    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=fallbacks):
        assert who(browser) == speaks_for


def test_what_is_written_after_a_new_secret_is_sealed_with_it() -> None:
    with override_settings(SECRET_KEY=OLD):
        browser = signed_in()
    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[OLD]):
        browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})
        put(browser, colour="red")

    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[]):
        answer = visit(browser, lambda request: [request.user.email, request.session["colour"]])
    assert answer.content == b"['alice@example.com', 'red']"


def test_whoever_is_nobody_is_challenged() -> None:
    answer = holding(keys.new_key()).get("/api/me/")

    assert (answer.status_code, "WWW-Authenticate" in answer) == (401, True)


def test_after_an_awaited_sign_out_nobody_is_here() -> None:
    browser = AsyncClient()
    browser.force_login(alice())

    async def sign_out(request: Any) -> tuple[bool, bool]:
        await alogout(request)
        return request.user.is_authenticated, request.session.is_empty()

    assert async_visit(browser, sign_out).content == b"(False, True)"


def test_timeouts_of_a_login_are_those_of_its_sign_in() -> None:
    browser = signed_in()

    with override_settings(SESSIONS_STATEFUL=conf.Sessions(idle_timeout=MINUTE)):
        assert use(browser, at=timezone.now() + 20 * MINUTE) == 200
        assert key(browser)
