"""The standards' attacks on sessions, where these have a copy in Redis, by whoever can write to Redis, too.

The number in a docstring is that of the attack in docs/threats.md, section 3.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts import conf as accounts_conf
from accounts import credentials, logins
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import PASSWORD, alice, bob
from sessions_stateful import conf
from tests.servers import RedisServer
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.copied import Copied, warm
from tests.sessions_stateful.third_party import holding, key, put, statements, tab, touches_cookie, visit, who

pytestmark = [pytest.mark.redis, pytest.mark.urls("tests.sessions_stateful.third_party")]
ALICE, BOB = "alice@example.com", "bob@example.com"
CREDENTIALS = {"email": ALICE, "password": PASSWORD}


def signed_in(person: User) -> Client:
    """With a good copy in Redis."""
    browser = Client()
    browser.force_login(person)
    warm(browser)
    with statements(0):
        assert who(browser) == person.email
    return browser


@contextmanager
def brought_back(copied: Copied, *browsers: Client) -> Iterator[None]:
    """Whatever Redis held of these sessions before is put there again afterwards, as by a thief of a dump."""
    held = {copied.name(browser): copied.raw(browser) or b"" for browser in browsers}
    yield
    for name, copy in held.items():
        copied.put_raw(name, copy)


def test_a_session_of_the_attackers_own_is_not_what_the_victim_signs_in_to(copied: Copied) -> None:
    """1: Bob plants his cookie in the browser of Alice."""
    alice()
    planted = signed_in(bob())
    victim, bobs = tab(planted), Login.objects.get()

    with brought_back(copied, planted):
        victim.post("/login/", CREDENTIALS)

    bobs.refresh_from_db()
    assert (bobs.end_reason, key(victim) == key(planted)) == (EndReason.REPLACED, False)
    assert (who(planted), who(victim)) == (None, ALICE)


def _again(browser: Client) -> Any:
    return browser.post("/login/again/", {"password": PASSWORD})


def _sign_in_again(browser: Client) -> Any:
    return browser.post("/login/", CREDENTIALS)


def _become_staff(browser: Client) -> Any:
    User.objects.filter(email=ALICE).update(is_staff=True)
    return browser.get("/api/me/")


@pytest.mark.parametrize("act", [_again, _sign_in_again, _become_staff])
def test_an_older_key_is_dead_though_redis_still_has_its_copy(
    copied: Copied, act: Callable[[Client], Any]
) -> None:
    """2, 28: at a step-up, at the next sign-in, and with new rights."""
    browser = signed_in(alice())
    old = tab(browser)

    with brought_back(copied, old):
        act(browser)

    assert key(browser) != key(old)
    assert (who(old), who(browser)) == (None, ALICE)


@pytest.mark.parametrize(
    "send",
    [
        lambda browser: browser.post("/logout/"),
        lambda browser: browser.delete("/api/session/"),
        lambda browser: browser.post("/api/session/", CREDENTIALS, content_type="application/json"),
        lambda browser: browser.post("/api/logins/end-others/"),
        lambda browser: browser.post("/api/me/", headers={"X-HTTP-Method-Override": "DELETE"}),
        lambda browser: browser.post("/login/", CREDENTIALS, headers={"Origin": "null"}),
    ],
)
def test_no_change_is_made_without_a_token_against_forgery(
    copied: Copied, send: Callable[[Client], Any]
) -> None:
    """4, 5"""
    bob()
    browser = signed_in(alice())
    forging = Client(enforce_csrf_checks=True)
    forging.cookies.load({name: morsel.value for name, morsel in browser.cookies.items()})

    answer = send(forging)

    assert (answer.status_code in (403, 405), touches_cookie(answer), who(browser)) == (True, False, ALICE)


def test_its_cookie_twice_is_nobody(copied: Copied, noted: Noted) -> None:
    """6"""
    browser = signed_in(alice())
    name = browser.cookies.output(attrs=[], header="", sep=";").strip().partition("=")[0]

    twice = f"{name}={key(browser)}; {name}={key(browser)}"
    answer = Client(headers={"Cookie": twice}).get("/api/me/")

    assert (answer.status_code, "session_cookie_twice" in noted.names) == (401, True)


def test_a_copy_that_was_sealed_with_a_secret_that_is_gone_is_nobody_s(copied: Copied, settings: Any) -> None:
    """8: whoever knows the old secret can seal what they like."""
    browser = signed_in(alice())

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-secret-" * 4, []

    assert copied.raw(browser)
    assert who(browser) is None


class Bomb:
    """What runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize("head", [True, False])
def test_a_pickle_in_the_place_of_a_copy_is_never_loaded(copied: Copied, noted: Noted, head: bool) -> None:
    """8"""
    browser = signed_in(alice())
    start = b" ".join((copied.raw(browser) or b"").split(b" ", 3)[:3]) + b" " if head else b""

    copied.put_raw(copied.name(browser), start + pickle.dumps(Bomb()))

    assert who(browser) == ALICE
    assert ("session_copy_tampered" in noted.names) is head


def test_no_line_of_the_log_about_a_copy_can_be_replayed(copied: Copied, noted: Noted) -> None:
    """7, 30"""
    browser = signed_in(alice())
    copied.put_raw(copied.name(browser), (copied.raw(browser) or b"")[:-1])
    who(browser)
    copied.cut_off()
    who(browser)

    assert {"session_copy_tampered", "session_copies_away"} <= set(noted.names)
    assert key(browser)[:20] not in str(noted)


def test_whoever_was_over_the_limit_is_out_though_redis_still_has_the_copy(
    copied: Copied, settings: Any
) -> None:
    """12"""
    settings.ACCOUNTS = replace(accounts_conf.current(), login_limit=1, over_limit="end_oldest")
    person = alice()
    first = signed_in(person)

    with brought_back(copied, first):
        second = signed_in(person)

    assert (who(first), who(second)) == (None, ALICE)


def _change_password(person: User) -> None:
    credentials.change_password(person, "correct horse battery staple 7", keep=None)


def _set_password_in_code(person: User) -> None:
    User.objects.filter(pk=person.pk).update(password=make_password("x" * 20))


def _disable_and_enable(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)
    User.objects.filter(pk=person.pk).update(is_active=True)


ENDS: dict[str, Callable[[User], Any]] = {
    "password changed": _change_password,
    "password set in code": _set_password_in_code,
    "disabled, and enabled again": _disable_and_enable,
    "deleted": lambda person: person.delete(),
    "ended by an operator": lambda person: logins.end_all(person, reason=EndReason.REVOKED_BY_OPERATOR),
    "deleted rows": lambda person: Login.objects.all().delete(),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_a_login_ends_its_copies_wherever_they_come_from(copied: Copied, what: str) -> None:
    """10, 13"""
    person = alice()
    browser = signed_in(person)

    with brought_back(copied, browser):
        ENDS[what](person)

    answer = tab(browser).get("/api/me/")
    assert (answer.status_code, touches_cookie(answer)) == (401, False)


def test_a_right_that_was_taken_away_is_gone_at_once(copied: Copied) -> None:
    """13: and its owner stays signed in."""
    person = alice()
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.refresh_from_db()
    browser = signed_in(person)

    with brought_back(copied, browser):
        User.objects.filter(pk=person.pk).update(is_staff=False)

    assert visit(browser, lambda request: (request.user.email, request.user.is_staff)).content == (
        f"('{ALICE}', False)".encode()
    )


def test_after_signing_out_neither_the_cookie_nor_the_copy_is_good_and_another_device_is(
    copied: Copied,
) -> None:
    """14: twice, from another tab, and replayed."""
    person = alice()
    browser, device = signed_in(person), signed_in(person)
    other_tab = tab(browser)

    assert browser.get("/logout/").status_code == 405
    with brought_back(copied, browser):
        answer = browser.post("/logout/")

    assert answer.status_code == 302
    assert (who(other_tab), who(device)) == (None, ALICE)
    assert other_tab.post("/logout/").status_code == 302
    assert who(device) == ALICE


def test_somebody_else_s_session_cannot_be_ended(copied: Copied) -> None:
    """27"""
    mine, theirs = signed_in(alice()), signed_in(bob())
    name: UUID = Login.objects.get(user__email=BOB).pk
    copy = copied.raw(theirs)

    answers = [mine.delete(f"/api/logins/{name}/"), mine.post(f"/logins/{name}/end/")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert (copied.raw(theirs), who(theirs)) == (copy, BOB)


def test_its_cookie_and_a_token_of_somebody_else_are_the_token_s_and_the_key_is_no_token(
    copied: Copied,
) -> None:
    """32"""
    bob()
    browser = signed_in(alice())
    given = Client().post(
        "/api/token/", {"email": BOB, "password": PASSWORD}, content_type="application/json"
    )
    bearers = [given.json()["access"], key(browser), "rubbish"]

    answers = [tab(browser).get("/api/me/", headers={"Authorization": f"Bearer {one}"}) for one in bearers]

    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert answers[0].json()["email"] == BOB


def test_another_site_learns_nothing_from_it(copied: Copied) -> None:
    """33"""
    browser = signed_in(alice())
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}

    assert browser.get("/logins/", headers=elsewhere).status_code == 403


def test_an_older_copy_shows_its_owner_an_older_state_and_nothing_is_saved_from_it(copied: Copied) -> None:
    """8: the one thing that whoever writes to Redis can do to a session."""
    browser = signed_in(alice())
    with brought_back(copied, browser):
        put(browser, colour="red")

    shown = visit(browser, lambda request: request.session.get("colour")).content
    put(browser, size=3)

    answer = visit(browser, lambda request: (request.session.get("colour"), request.session.get("size")))
    assert (shown, answer.content) == (b"None", b"('red', 3)")


def test_on_the_other_side_of_a_split_redis_nobody_ended_gets_in(
    copied: Copied, redis_server: RedisServer, settings: Any, noted: Noted
) -> None:
    """31: a process that reaches a cut-off master alone finds a copy that nobody could mark there."""
    browser = signed_in(alice())
    chosen = conf.current()

    settings.SESSIONS_STATEFUL = replace(chosen, redis_url=copied.server.url(5))
    put(browser, colour="red")
    logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OWNER)
    settings.SESSIONS_STATEFUL = chosen

    assert copied.raw(browser)
    assert who(browser) is None
    assert holding(key(browser)).get("/api/me/").status_code == 401
