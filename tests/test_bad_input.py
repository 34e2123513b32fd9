"""Whatever comes in at any door that is not right gets a clear 4xx, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from accounts.testing import alice
from tests import doors
from tests.doors import BARE, DOORS, FORM, JSON, Door, complaint, everything, form

each_door = pytest.mark.parametrize("name", [*DOORS])
BY_LINK = ("sign up, by the link", "reset, by the link", "change the password")
WITHOUT_COOKIE = (
    "token",
    "refresh",
    "verify",
    "revoke",
    "introspect",
    "exchange",
    "the password again, for a token",
)
HUGE = b"x" * 10_000_000


@pytest.fixture(autouse=True)
def _not_throttled(settings: Any) -> None:
    """Else after a few of the bad ones all would be answered alike."""
    settings.ACCOUNTS = replace(settings.ACCOUNTS, free_failures=10_000, address_free_failures=10_000)


@pytest.fixture(autouse=True)
def _somebody() -> None:
    alice()


class Tried:
    """What came of sending `bodies` to a door: `complaints` by body; rows compared before and after."""

    def __init__(self, door: Door, bodies: dict[str, bytes], **options: Any) -> None:
        client = door.who()
        before = everything()
        answers = {name: door.send(client, body, **options) for name, body in bodies.items()}
        told = {name: complaint(answer, is_api=door.is_api) for name, answer in answers.items()}
        self.complaints = {name: what for name, what in told.items() if what}
        self.statuses = {answer.status_code for answer in answers.values()}
        self.changed = everything() != before


def ok(tried: Tried) -> bool:
    """For a test to assert on; what is shown when it fails is the complaints."""
    assert (tried.complaints, tried.changed) == ({}, False)
    return True


def odd_texts(door: Door) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field in turn missing, empty, or a text that is none."""
    for name in door.fields:
        rest = {key: value for key, value in door.fields.items() if key != name}
        yield f"no {name}", rest
        yield f"empty {name}", {**rest, name: ""}
        yield f"NUL in {name}", {**rest, name: f"a\0{door.fields[name]}"}
        yield f"long {name}", {**rest, name: "y" * 5000}
    yield "nothing", {}


@each_door
def test_fields_that_are_missing_empty_or_no_text(name: str) -> None:
    door = DOORS[name]
    encode = form if door.content == FORM else lambda fields: json.dumps(fields).encode()

    assert ok(Tried(door, {what: encode(fields) for what, fields in odd_texts(door)}))


@each_door
def test_values_of_a_wrong_type(name: str) -> None:
    """In a form there are no types, but a value may come twice, or be a file."""
    door = DOORS[name]
    values: list[object] = [None, True, 0, 1.5, -1, 10**400, [], ["a"], {}, {"a": 1}]
    bodies = {
        f"{field} {str(value)[:9]}": json.dumps({**door.fields, field: value}).encode()
        for field in door.fields
        for value in values
    }

    assert ok(Tried(door, bodies, content=JSON))


@each_door
def test_bytes_that_are_no_text(name: str) -> None:
    """No UTF-8, lone surrogates, UTF-16: in each field, and as the whole body."""
    door = DOORS[name]
    junk = [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"a\x00\xff", b"\xfe\xff\x00a"]
    bodies = {f"whole {bad!r}": bad for bad in junk}
    for field in door.fields:
        for bad in junk:
            sent = {**door.fields, field: bad}
            raw = json.dumps({**sent, field: "§"}, ensure_ascii=False).encode()
            bodies[f"{field} {bad!r}"] = (
                form(sent) if door.content == FORM else raw.replace("§".encode(), bad)
            )

    assert ok(Tried(door, bodies))


JSON_ONLY = {
    "nothing": b"",
    "list": b"[]",
    "null": b"null",
    "text": b'"x"',
    "number": b"1",
    "cut short": b'{"email": "al',
    "deep": b"[" * 5000 + b"]" * 5000,
    "deep within": b'{"email": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "mark": b"\xef\xbb\xbf{}",
    "UTF-16": json.dumps(DOORS["token"].fields).encode("utf-16"),
    "UTF-32": json.dumps(DOORS["token"].fields).encode("utf-32"),
    "long number": b'{"email": ' + b"9" * 30_000 + b"}",
    "no number": b'{"email": NaN, "password": Infinity}',
    "too great": b'{"email": 1e999}',
    "name twice": b'{"email": "alice@example.com", "email": "bob@example.com", "password": "x"}',
    "surrogate": b'{"email": "\\ud800", "password": "\\udfff", "token": "\\ud800", "refresh": "\\udfff"}',
    "in a name": b'{"\\ud800": "x", "\\u0000": "y"}',
}


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if door.content == JSON])
def test_json_that_is_none_or_not_ours(name: str) -> None:
    assert ok(Tried(DOORS[name], JSON_ONLY))


@each_door
def test_a_body_of_a_type_that_is_not_taken(name: str) -> None:
    door = DOORS[name]
    types = [
        "x",
        "text/plain",
        "text/html",
        "application/xml",
        "multipart/form-data",
        ";;=",
        "\xff",
        "application/jso",
    ]
    good = form(door.fields) if door.content == FORM else json.dumps(door.fields).encode()

    tried = [
        Tried(door, {f"good as {content}": good, "bad": b"\xff\0"}, content=content) for content in types
    ]

    assert all(map(ok, tried))


@each_door
def test_the_right_fields_in_the_other_doors_type(name: str) -> None:
    door = DOORS[name]
    other = JSON if door.content == FORM else FORM
    body = form(door.fields) if other == FORM else json.dumps(door.fields).encode()

    assert ok(Tried(door, {"good": body}, content=other))


@each_door
def test_a_body_of_ten_megabytes(name: str) -> None:
    """Of any type, and whether or not it could be read."""
    door = DOORS[name]
    long = {**door.fields, next(iter(door.fields)): HUGE.decode()}
    types = [FORM, JSON, "multipart/form-data; boundary=x", "text/plain"]

    tried = [
        Tried(door, {"junk": HUGE, "long": json.dumps(long).encode()}, content=content) for content in types
    ]

    assert all(map(ok, tried))
    assert {status for each in tried for status in each.statuses} == {413}


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if door.content == FORM])
def test_a_form_in_parts_that_is_broken(name: str) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="email"'
    bodies = {
        "never ends": part,
        "no name": b"--x\r\nContent-Disposition: form-data\r\n\r\ny\r\n--x--",
        "a file": part + b'; filename="a"\r\n\r\nalice@example.com\r\n--x--',
        "many": b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' for _ in range(1100)),
        "base64": part + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%\r\n--x--",
    }

    assert ok(Tried(DOORS[name], bodies, content="multipart/form-data; boundary=x"))


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if door.content == FORM])
def test_a_form_of_more_fields_than_anybody_has(name: str) -> None:
    assert ok(Tried(DOORS[name], {"many": b"&".join(b"a%d=1" % n for n in range(5000))}))


@pytest.mark.parametrize("name", ["sign in", "sign up", *BY_LINK, "session", "token"])
def test_the_right_fields_do_get_through(name: str) -> None:
    """Else all of the above would prove nothing."""
    door = DOORS[name]
    body = form(door.fields) if door.content == FORM else json.dumps(door.fields).encode()

    assert door.send(door.who(), body).status_code in (200, 302)


@pytest.mark.parametrize("name", [name for name in (*DOORS, *BARE) if name not in WITHOUT_COOKIE])
def test_without_a_csrf_token_nothing_that_a_cookie_carries_is_done(name: str) -> None:
    door = {**DOORS, **BARE}[name]
    client = door.who(enforce_csrf_checks=True)
    body = form(door.fields) if door.content == FORM else json.dumps(door.fields).encode()
    before = everything()

    answers = [door.send(client, body), door.send(client, body, **{"X-CSRFToken": "a" * 32})]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert [complaint(answer, is_api=door.is_api) for answer in answers] == [None, None]
    assert everything() == before


def test_tokens_of_eight_megabytes_are_refused_wherever_they_come() -> None:
    token, before = "e" * 8_000_000, everything()
    client = doors.nobody()
    client.cookies["sid"] = client.cookies["csrf"] = token

    answers = [
        doors.nobody(headers={"Authorization": f"Bearer {token}"}).get("/api/me/"),
        client.get("/api/me/"),
        doors.nobody().post("/api/token/verify/", {"token": token}, content_type=JSON),
        doors.nobody().post("/api/token/refresh/", {"refresh": token}, content_type=JSON),
        DOORS["revoke"].send(doors.nobody(), f"token={token}".encode()),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 413, 413, 413]
    assert [complaint(answer, is_api=True) for answer in answers] == [None] * 5
    assert everything() == before
