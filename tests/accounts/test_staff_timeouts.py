"""Operators' Logins are shorter: from the sign-in on, and from the moment somebody becomes one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import credentials, logins
from accounts.logins import Login
from accounts.models import User
from accounts.testing import PASSWORD, alice, olga
from sessions_stateful import conf as sessions_conf
from tests.accounts.rows import a_login, a_person, some_logins, start, write
from tests.accounts.staff import PEOPLE, operator
from tokens_stateless import conf as tokens_conf

Aside = Callable[[Callable[[], Any]], "Future[Any]"]
JSON: Any = {"content_type": "application/json"}
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def remembered(email: str) -> Client:
    """A browser in which somebody has asked to stay signed in."""
    browser = Client()
    browser.post("/login/", {"email": email, "password": PASSWORD, "remember": "on"})
    return browser


def refresh_token(email: str) -> str:
    """What a program holds that has signed in."""
    pair = Client().post("/api/token/", {"email": email, "password": PASSWORD}, **JSON)
    return str(pair.json()["refresh"])


def refreshed(token: str) -> int:
    """What a program is answered that comes with it."""
    return Client().post("/api/token/refresh/", {"refresh": token}, **JSON).status_code


def lengths() -> tuple[timedelta, timedelta]:
    """How long the only Login may lie idle, and live."""
    login = Login.objects.get()
    return login.idle_timeout, login.expires_at - login.started_at


@pytest.mark.parametrize(("sign_in", "idle"), [(remembered, 15 * MINUTE), (refresh_token, HOUR)])
def test_whatever_is_asked_for_an_operators_login_is_short(
    sign_in: Callable[[str], Any], idle: timedelta
) -> None:
    sign_in(olga().email)

    assert lengths() == (idle, 12 * HOUR)


def test_the_shorter_wins_where_operators_have_more_than_others(settings: Any) -> None:
    settings.SESSIONS_STATEFUL = replace(sessions_conf.current(), idle_timeout=5 * MINUTE)
    settings.TOKENS_STATELESS = replace(tokens_conf.current(), absolute_timeout=HOUR)
    person = olga()

    Client().post("/login/", {"email": person.email, "password": PASSWORD})
    by_cookie = lengths()
    Login.objects.all().remove()
    refresh_token(person.email)

    assert (by_cookie, lengths()) == ((5 * MINUTE, 12 * HOUR), (HOUR, HOUR))


def test_an_operators_cookie_goes_with_the_browser() -> None:
    browser = remembered(olga().email)

    assert browser.cookies["sid"]["max-age"] == ""


@pytest.mark.parametrize("way", ["save", "update", "the admin's form"])
def test_a_long_session_is_short_from_the_moment_its_person_becomes_an_operator(way: str) -> None:
    person = alice()
    before = timezone.now()
    browser = remembered(person.email)

    promote(person, way)
    with time_machine.travel(before + 14 * MINUTE, tick=False):
        in_time = browser.get("/api/me/").status_code
        logins.writer.flush()
    with time_machine.travel(before + 32 * MINUTE, tick=False):
        too_late = browser.get("/api/me/").status_code

    assert (in_time, too_late) == (200, 401)


def promote(person: User, way: str) -> None:
    """Make somebody an operator."""
    if way == "the admin's form":
        sent = {"email": person.email, "is_active": "on", "is_staff": "on"}
        assert operator().post(f"{PEOPLE}{person.pk}/change/", sent).status_code == 302
    else:
        write(person, way, is_staff=True)


def test_a_session_that_has_lived_for_days_ends_when_its_person_becomes_an_operator() -> None:
    person, now = alice(), timezone.now()
    with time_machine.travel(now - 3 * DAY, tick=False):
        browser = remembered(person.email)
    Login.objects.update(seen_at=now)
    before = browser.get("/api/me/").status_code

    write(person, "save", is_staff=True)

    assert (before, browser.get("/api/me/").status_code) == (200, 401)


def test_a_program_must_sign_in_again_an_hour_after_its_person_became_an_operator() -> None:
    person = alice()
    token = refresh_token(person.email)

    write(person, "save", is_staff=True)

    with time_machine.travel(timezone.now() + HOUR + MINUTE, tick=False):
        assert refreshed(token) == 401


def test_no_use_carries_an_operators_program_past_twelve_hours() -> None:
    token = refresh_token(olga().email)
    began = Login.objects.get().started_at

    for minutes in range(50, 12 * 60, 50):
        with time_machine.travel(began + minutes * MINUTE, tick=False):
            answer = Client().post("/api/token/refresh/", {"refresh": token}, **JSON)
            token = answer.json()["refresh"]
    with time_machine.travel(began + 12 * HOUR, tick=False):
        assert refreshed(token) == 401


def test_the_end_of_the_rights_lengthens_nothing() -> None:
    person = olga()
    a_login(person)

    write(person, "save", is_staff=False)

    assert lengths() == (30 * MINUTE, 12 * HOUR)


def test_neither_others_nor_what_has_ended_nor_other_rights_are_concerned() -> None:
    person, other = a_person(), a_person("bob@example.com")
    long: dict[str, Any] = {"idle_timeout": 9 * DAY, "expires_at": timezone.now() + 20 * DAY}
    ended, of_bob = a_login(person, **long), a_login(other, **long)
    logins.end([ended.pk], reason=logins.EndReason.LOGOUT)

    write(person, "save", is_staff=True)
    write(other, "save", is_superuser=True, email="rob@example.com")

    assert [Login.objects.get(pk=one.pk).idle_timeout for one in (ended, of_bob)] == [9 * DAY] * 2


def test_a_flow_without_limits_for_operators_keeps_its_own() -> None:
    person = a_person(is_staff=True)

    login = start(person, flow="whose app is gone")

    assert login.idle_timeout == 30 * MINUTE


def test_who_becomes_an_operator_between_password_and_sign_in_is_one(gate: Any, aside: Aside) -> None:
    person = alice()
    verified = gate(credentials, "check", after=True)

    signing_in = aside(lambda: remembered(person.email))
    verified.await_somebody()
    write(User.objects.get(), "save", is_staff=True)
    verified.open()
    signing_in.result(timeout=10)

    assert lengths() == (15 * MINUTE, 12 * HOUR)


def test_many_logins_are_shortened_in_few_statements(django_assert_max_num_queries: Any) -> None:
    person = a_person()
    some_logins(300, person, idle_timeout=14 * DAY)

    with django_assert_max_num_queries(14):
        write(person, "save", is_staff=True)

    assert set(Login.objects.values_list("idle_timeout", flat=True)) == {HOUR}
