"""The shapes of the token doors: simplejwt's, so that its clients work; and a key set that libraries read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.logins import Login
from accounts.testing import alice
from tests.tokens_stateless import doors
from tests.tokens_stateless.conftest import Held
from tokens_stateless.conf import Tokens
from tokens_stateless.models import Family

DOORS = ["/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/token/revoke/"]


def test_a_client_of_simplejwt_finds_its_way() -> None:
    """Obtain, use, verify, refresh: the requests that its documentation shows, the members that it reads."""
    alice()

    pair = doors.sign_in().json()
    used, verified = doors.me(pair["access"]), doors.verify(pair["access"])
    refreshed = doors.refresh(pair["refresh"]).json()

    assert (used.status_code, verified.status_code, verified.json()) == (200, 200, {})
    assert {"access", "refresh"} <= set(pair) & set(refreshed)
    assert doors.me(refreshed["access"]).status_code == 200


def test_a_refusal_has_the_members_that_clients_of_simplejwt_read(held: Held) -> None:
    """`code` and `detail`, within an RFC 9457 document."""
    answers = [doors.refresh("x"), doors.verify("x"), doors.me("x")]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
        assert answer.json()["detail"]
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_no_answer_of_a_token_door_is_kept(held: Held) -> None:
    """RFC 6749 section 5.1; errors included."""
    answers = [Client().post(path, b"", "application/json") for path in DOORS]
    answers += [doors.refresh(held.refresh), doors.verify(held.access), doors.me(held.access), doors.me("x")]
    answers += [doors.revoke(held.refresh)]

    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert not any(answer.cookies for answer in answers)


@pytest.mark.nodb
@pytest.mark.parametrize("path", DOORS)
def test_the_doors_take_post_only(path: str) -> None:
    answers = [
        Client().generic(method, path) for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE")
    ]

    assert {(answer.status_code, answer.headers["Allow"]) for answer in answers} == {(405, "POST, OPTIONS")}


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"token":"\xff"}',
    "UTF-16": '{"token":"x"}'.encode("utf-16"),
    "a list": b'["x"]',
    "null": b"null",
    "a name twice": b'{"token":"x","token":"y","refresh":"x","refresh":"y"}',
    "NaN": b'{"token":NaN}',
    "a lone surrogate": b'{"token":"\\ud800","refresh":"\\ud800","email":"\\ud800","password":"\\ud800"}',
    "deep": b'{"token":' + b"[" * 9000 + b"]" * 9000 + b"}",
}


@pytest.mark.nodb
@pytest.mark.parametrize("path", DOORS[:3])
def test_a_body_that_is_no_plain_json_is_a_bad_request(path: str) -> None:
    answers = {
        name: Client().generic("POST", path, body, content_type="application/json").status_code
        for name, body in BODIES.items()
    }

    assert answers == dict.fromkeys(BODIES, 400)


@pytest.mark.nodb
@pytest.mark.parametrize("path", DOORS)
def test_a_body_of_ten_megabytes_is_not_read(path: str) -> None:
    kind = doors.FORM if "revoke" in path else "application/json"

    assert Client().generic("POST", path, b"a" * 10_000_000, content_type=kind).status_code == 413


def test_whoever_sends_a_bearer_token_to_a_door_is_asked_for_what_the_door_takes(held: Held) -> None:
    """A door takes the credential of its body and no other, not even a bad one."""
    answer = doors.refresh(held.refresh, headers={"Authorization": "Bearer x"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "other", [Tokens(issuer="https://staging.example"), Tokens(audience="https://staging.example")]
)
def test_a_token_of_another_environment_is_refused(other: Tokens, held: Held) -> None:
    """Even where both have the same keys."""
    with override_settings(TOKENS_STATELESS=other):
        assert doors.me(held.access).status_code == 401

    assert doors.me(held.access).status_code == 200


def test_the_page_of_a_client_is_shown_to_everybody() -> None:
    answer = Client().get("/token/")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_made_up_body_changes_nothing(held: Held) -> None:
    """Every member of every door at once, with values of every type."""
    values: list[Any] = [None, True, 0, -1, 1.5, "", " ", "x", "\0", [], [1], {}, {"a": 1}, "é" * 999]
    names = ["token", "refresh", "email", "password", "token_type_hint", "access"]

    answers = [
        Client().post(path, json.dumps(dict.fromkeys(names, value)), "application/json")
        for path in DOORS
        for value in values
    ]

    assert {answer.status_code for answer in answers} <= {400, 401, 415}
    assert (Login.objects.live().count(), Family.objects.get().generation) == (1, 0)
