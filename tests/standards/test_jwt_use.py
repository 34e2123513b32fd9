"""What is done with tokens, good ones and others: section 2, attacks 11, 33, 34, 36, 38, 39.

Those that have their tests elsewhere, in tests/tokens_stateless/: 30 (replays, races, lost answers) in
test_refresh.py and test_faults.py, 31 (after the end, another person with an old id) in test_faults.py, the
other forms of 34 in test_authenticate.py. 32 (the feed) is in tests/accounts/.
"""

from __future__ import annotations

import hmac
import io
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.handlers.asgi import ASGIRequest
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory
from rest_framework.request import Request

from accounts import links, logins, mac
from accounts.logins import EndReason
from authdemo.demo import PASSWORD as DEMO_PASSWORD
from tests.standards.doors import mailed_path, works
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.callers import Party
from tests.tokens_stateless.conftest import Held, Noted, Reasons, outcome
from tests.tokens_stateless.every_door import REFRESH, every_door
from tests.tokens_stateless.forge import now, part
from tests.visitor import Visitor
from tests.web import WebServer
from tokens_stateless import clients, keys, refresh
from tokens_stateless.authenticate import TokenAuthentication
from tokens_stateless.errors import BadAuthorization

CREDENTIALS = {"email": "alice@example.com", "password": DEMO_PASSWORD}
MARK = "zq7-marker-7qz"


def strays(held: Held) -> dict[str, str]:
    """What else this project writes and signs."""
    browser = Client()
    browser.force_login(held.user)
    links.mail_reset(held.user.email)
    claims = forge.payload(held.access)
    return {
        "a session key": browser.cookies["sid"].value,
        "a CSRF token": get_token(RequestFactory().get("/")),
        "a token of Django's for a new password": default_token_generator.make_token(held.user),
        "a mailed link's": mailed_path().strip("/").rpartition("/")[2],
        "a signed value": signing.dumps(claims),
        "a signed text": signing.Signer().sign(held.access.rpartition(".")[0]),
        "a signed text with its time": signing.TimestampSigner(sep=".").sign(str(held.user.pk)),
        "a Login's id": str(held.login.pk),
        "a person's id": str(held.user.pk),
        "a key's id": keys.signer()[0],
        "a client's id": clients.new_id(),
        "a MAC of another purpose": f"{held.login.pk.hex}.0.{part(mac.mac('session', held.login.pk.bytes))}",
    }


def test_nothing_else_of_ours_passes_for_a_token(held: Held, reasons: Reasons) -> None:
    """Attack 11"""
    found = reasons(strays(held))

    assert set(found.values()) == {"form"}, found


def test_neither_token_of_a_pair_passes_for_the_other(held: Held, noted: Noted, caller: Party) -> None:
    """Attack 11; ASVS 9.2.2"""
    others = {name: door for name, door in every_door(caller).items() if door.takes == "access"}

    found = {name: door.send(held.refresh) for name, door in others.items()}

    assert {name: answer.status_code for name, answer in found.items()} == {
        name: door.status for name, door in others.items()
    }
    assert doors.refresh(held.access).status_code == 401
    assert (noted.reasons, held.login.ended_at) == (["form"] * (len(others) + 1), None)


def test_no_token_passes_for_another_credential(held: Held) -> None:
    """Attack 11: the other way round."""
    for token in (held.access, held.refresh):
        browser = Client()
        browser.cookies["sid"] = token
        assert browser.get("/api/me/").status_code == 401
        assert not works(f"/password/reset/{held.user.pk}/{token}/")
        assert not works(f"/signup/{token}/")
        assert doors.sign_in(password=token).status_code == 401


def test_a_wrong_mac_or_secret_is_compared_in_constant_time(
    held: Held, caller: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack 33: as many bytes on either side, by the function that is made for it, and by it alone."""
    sizes, compare = [], hmac.compare_digest

    def counted(one: Any, other: Any) -> bool:
        sizes.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    other = refresh.write(uuid4(), generation=0).rpartition(".")[2]

    answers = [
        doors.refresh(f"{held.refresh[:34]}.{other}"),
        replace(caller, secret="A" * 43).introspect("x"),
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert sizes == [(32, 32), (64, 64)]


def test_a_login_that_has_ended_is_looked_for_as_one_that_never_was(held: Held) -> None:
    """Attack 33"""
    other = doors.sign_in().json()
    logins.end([other_id := forge.login_of(other["access"])], reason=EndReason.LOGOUT)
    never = refresh.write(uuid4(), generation=0)

    counted = [outcome(REFRESH, token).statements for token in (refresh.write(other_id, generation=0), never)]

    assert counted[0] == counted[1] > 0


def test_two_authorization_headers_are_none(held: Held) -> None:
    """Attack 34, as an ASGI server hands them on; a WSGI server joins them by a comma, or keeps one."""
    twice = [(b"authorization", f"Bearer {held.access}".encode())] * 2
    scope = {"type": "http", "method": "GET", "path": "/api/me/", "query_string": b"", "headers": twice}
    request = Request(ASGIRequest(scope, io.BytesIO()))

    with pytest.raises(BadAuthorization):
        TokenAuthentication().authenticate(request)


@pytest.mark.slow
def test_two_authorization_headers_open_nothing(serve: Callable[..., WebServer]) -> None:
    """Attack 34, through a real server, whichever is the good one."""
    visitor = Visitor(serve(workers=1).origin)
    good = f"Bearer {visitor.send('POST', '/api/token/', CREDENTIALS).json()['access']}"
    host, port = visitor.origin.removeprefix("http://").split(":")

    for values in (
        [good],
        [good, good],
        [good, "Bearer x"],
        ["Bearer x", good],
        [good, "Basic YTpi"],
        ["", good],
    ):
        connection = HTTPConnection(host, int(port), timeout=10)
        connection.putrequest("GET", "/api/me/")
        for value in values:
            connection.putheader("Authorization", value)
        connection.endheaders()
        assert (connection.getresponse().status == 200) is (values == [good])
        connection.close()


def test_nothing_of_an_unproven_token_is_repeated(
    held: Held, caller: Party, noted: Noted, caplog: pytest.LogCaptureFixture
) -> None:
    """Attack 38: neither to who sent it nor in the log."""
    stranger = ec.generate_private_key(ec.SECP256R1())
    claims = forge.payload(held.access, email=f"{MARK}@example.com", jti=MARK, sub=MARK, sid=MARK, iss=MARK)
    tokens = [
        MARK,
        forge.forge(forge.header(kid=MARK), claims, by=stranger),
        forge.forge(forge.header(), claims, by=stranger),
        forge.forge(forge.header(), claims),
    ]

    answers = [door.send(token) for token in tokens for door in every_door(caller).values()]

    told = "".join(f"{answer.headers}{answer.content.decode()}" for answer in answers)
    log = f"{caplog.text}{[vars(record) for record in caplog.records]}{noted.events}"
    assert len(noted.reasons) == len(answers)
    assert not [mark for mark in (MARK, part(MARK.encode())[:12]) if mark in told + log]


def test_no_door_tells_why(held: Held, caller: Party) -> None:
    """Attack 39: junk, forged, expired, for others, of an unknown key, of a Login that has ended."""
    ended = doors.sign_in().json()["access"]
    logins.end([forge.login_of(ended)], reason=EndReason.LOGOUT)
    head, body, _signature = held.access.split(".")
    tokens = [
        "x",
        ended,
        f"{head}.{body}.{'A' * 86}",
        forge.forge(forge.header(kid="A" * 43), forge.payload(held.access)),
        forge.forge(forge.header(), forge.payload(held.access, iat=now(-400), exp=now(-100))),
        forge.forge(forge.header(), forge.payload(held.access, aud="https://other.example")),
    ]

    told = {
        name: {repr(outcome(door, token).told[:4]) for token in tokens}
        for name, door in every_door(caller).items()
    }

    assert {name: len(answers) for name, answers in told.items()} == dict.fromkeys(told, 1)


def test_nobody_is_called_like_somebody_else(held: Held, reasons: Reasons) -> None:
    """Attack 36; RFC 9068 section 5: no client's id can be a person's."""
    names = [clients.new_id() for _ in range(100)]

    found = reasons(
        {name: forge.forge(forge.header(), forge.payload(held.access, sub=name)) for name in names[:5]}
    )

    assert set(found.values()) == {"claims"}
    assert all(clients.ID.fullmatch(name) for name in names)
    assert not [pk for pk in (str(held.user.pk), held.user.pk.hex) if clients.ID.fullmatch(pk)]
