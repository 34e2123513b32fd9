"""Clients: who they are, how they prove it, and that a refusal tells nobody more than that it is one."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import ValidationError
from django.core.signals import got_request_exception
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.views.debug import ExceptionReporter

from accounts.models import Event
from tests.doors import everything, unnamed
from tests.tokens_stateless import doors
from tests.tokens_stateless.callers import ACCESS_TOKEN, API, EVERYTHING, GRANT, Party, basic, party, post
from tests.tokens_stateless.conftest import Aside, Held, Noted
from tokens_stateless import clients
from tokens_stateless.claims import UUID
from tokens_stateless.models import Client

UNKNOWN = "client-" + "0" * 32
ACTIVE_NOT = {"active": False}


class Broken(Exception):
    """A fault of ours, where nobody expects one."""


def broken(table: str) -> Callable[..., Any]:
    """For `connection.execute_wrapper`: fails where this table is asked."""

    def execute_or_fail(execute: Any, sql: str, *rest: Any) -> Any:
        if table in sql:
            raise Broken
        return execute(sql, *rest)

    return execute_or_fail


def test_a_secret_is_kept_as_a_hash_only() -> None:
    """And neither the hash nor anything else that is kept opens the door."""
    made = party()

    stored = str(everything())

    assert made.secret not in stored
    assert Client.objects.get().secret_hash in stored
    assert replace(made, secret=Client.objects.get().secret_hash).introspect("x").status_code == 401


def test_a_secret_is_long_and_an_id_is_nobodys_sub() -> None:
    made = [party() for _ in range(20)]

    assert len({each.secret for each in made}) == 20
    assert {len(each.secret) for each in made} == {43}
    assert not any(UUID.fullmatch(each.client.pk) for each in made)


@pytest.mark.parametrize(
    "fields",
    [{"audiences": [""]}, {"audiences": ["a" * 201]}, {"audiences": ["caf\u00e9"]}, {"scopes": ['a"b']}],
    ids=["no audience", "long", "not plain", "scope"],
)
def test_what_is_no_audience_and_no_scope_is_not_kept(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        clients.make(**{"name": "Reports", "audiences": [API], **fields})

    assert not Client.objects.exists()


def test_a_client_authenticates_by_header_or_by_body() -> None:
    made = party()

    answers = [made.introspect("x"), post("introspect", {"token": "x", **made.named})]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, ACTIVE_NOT)] * 2


def test_each_half_of_the_header_is_a_value_of_a_form() -> None:
    """RFC 6749 section 2.3.1: encoded as in a form first, whatever the characters."""
    made = party()
    encoded = "".join(f"%{ord(character):02x}" for character in made.client.pk)
    pair = b64encode(f"{encoded}:{made.secret}".encode()).decode()

    answer = post("introspect", {"token": "x"}, Authorization=f"bAsIc {pair}")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "form",
    [{"client_secret": "x"}, {"client_id": UNKNOWN}, {"client_id": "first-party"}],
    ids=["two secrets", "two names", "first party"],
)
def test_two_ways_at_once_are_refused(form: dict[str, str]) -> None:
    made = party()

    answer = post("introspect", {"token": "x", **form}, Authorization=basic(made.client.pk, made.secret))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_naming_itself_again_is_no_second_way() -> None:
    made = party()

    answer = post(
        "introspect",
        {"token": "x", "client_id": made.client.pk},
        Authorization=basic(made.client.pk, made.secret),
    )

    assert answer.status_code == 200


def refused(made: Party) -> dict[str, Callable[[str], Any]]:
    """Credentials that are wrong, each in its own way; the argument picks the way to send them."""
    off = party()
    Client.objects.filter(pk=off.client.pk).update(is_active=False)
    pairs = {
        "unknown": (UNKNOWN, made.secret),
        "secret": (made.client.pk, "x" * 43),
        "off": (off.client.pk, off.secret),
        "no client's name": ("alice@example.com", made.secret),
    }

    def by(pair: tuple[str, str]) -> Callable[[str], Any]:
        named = {"token": "x", "client_id": pair[0], "client_secret": pair[1]}
        return lambda way: (
            post("introspect", named)
            if way == "body"
            else post("introspect", "token=x", Authorization=basic(*pair))
        )

    return {name: by(pair) for name, pair in pairs.items()}


@pytest.mark.parametrize(("way", "challenge"), [("header", "Basic"), ("body", "Client")])
def test_unknown_wrong_and_switched_off_are_one_answer(way: str, challenge: str) -> None:
    """To the byte; a browser is not made to ask its user for a password (Basic) unless Basic was used."""
    told = set()
    for send in refused(party()).values():
        answer = send(way)
        status, content, headers = unnamed(answer)
        told.add((status, content, str(headers)))
        assert answer.headers["WWW-Authenticate"] == f'{challenge} realm="api"'
        assert answer.headers["Cache-Control"] == "no-store"

    ((status, content, _headers),) = told
    assert (status, b'"error": "invalid_client"' in content) == (401, True)


def test_the_log_alone_says_why_and_never_shows_a_secret(noted: Noted) -> None:
    made = party()
    for send in refused(made).values():
        send("header")

    events = [event for event in noted.events if event["name"] == "client_refused"]
    assert [event["reason"] for event in events] == ["unknown", "secret", "off", "unknown"]
    assert "client" not in events[-1], "what is no client id may be anything, a secret too"
    assert made.secret not in str(noted.events)


def test_they_cost_the_same_number_of_statements() -> None:
    costs = {}
    for name, send in refused(party()).items():
        with CaptureQueriesContext(connection) as captured:
            send("header")
        costs[name] = len(captured)

    assert costs["unknown"] == costs["secret"] == costs["off"]


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic " + b64encode(b"\xff\xfe:x").decode(),
        "Basic " + b64encode(b"no colon").decode(),
        "Basic " + b64encode(b"a:b:c").decode(),
        "Basic " + b64encode(b"%ff:%ff").decode(),
        "Basic " + b64encode(b"a\0b:x").decode(),
        "Basic " + "A" * 100_000,
        "Bearer x",
        "Basic \u00fc",
    ],
)
def test_an_odd_header_is_refused_calmly(header: str) -> None:
    answer = post("introspect", "token=x", Authorization=header)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "body", ["token=x&token=y", "token=x&client_id=%ff", "client_id=a&client_id=b&token=x", "a=%"]
)
def test_a_name_that_comes_twice_and_bytes_that_are_no_text_are_refused(body: str) -> None:
    """RFC 6749 section 3.2."""
    made = party()

    answer = post("introspect", body, Authorization=basic(made.client.pk, made.secret))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_nothing_is_read_from_the_address(client: Any) -> None:
    made = party()

    answer = client.post(f"/api/token/introspect/?{urlencode({'token': 'x', **made.named})}", "", doors.FORM)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_wrong_secrets_are_throttled_and_the_right_one_always_passes(settings: Any, noted: Noted) -> None:
    """Nobody locks a client out by guessing at it."""
    settings.ACCOUNTS = replace(settings.ACCOUNTS, free_failures=2)
    made = party()
    wrong = replace(made, secret="x" * 43)

    answers = [wrong.introspect("x") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert (answers[-1].json()["error"], answers[-1].json()["code"]) == (
        "temporarily_unavailable",
        "too_many_attempts",
    )
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert made.introspect("x").status_code == 200
    assert "client_refused_max" in {event["name"] for event in noted.events}


def test_an_address_that_tries_many_clients_is_throttled(settings: Any) -> None:
    settings.ACCOUNTS = replace(settings.ACCOUNTS, address_free_failures=3)

    tried = [
        post("introspect", {"token": "x", "client_id": clients.new_id(), "client_secret": "x"})
        for _ in range(5)
    ]

    assert [answer.status_code for answer in tried] == [401, 401, 401, 429, 429]


def test_parallel_guesses_are_counted_one_by_one(settings: Any, aside: Aside) -> None:
    settings.ACCOUNTS = replace(settings.ACCOUNTS, free_failures=3)
    wrong = replace(party(), secret="x" * 43)

    tried = [aside(lambda: wrong.introspect("x").status_code) for _ in range(12)]

    assert sorted(each.result() for each in tried).count(401) == 3


def test_a_new_secret_replaces_the_old_one_at_once() -> None:
    made = party()

    renewed = replace(made, secret=clients.renew(made.client))

    assert [each.introspect("x").status_code for each in (made, renewed)] == [401, 200]
    assert [event.name for event in Event.objects.filter(detail__client=made.client.pk).order_by("pk")] == [
        "client_made",
        "client_renewed",
    ]


def test_a_client_that_was_switched_off_is_refused_at_once() -> None:
    made = party()

    made.client.is_active = False
    clients.change(made.client, ["is_active"])

    assert made.introspect("x").status_code == 401
    assert Event.objects.filter(name="client_switched_off").count() == 1


@pytest.mark.parametrize(
    ("right", "name"),
    [("may_introspect", "introspect"), ("may_revoke", "revoke"), ("may_exchange", "exchange")],
)
def test_a_client_calls_only_what_it_may(held: Held, right: str, name: str) -> None:
    may_all_else = party(**{**EVERYTHING, right: False})

    answer = may_all_else.exchange(held.access) if name == "exchange" else may_all_else.post(name, token="x")

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert held.login.ended_at is None


@pytest.mark.parametrize("name", ["introspect", "exchange"])
def test_nobody_is_refused_and_not_counted(name: str) -> None:
    before = everything()

    answer = post(
        name, {"token": "x", "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": API}
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert everything() == before


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "introspect/", "application/json", 415),
        ("POST", "exchange/", "text/plain", 415),
        ("GET", "introspect/", "", 405),
        ("PUT", "revoke/", "application/json", 405),
        ("POST", "exchange/further/", "application/json", 404),
    ],
)
def test_whatever_is_refused_there_is_refused_in_oauths_words(
    client: Any, method: str, path: str, content: str, status: int
) -> None:
    answer = client.generic(method, f"/api/token/{path}", b"{}", content or "application/json")

    told = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert (told["error"], set(told)) == ("invalid_request", {"error", "error_description", "code"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_body_that_is_too_long_is_refused_in_oauths_words(client: Any) -> None:
    answer = client.generic(
        "POST", "/api/token/exchange/", b"x" * 70_000, "application/x-www-form-urlencoded"
    )

    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")


@pytest.mark.parametrize("table", ["tokens_stateless_client", "accounts_login"])
@pytest.mark.parametrize("name", ["introspect", "revoke", "exchange"])
def test_a_fault_behind_the_door_shows_neither_secret_nor_token(held: Held, name: str, table: str) -> None:
    """An error report shows the variables of each frame, and the body of the request."""
    made, shown = party(), []
    child, subject = (
        made.child(held.access),
        {"subject_token": held.access, "subject_token_type": ACCESS_TOKEN},
    )
    form = {"grant_type": GRANT, "audience": API, **subject} if name == "exchange" else {"token": child}

    def hear(request: Any, **_kwargs: Any) -> None:
        report = ExceptionReporter(request, *sys.exc_info())
        shown.append(report.get_traceback_html() + report.get_traceback_text())

    got_request_exception.connect(hear)
    quiet = Browser(raise_request_exception=False)
    header = basic(made.client.pk, made.secret)
    with connection.execute_wrapper(broken(table)):
        answers = [
            post(name, {**form, **made.named}, quiet),
            post(name, form, quiet, Authorization=header),
        ]
    got_request_exception.disconnect(hear)

    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(500, "server_error")] * 2
    assert len(shown) == 2
    assert not [secret for secret in (made.secret, child, held.access) for text in shown if secret in text]
