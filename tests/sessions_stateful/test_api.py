"""The door for scripts in a browser: the same session as the pages', asked for in JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.logins import EndReason, Login
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from sessions_stateful.models import Session
from tests.doors import unnamed
from tests.sessions_stateful.third_party import key, put, statements, touches_cookie, who

pytestmark = pytest.mark.urls("tests.sessions_stateful.third_party")

NAME = settings.SESSION_COOKIE_NAME
RIGHT = {"email": "alice@example.com", "password": PASSWORD}


def post(browser: Client, body: Any, kind: str = "application/json", **headers: str) -> Any:
    return browser.post(
        "/api/session/", body if isinstance(body, bytes) else json.dumps(body), kind, headers=headers
    )


def test_nobody_is_told_so_and_given_a_token_for_what_comes_next() -> None:
    browser = Client()

    with statements(0):
        answer = browser.get("/api/session/")

    told = answer.json()
    assert (answer.status_code, told["authenticated"], told["me"]) == (200, False, None)
    assert len(told["csrf_token"]) == 64
    assert (touches_cookie(answer), settings.CSRF_COOKIE_NAME in answer.cookies) == (False, True)


def test_signing_in_tells_who_is_here_and_sets_the_cookie() -> None:
    person = alice()

    answer = post(browser := Client(), RIGHT)

    me = answer.json()["me"]
    assert (answer.status_code, answer.json()["authenticated"]) == (200, True)
    assert (me["id"], me["flow"], me["login"]) == (str(person.pk), "session", str(Login.objects.get().pk))
    assert (touches_cookie(answer), who(browser)) == (True, person.email)


def test_who_is_signed_in_is_told_at_the_price_of_one_statement() -> None:
    browser = Client()
    browser.force_login(alice())

    with statements(1):
        answer = browser.get("/api/session/")

    assert answer.json()["me"]["email"] == "alice@example.com"


def test_a_script_signs_in_with_the_token_it_was_given() -> None:
    alice()
    browser = Client(enforce_csrf_checks=True)
    token = browser.get("/api/session/").json()["csrf_token"]

    started = post(browser, RIGHT, **{"X-CSRFToken": token})
    ended = browser.delete("/api/session/", headers={"X-CSRFToken": started.json()["csrf_token"]})

    assert (started.status_code, ended.status_code) == (200, 204)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("method", ["post", "delete"])
def test_without_the_token_nothing_happens(method: str, signed_in: bool) -> None:
    """T15"""
    browser = Client(enforce_csrf_checks=True)
    person = alice()
    if signed_in:
        browser.force_login(person)

    answer = getattr(browser, method)("/api/session/", json.dumps(RIGHT), "application/json")

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert Login.objects.live().count() == signed_in


def test_another_visitor_s_token_without_its_cookie_is_no_token() -> None:
    alice()
    token = Client().get("/api/session/").json()["csrf_token"]

    answer = post(Client(enforce_csrf_checks=True), RIGHT, **{"X-CSRFToken": token})

    assert answer.status_code == 403


def test_wrong_credentials_are_told_the_same_and_start_nothing() -> None:
    """T13"""
    alice()
    bodies = [{**RIGHT, "password": OTHER_PASSWORD}, {**RIGHT, "email": "nobody@example.com"}]
    bodies += [{**RIGHT, "password": text} for text in (f" {PASSWORD}", f"{PASSWORD} ")]

    answers = [post(Client(), body) for body in bodies]

    assert [unnamed(answer)[:2] for answer in answers] == [(401, unnamed(answers[0])[1])] * 4
    assert not any(touches_cookie(answer) for answer in answers)
    assert not Login.objects.exists()


NO_CREDENTIALS: list[Any] = [
    {},
    [],
    {"email": "alice@example.com"},
    {"password": PASSWORD},
    {**RIGHT, "email": ""},
    {**RIGHT, "password": ""},
    {**RIGHT, "email": None},
    {**RIGHT, "email": True},
    {**RIGHT, "password": ["a"]},
    {**RIGHT, "password": {"a": "b"}},
    {**RIGHT, "password": "a" * 5_000},
    {**RIGHT, "email": "alice@example.com\0"},
    {**RIGHT, "password": "\ud800" * 15},
    b"",
    b"{",
    b"\xff\xfe",
    b'{"email": "a", "email": "b", "password": "c"}',
]


def test_what_is_no_address_and_password_is_refused() -> None:
    alice()

    for body in NO_CREDENTIALS:
        answer = post(Client(), body)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), body
    assert not Login.objects.exists()


def test_only_json_is_taken() -> None:
    alice()

    for kind in ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]:
        assert post(Client(), RIGHT, kind).status_code == 415


def test_more_fields_than_asked_for_have_no_effect() -> None:
    person = alice()

    answer = post(Client(), {**RIGHT, "is_staff": True, "remember": True, "id": "x"})

    assert answer.json()["me"]["is_staff"] is False
    assert answer.cookies[NAME]["max-age"] == ""
    assert not type(person).objects.get().is_staff


def test_who_tries_too_often_is_told_when_to_come_back() -> None:
    """T14"""
    alice()
    for _attempt in range(5):
        assert post(Client(), {**RIGHT, "password": OTHER_PASSWORD}).status_code == 401

    answer = post(Client(), RIGHT)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert int(answer["Retry-After"]) > 0


def test_signing_out_answers_with_nothing_and_takes_the_cookie() -> None:
    alice()
    post(browser := Client(), RIGHT)

    answer = browser.delete("/api/session/")

    assert (answer.status_code, answer.content, answer.cookies[NAME]["max-age"]) == (204, b"", 0)
    assert (Login.objects.get().end_reason, Session.objects.count()) == (EndReason.LOGOUT, 0)


def test_signing_in_again_gives_another_key_and_keeps_the_login() -> None:
    """S14"""
    alice()
    post(browser := Client(), RIGHT)
    before = key(browser)

    post(browser, RIGHT)

    assert (key(browser) != before, Login.objects.count()) == (True, 1)


def test_a_bearer_token_does_not_speak_for_the_session() -> None:
    alice()
    pair = Client().post("/api/token/", RIGHT, content_type="application/json").json()

    answer = Client().get("/api/session/", headers={"Authorization": f"Bearer {pair['access']}"})

    assert answer.json()["authenticated"] is False


@pytest.mark.parametrize("method", ["put", "patch"])
def test_other_methods_are_refused(method: str) -> None:
    assert getattr(Client(), method)("/api/session/").status_code == 405


def test_no_answer_is_kept_by_a_cache() -> None:
    alice()
    browser = Client()

    answers = [
        browser.get("/api/session/"),
        post(browser, {}),
        post(browser, RIGHT),
        browser.delete("/api/session/"),
    ]

    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}


def test_the_key_is_in_no_body() -> None:
    browser = Client()
    browser.force_login(alice())
    put(browser, colour="red")

    answers = [browser.get(where) for where in ("/api/session/", "/api/me/", "/api/logins/", "/logins/")]

    assert not any(key(browser).encode() in answer.content for answer in answers)
