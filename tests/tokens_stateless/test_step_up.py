"""The password again, for a program: one access token that says so, of the same Login, and nothing kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import credentials, logins
from accounts import recent as gate_of_accounts
from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, bob
from tests.accounts.aged import three_minutes_on
from tests.accounts.rows import write
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Aside, Held
from tokens_stateless import conf
from tokens_stateless.models import Family


def claims(access: str) -> dict[str, Any]:
    """What it says."""
    said: dict[str, Any] = forge.read(access)[1]
    return said


def end_others(access: str) -> Any:
    """POST /api/logins/end-others/"""
    return doors.post("/api/logins/end-others/", {}, headers={"Authorization": f"Bearer {access}"})


def test_the_token_is_of_the_same_login_and_says_when(held: Held) -> None:
    with three_minutes_on():
        answer, now = doors.again(held.access), int(timezone.now().timestamp())

    old, new = claims(held.access), claims(answer.json()["access"])
    assert (new["auth_time"], new["iat"], old["auth_time"] < new["auth_time"]) == (now, now, True)
    moving = {"auth_time", "iat", "exp", "jti"}
    assert {k: v for k, v in new.items() if k not in moving} == {
        k: v for k, v in old.items() if k not in moving
    }
    assert new["jti"] != old["jti"]
    assert Login.objects.count() == 1


def test_the_answer_holds_an_access_token_and_no_other(held: Held) -> None:
    answer = doors.again(held.access)

    told = answer.json()
    assert told.keys() == {"access", "token_type", "expires_in"}
    assert (told["token_type"], "no-store" in answer.headers["Cache-Control"]) == ("Bearer", True)
    assert 0 < told["expires_in"] <= conf.current().access_lifetime.total_seconds()
    assert not answer.cookies


def test_it_opens_what_the_old_one_does_not(held: Held) -> None:
    with three_minutes_on():
        refused = end_others(held.access)
        stepped_up = doors.again(held.access).json()["access"]
        done = end_others(stepped_up)
        still = end_others(held.access)

    assert [answer.status_code for answer in (refused, done, still)] == [401, 200, 401]
    assert 'error="insufficient_user_authentication"' in refused.headers["WWW-Authenticate"]


def test_a_refresh_keeps_the_instant_of_the_sign_in(held: Held) -> None:
    """RFC 9068 section 2.2.1: not moved by a refresh, nor by a step-up before it."""
    signed_in = claims(held.access)["auth_time"]

    with three_minutes_on():
        plain = doors.refresh(held.refresh).json()
        doors.again(held.access)
        after = doors.refresh(plain["refresh"]).json()

    assert [claims(pair["access"])["auth_time"] for pair in (plain, after)] == [signed_in] * 2


def test_a_copied_refresh_token_gains_nothing(held: Held) -> None:
    """Its owner has stepped up; the thief refreshes, within the window and without."""
    with three_minutes_on():
        doors.again(held.access)
        stolen = doors.refresh(held.refresh).json()["access"]

        assert end_others(stolen).status_code == 401


def test_the_family_is_left_alone(held: Held) -> None:
    before = Family.objects.values().get()

    doors.again(held.access)

    assert Family.objects.values().get() == before


def test_a_wrong_password_gets_nothing(held: Held) -> None:
    answer = doors.again(held.access, OTHER_PASSWORD)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert not Event.objects.filter(name="authn_step_up").exists()
    assert doors.me(held.access).status_code == 200


def test_somebody_elses_password_is_wrong(held: Held) -> None:
    credentials.change_password(bob(), OTHER_PASSWORD)

    assert doors.again(held.access, OTHER_PASSWORD).status_code == 401


def test_guesses_count_at_every_door(held: Held) -> None:
    statuses = [doors.again(held.access, f"{OTHER_PASSWORD}{n}").status_code for n in range(6)]

    assert statuses == [401] * 5 + [429]
    assert doors.sign_in().status_code == 429


@pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": 15}, {"password": None}, []])
def test_a_body_without_a_password_is_a_bad_request(body: Any, held: Held) -> None:
    answer = doors.post("/api/token/again/", body, headers={"Authorization": f"Bearer {held.access}"})

    assert answer.status_code == 400


def test_a_form_is_not_taken(held: Held) -> None:
    program = Client(headers={"Authorization": f"Bearer {held.access}"})

    assert program.post("/api/token/again/", {"password": PASSWORD}).status_code == 415


def test_without_an_access_token_nobody_is_asked(held: Held) -> None:
    browser = Client()
    browser.force_login(held.user)
    body = {"password": PASSWORD}

    answers = [
        browser.post("/api/token/again/", body, "application/json"),
        doors.again(held.refresh),
        doors.by_cookie("/api/token/again/", held.refresh),
    ]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert [answer.json()["code"] for answer in answers] == [
        "not_authenticated", "token_not_valid", "not_authenticated",
    ]  # fmt: skip


def test_another_method_than_post_does_nothing(held: Held) -> None:
    program = Client(headers={"Authorization": f"Bearer {held.access}"})

    answers = [program.generic(method, "/api/token/again/") for method in ("GET", "PUT", "PATCH", "DELETE")]

    assert [answer.status_code for answer in answers] == [405] * 4


def test_a_stale_token_is_refreshed_first(held: Held) -> None:
    write(held.user, "save", is_staff=True)

    answer = doors.again(held.access)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_stale")


def test_it_is_an_event(held: Held) -> None:
    doors.again(held.access)

    (event,) = Event.objects.filter(name="authn_step_up")
    assert (event.login_id, event.user_uuid, event.actor_uuid) == (
        held.login.pk, held.user.pk, held.user.pk,
    )  # fmt: skip
    assert event.detail == {"flow": "token"}


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is done once the password was found right, and before the ledger is asked."""
    jobs: list[Any] = []
    real = gate_of_accounts.verify

    def verify(*args: Any, **kwargs: Any) -> Any:
        user = real(*args, **kwargs)
        for job in jobs:
            job()
        return user

    monkeypatch.setattr(gate_of_accounts, "verify", verify)
    return jobs


def test_a_login_that_is_ended_meanwhile_gets_no_new_token(held: Held, verified: list[Any]) -> None:
    verified.append(lambda: logins.end([held.login.pk], reason=EndReason.REVOKED_BY_OPERATOR))

    answer = doors.again(held.access)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert not Event.objects.filter(name="authn_step_up").exists()


def test_a_password_that_is_changed_meanwhile_is_wrong(held: Held, verified: list[Any]) -> None:
    """The owner changes it in this very Login, which is spared; the thief has typed the old one."""
    owner = User.objects.get()
    verified.append(lambda: credentials.change_password(owner, OTHER_PASSWORD, keep=held.login.pk))

    answer = doors.again(held.access)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert held.login.is_live


def test_many_at_once_are_each_answered(held: Held, aside: Aside) -> None:
    jobs = [aside(lambda: doors.again(held.access).status_code) for _ in range(4)]

    assert [job.result(timeout=30) for job in jobs] == [200] * 4
    assert Event.objects.filter(name="authn_step_up").count() == 4
