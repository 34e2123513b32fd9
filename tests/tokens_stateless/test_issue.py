"""The token door: what it takes, what it answers, and what a sign-in writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.test import Client, override_settings

from accounts.logins import Login
from accounts.models import Event
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held
from tokens_stateless.conf import Tokens
from tokens_stateless.models import Family

ALICE = {"email": "alice@example.com", "password": PASSWORD}


def test_a_sign_in_answers_a_pair_of_tokens() -> None:
    """simplejwt's `access` and `refresh`, and what RFC 6749 section 5.1 adds."""
    alice()

    answer = doors.sign_in()

    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh", "token_type", "expires_in"}
    assert answer.json()["token_type"] == "Bearer"
    assert doors.me(answer.json()["access"]).json()["email"] == "alice@example.com"


def test_a_sign_in_writes_one_login_and_its_family() -> None:
    alice()

    doors.sign_in(headers={"User-Agent": "curl/8.5.0"}, REMOTE_ADDR="203.0.113.9")

    login = Login.objects.get()
    assert (login.flow, str(login.address), login.device) == ("token", "203.0.113.9", "curl")
    assert login.idle_timeout == timedelta(days=14)
    assert login.expires_at - login.started_at == timedelta(days=30)
    assert list(Family.objects.values_list("login", "generation", "rotated_at")) == [(login.pk, 0, None)]


SHORT = Tokens(access_lifetime=timedelta(minutes=2), access_jitter=0, absolute_timeout=timedelta(hours=1))


@override_settings(TOKENS_STATELESS=SHORT)
def test_the_settings_say_how_long_it_lasts() -> None:
    alice()

    answer = doors.sign_in()

    login = Login.objects.get()
    assert answer.json()["expires_in"] == 120
    assert login.expires_at - login.started_at == timedelta(hours=1)


def test_tokens_of_one_moment_do_not_expire_in_one_moment(held: Held) -> None:
    """By up to a tenth shorter at random, never longer; and whoever asks is told the truth."""
    answers = [doors.refresh(held.refresh).json() for _ in range(40)]

    told = [answer["expires_in"] for answer in answers]
    claims = [forge.read(answer["access"])[1] for answer in answers]
    assert told == [said["exp"] - said["iat"] for said in claims]
    assert 270 <= min(told) < max(told) <= 300
    assert len(set(told)) > 10


@override_settings(TOKENS_STATELESS=Tokens(access_jitter=0))
def test_without_jitter_each_lives_for_as_long(held: Held) -> None:
    assert {doors.refresh(held.refresh).json()["expires_in"] for _ in range(5)} == {300}


def test_two_sign_ins_are_two_logins() -> None:
    alice()

    first, second = doors.sign_in().json(), doors.sign_in().json()

    assert first["refresh"] != second["refresh"]
    assert Login.objects.count() == Family.objects.count() == 2


def test_a_sign_in_is_an_event() -> None:
    user = alice()

    doors.sign_in(REMOTE_ADDR="203.0.113.9")

    event = Event.objects.get()
    assert (event.name, event.login_id, event.user_uuid) == (
        "authn_login_success",
        Login.objects.get().pk,
        user.pk,
    )
    assert (str(event.address), event.detail) == ("203.0.113.9", {"flow": "token"})


def test_right_and_wrong_are_signalled_as_at_any_other_door() -> None:
    """T14: audit and lock-out packages hear of the token door, too."""
    user, heard = alice(), []

    def hear(signal: Any, **about: Any) -> None:
        heard.append((signal, about.get("user"), about.get("credentials", {}).get("username")))

    for signal in (user_logged_in, user_login_failed):
        signal.connect(hear)
    doors.sign_in(password=OTHER_PASSWORD)
    doors.sign_in()
    for signal in (user_logged_in, user_login_failed):
        signal.disconnect(hear)

    assert heard == [(user_login_failed, None, "alice@example.com"), (user_logged_in, user, None)]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("alice@example.com", OTHER_PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("alice@example.com", PASSWORD.upper()),
    ],
)
def test_nobody_learns_what_was_wrong(email: str, password: str) -> None:
    alice()

    answer = doors.sign_in(email, password)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert Login.objects.count() == 0


BODIES: list[tuple[dict[str, object], set[str]]] = [
    ({}, {"email", "password"}),
    ({"email": "alice@example.com"}, {"password"}),
    ({"password": PASSWORD}, {"email"}),
    ({**ALICE, "password": ""}, {"password"}),
    ({**ALICE, "email": ""}, {"email"}),
    ({**ALICE, "password": None}, {"password"}),
    ({**ALICE, "password": ["a"]}, {"password"}),
    ({**ALICE, "email": {"a": 1}}, {"email"}),
    ({**ALICE, "email": "a" * 255}, {"email"}),
    ({**ALICE, "password": "a" * 4097}, {"password"}),
    ({**ALICE, "password": "\0" + PASSWORD}, {"password"}),
    ({"username": "alice@example.com", "password": PASSWORD}, {"email"}),
]


def test_fields_that_are_missing_or_wrong_are_named() -> None:
    alice()

    answers = [doors.post("/api/token/", body) for body, _wrong in BODIES]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(400, "invalid")}
    assert [set(answer.json()["errors"]) for answer in answers] == [wrong for _body, wrong in BODIES]
    assert Login.objects.count() == 0


def test_a_field_too_many_has_no_effect() -> None:
    alice()

    answer = doors.post("/api/token/", {**ALICE, "is_staff": True, "flow": "session", "lifetime": 10**9})

    assert doors.me(answer.json()["access"]).json()["is_staff"] is False
    assert answer.json()["expires_in"] <= 300


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_only_json_is_taken(kind: str) -> None:
    """What a foreign page can send without asking is not among it."""
    alice()

    answer = Client().generic("POST", "/api/token/", b"email=alice@example.com", content_type=kind)

    assert (answer.status_code, Login.objects.count()) == (415, 0)


def test_a_sign_in_sets_no_cookie_and_is_kept_by_nobody() -> None:
    alice()

    answers = [doors.sign_in(), doors.sign_in(password=OTHER_PASSWORD)]

    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store", "no-store"]
    assert not any(answer.cookies for answer in answers)
