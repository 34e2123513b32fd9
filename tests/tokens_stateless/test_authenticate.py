"""A bearer token is verified without a look-up; whatever else is in the header is refused or not ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from rest_framework.request import Request

from accounts import logins, standing
from accounts.testing import bob
from tests.stores import Stores
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import BRACKETS, Held, settle, statements
from tokens_stateless import keys
from tokens_stateless.authenticate import TokenAuthentication


def asked(authorization: str, client: Client | None = None) -> Any:
    return (client or Client()).get("/api/me/", headers={"Authorization": authorization})


# By these a process says each second that it is there, on a thread of its own.
BEHIND = ("time", "hset", "hsetnx", "expire")


def commands(stores: Stores) -> int:
    """How many commands Redis has been given but those; 0 without a Redis."""
    if stores.redis is None:
        return 0
    with stores.redis.client() as client:
        told: dict[str, Any] = client.info("commandstats")
    return sum(one["calls"] for name, one in told.items() if name.removeprefix("cmdstat_") not in BEHIND)


def test_verifying_costs_no_look_up(held: Held, stores: Stores) -> None:
    """0 SQL, 0 commands; SQLite's glance is on a connection of its own, and finds nothing new."""
    settle(held)
    first, second = commands(stores), commands(stores)
    reads = standing.here().reads

    with statements(0):
        statuses = {doors.me(held.access).status_code for _ in range(20)}

    assert (statuses, commands(stores) - second) == ({200}, second - first)
    assert connection.vendor != "sqlite" or standing.here().reads == reads


def test_what_else_is_written_costs_one_read_and_no_statement(held: Held) -> None:
    """The ring is not read again because the ledger is."""
    settle(held)
    bob()
    reads = standing.here().reads

    with statements(0):
        doors.me(held.access)
        standing.here()._read()
        doors.me(held.access)

    assert standing.here().reads > reads


def test_a_request_is_told_which_login_carries_it(held: Held) -> None:
    told = doors.me(held.access).json()

    login = held.login
    assert told["id"] == str(held.user.pk)
    assert (told["flow"], told["login"]) == ("token", str(login.pk))
    assert told["authenticated_at"] == login.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_view_meets_the_same_person_on_both_requests(held: Held) -> None:
    """DRF's request, and Django's below it."""
    plain = RequestFactory().get("/", headers={"Authorization": f"Bearer {held.access}"})
    request = Request(plain, authenticators=[TokenAuthentication()])

    assert request.user == held.user
    assert (plain.user, plain.login_id) == (held.user, held.login.pk)  # type: ignore[attr-defined]


def test_the_case_of_the_scheme_does_not_matter(held: Held) -> None:
    """RFC 9110 section 11.1."""
    answers = [asked(f"{scheme} {held.access}") for scheme in ("bearer", "BEARER", "bEaReR")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


MALFORMED: dict[str, Callable[[str], str]] = {
    "no token": lambda token: "Bearer",
    "an empty token": lambda token: "Bearer ",
    "two spaces": lambda token: f"Bearer  {token}",
    "a space behind": lambda token: f"Bearer {token} ",
    "a space before": lambda token: f" Bearer {token}",
    "a tab": lambda token: f"Bearer\t{token}",
    "a comma for a space": lambda token: f"Bearer,{token}",
    "a colon for a space": lambda token: f"Bearer: {token}",
    "two tokens": lambda token: f"Bearer {token} {token}",
    "two headers in one": lambda token: f"Bearer {token},Bearer {token}",
    "two headers, one of another scheme": lambda token: f"Bearer {token}, Basic YTpi",
    "parameters": lambda token: f'Bearer token="{token}", realm="api"',
}


def test_a_header_that_is_no_bearer_token_is_a_bad_request(held: Held) -> None:
    """RFC 6750 section 3.1."""
    answers = {name: asked(change(held.access)) for name, change in MALFORMED.items()}

    told = {name: (answer.status_code, answer.json()["code"]) for name, answer in answers.items()}
    assert told == dict.fromkeys(MALFORMED, (400, "invalid_request"))
    challenges = {answer.headers["WWW-Authenticate"] for answer in answers.values()}
    assert challenges == {'Bearer realm="api", error="invalid_request"'}


def test_another_scheme_is_not_ours(held: Held) -> None:
    """The challenge names no error, because no token was sent (RFC 6750 section 3.1)."""
    others = ["", " ", "Basic YTpi", "BearerX {}", "Bearer-2 {}", "Token {}", "{}", "DPoP {}"]
    answers = {other: asked(other.format(held.access)) for other in others}

    told = {other: (answer.status_code, answer.json()["code"]) for other, answer in answers.items()}
    assert told == dict.fromkeys(others, (401, "not_authenticated"))
    assert {answer.headers["WWW-Authenticate"] for answer in answers.values()} == {'Bearer realm="api"'}


def test_any_byte_in_a_token_is_refused_calmly(held: Held) -> None:
    others = [byte for byte in range(256) if chr(byte) not in forge.ALPHABET]

    answers = [asked(f"Bearer {held.access[:50]}{chr(byte)}{held.access[50:]}") for byte in others]

    assert (len(answers), {answer.status_code for answer in answers}) == (192, {400, 401})


def test_a_bad_token_never_falls_back_to_the_session(held: Held) -> None:
    """RFC 6750 section 2: whoever sends a token is asked about that."""
    client = Client()
    client.force_login(held.user)
    assert client.get("/api/me/").json()["flow"] == "session"

    bad = [held.access + "A", "x", "", " ", "\t"]
    answers = [asked(f"Bearer{space}{token}", client) for token in bad for space in (" ", "\t")]

    assert {answer.status_code for answer in answers} == {400, 401}
    assert client.get("/api/me/").json()["flow"] == "session"


def test_a_token_goes_before_a_session_of_somebody_else(held: Held) -> None:
    client = Client()
    client.force_login(bob())

    told = doors.me(held.access, client).json()

    assert (told["email"], told["flow"], told["login"]) == ("alice@example.com", "token", str(held.login.pk))


def test_a_token_anywhere_else_is_ignored(held: Held) -> None:
    """RFC 6750 sections 2.2 and 2.3 are not offered: addresses are written to logs."""
    client, names = Client(), ["access_token", "access", "token", "bearer_token", "jwt"]
    everywhere = dict.fromkeys(names, held.access)
    for name in names:
        client.cookies[name] = held.access

    answers = [client.get("/api/me/", everywhere), client.get("/api/me/", headers=everywhere)]

    assert [answer.status_code for answer in answers] == [401, 401]


def test_a_token_of_somebody_who_has_changed_is_stale(held: Held) -> None:
    """A typed 401, and nobody is signed out."""
    held.user.is_staff = True
    held.user.save()

    stale = doors.me(held.access)
    fresh = doors.me(doors.refresh(held.refresh).json()["access"])

    assert (stale.status_code, stale.json()["code"]) == (401, "token_stale")
    assert stale.headers["WWW-Authenticate"] == doors.REFUSED
    assert (fresh.status_code, fresh.json()["is_staff"], held.login.ended_at) == (200, True, None)


def test_a_process_that_cannot_learn_its_keys_does_not_vouch(held: Held) -> None:
    """503, and neither an open door nor a 500."""
    doors.me(held.access)
    keys.forget()

    def away(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(BRACKETS):
            return execute(sql, *rest)
        raise OperationalError("the database is away")

    with connection.execute_wrapper(away):
        answer = doors.me(held.access)

    assert (answer.status_code, answer.json()["code"]) == (503, "standing_unknown")
    assert int(answer.headers["Retry-After"]) >= 1
    assert doors.me(held.access).status_code == 200


def test_a_use_is_seen_at_most_once_a_minute_and_not_on_the_path(held: Held) -> None:
    settle(held)

    with statements(0):
        doors.me(held.access)

    assert logins.writer._keys == set()
