"""Tokens that speak for themselves, row by row: section 1.4 of the standards (docs/threats.md).

The forged ones are in test_jwt_*.py beside this. Rows that have their tests elsewhere: claims and their types
in tests/tokens_stateless/test_claims.py, the ring and its rotation in test_keyring.py there, the key set in
test_jwks.py, ends without a look-up in tests/accounts/test_standing_processes.py.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from accounts import standing
from accounts.testing import PASSWORD
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.callers import Party
from tests.tokens_stateless.conftest import Held, Reasons, outcome, settle, statements, unread
from tests.tokens_stateless.every_door import every_door
from tests.tokens_stateless.forge import dumps, part
from tokens_stateless import claims, refresh
from tokens_stateless.errors import TokenNotValid

# Some milliseconds: a tenth of a microsecond each.
LINES = 25_000


def test_a_token_that_is_none_has_one_answer_at_each_door(held: Held, caller: Party) -> None:
    """What `reasons` measures all others by: RFC 6750 section 3.1, RFC 7009, RFC 7662, RFC 8693."""
    for name, door in every_door(caller).items():
        answer = door.send("x")
        told = answer.json()

        assert answer.status_code == door.status, name
        assert (told.get("code"), door.body or told) == (door.code, told), name
        assert answer.headers["Cache-Control"] == "no-store", name
        assert door.status != 401 or answer.headers["WWW-Authenticate"] == doors.REFUSED, name


def test_made_up_tokens_cost_no_look_up(held: Held, caller: Party) -> None:
    """ASVS 9.1.1; 8725 §3.3: only a good signature of a key of the ring leads any further."""
    body = part(forge.payload(held.access))
    made_up = ["x", "x" * 3000, f"{part(forge.header(kid='A' * 43))}.{body}.{'A' * 86}"]
    made_up += [f"{part(forge.header())}.{body}.{'A' * 86}"] * 20
    settle(held)
    mine = standing.here()
    asked, reads = mine.asked, mine.reads

    with statements(0):
        statuses = {
            door(token).status_code for token in made_up for door in (doors.me, doors.logins, doors.verify)
        }

    assert (statuses, mine.asked) == ({401}, asked)
    # Elsewhere a thread behind the requests reads, too.
    assert connection.vendor != "sqlite" or mine.reads == reads


def test_the_doors_of_clients_look_for_the_client_and_no_further(held: Held, caller: Party) -> None:
    """ASVS 9.1.1"""
    every = every_door(caller)
    settle(held)

    costs = {name: outcome(door, f"{held.access[:-86]}{'A' * 86}").statements for name, door in every.items()}

    dear = {"revoke, by a client": 1, "introspect": 1, "exchange": 1}
    assert costs == dict.fromkeys(every, 0) | dear


FROZEN = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
# Seconds from now of iat and exp; 30 are leeway on both sides, and 300 the longest life.
EDGES: dict[tuple[int, int], int] = {
    (-270, 30): 200,
    (-299, 1): 200,
    (-300, 0): 200,
    (-329, -29): 200,
    (-330, -30): 401,
    (-331, -31): 401,
    (30, 330): 200,
    (31, 331): 401,
    (90, 390): 401,
    (0, 300): 200,
    (0, 301): 401,
    (-1, 300): 401,
    (0, 0): 200,
    (0, -1): 401,
    (0, 10 * 365 * 86400): 401,
}


def test_instants_are_kept_to_the_second(held: Held) -> None:
    """ASVS 9.2.1; RFC 9068 §4; attacks 14–16: leeway on both sides, and no longer life than is ever given."""
    with time_machine.travel(FROZEN, tick=False):
        start = forge.now()
        tokens = {
            (iat, exp): forge.payload(held.access, iat=start + iat, exp=start + exp, auth_time=start + iat)
            for iat, exp in EDGES
        }
        found = {edge: unread(forge.forge(forge.header(), said)) for edge, said in tokens.items()}

    assert {edge: 401 if reason else 200 for edge, reason in found.items()} == EDGES


def test_not_before_is_kept_to_the_second(held: Held) -> None:
    """ASVS 9.2.1; attack 16"""
    with time_machine.travel(FROZEN, tick=False):
        start = forge.now()
        said = forge.payload(held.access, iat=start, exp=start + 300, auth_time=start)
        found = {
            seconds: unread(forge.forge(forge.header(), {**said, "nbf": start + seconds}))
            for seconds in (-(10**9), 0, 30, 31)
        }

    assert found == {-(10**9): None, 0: None, 30: None, 31: "not yet"}


def test_a_remembered_token_dies_when_its_time_has_come(held: Held) -> None:
    """ASVS 9.2.1: that it was good a moment ago makes no difference, at any door."""
    end = forge.payload(held.access)["exp"]
    assert doors.me(held.access).status_code == 200

    with time_machine.travel(end + 29, tick=False):
        assert doors.me(held.access).status_code == 200
    with time_machine.travel(end + 30, tick=False):
        assert [doors.me(held.access).status_code, doors.verify(held.access).status_code] == [401, 401]


def test_an_id_that_looks_like_an_old_key_admits_nobody(held: Held, reasons: Reasons) -> None:
    """ASVS 10.3.3: whoever gets a key of the table is not who had it; attack 35."""
    mallory = get_user_model().objects.create_user("mallory@example.com", PASSWORD)
    subjects: list[object] = [
        1,
        2,
        True,
        1.0,
        "1",
        " 1 ",
        "\u0661",
        mallory.pk.hex,
        str(mallory.pk).upper(),
        [1],
    ]

    found = reasons(
        {repr(sub): forge.forge(forge.header(), forge.payload(held.access, sub=sub)) for sub in subjects}
    )

    assert set(found.values()) == {"claims"}, found


FIELDS: list[object] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    10**300,
    "",
    " ",
    "\u0000",
    "x" * 1500,
    "\U0001f98a",
    [],
    [[]],
    {},
    {"a": 1},
]


@pytest.mark.parametrize("values", [FIELDS[:6], FIELDS[6:12], FIELDS[12:]], ids=str)
def test_a_value_of_any_type_anywhere_is_met_calmly(values: list[object], held: Held) -> None:
    """Robustness; attack 35: of each claim and each field of the header, and of names that nobody knows."""
    header, payload = forge.header(), forge.payload(held.access)
    names = [*payload, "nbf", "scope", "act", "cnf", "roles", "", "__class__", "x"]

    tokens = [forge.forge(header, {**payload, name: value}) for name in names for value in values]
    tokens += [forge.forge({**header, name: value}, payload) for name in [*header, "x"] for value in values]

    assert {unread(token) for token in tokens} <= {
        None,
        "claims",
        "audience",
        "not yet",
        "header",
        "kid",
        "lifetime",
    }
    sample = random.Random(7).sample(tokens, 12)
    assert {door(token).status_code for token in sample for door in (doors.me, doors.verify)} <= {200, 401}


def damaged(token: str, chance: random.Random) -> bytes:
    """These bytes with some of them changed, left out, doubled or swapped."""
    data = bytearray(token.encode())
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                del data[place : place + chance.randint(1, 90)]
            case 2:
                data[place:place] = chance.randbytes(chance.randint(1, 5))
            case _:
                data[place:place] = data[place : place + chance.randint(1, 90)]
    return bytes(data) if data != token.encode() else damaged(token, chance)


def test_any_bytes_are_met_calmly(held: Held) -> None:
    """Robustness: a thousand damaged tokens, and texts of chance, in the header and to the readers."""
    chance = random.Random(1)
    texts = [damaged(held.access, chance) for _ in range(1000)] + [chance.randbytes(60) for _ in range(200)]

    for text in texts:
        with pytest.raises(TokenNotValid):
            claims.read(text)
        with pytest.raises(TokenNotValid):
            refresh.read(text.decode("latin-1"))
    sent = [
        Client().get("/api/me/", HTTP_AUTHORIZATION=f"Bearer {text.decode('latin-1')}") for text in texts[::6]
    ]
    assert {answer.status_code for answer in sent} <= {400, 401}


def lines(job: Callable[[], object]) -> int:
    """How many lines of Python are run in this."""
    count, former = 0, sys.gettrace()

    def trace(_frame: Any, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        job()
    finally:
        sys.settrace(former)
    return count


def test_no_token_makes_much_work(held: Held) -> None:
    """Size; "under 10 ms" in a measure that no load changes: the most expensive things that fit into 4 kB."""
    header, said = forge.header(), dumps(forge.payload(held.access)).encode()[:-1]
    bodies = {
        "deep": said + b',"x":' + b"[" * 2400,
        "wide": said + b',"x":[' + b"{}," * 700 + b"1]}",
        "many names": said + b"".join(b',"%d":0' % number for number in range(280)) + b"}",
        "a long number": said + b',"x":' + b"9" * 2400 + b"}",
        "a long fraction": said + b',"x":0.' + b"9" * 2400 + b"}",
        "escapes": said + b',"x":"' + rb"\u0041" * 400 + b'"}',
        "brackets in text": said + b',"x":"' + b"[" * 2400 + b'"}',
    }
    tokens = {name: forge.forge(header, body).encode() for name, body in bodies.items()}
    tokens["a megabyte, deep"] = forge.forge(header, said + b',"x":' + b"[" * 1_000_000).encode()
    tokens |= {"8 MB": b"A" * 8_000_000, "dots": b"." * 10_000, "4 kB": b"A" * 4096, "dashes": b"-" * 4096}
    refused = {name: lines(partial(unread, token.decode())) for name, token in tokens.items()}
    long = {f"{name}, to refresh": lines(partial(not_read, token.decode())) for name, token in tokens.items()}

    assert max(len(token) for name, token in tokens.items() if name in bodies) <= 4096
    assert {name: count for name, count in {**refused, **long}.items() if count > LINES} == {}


def not_read(text: str) -> None:
    with pytest.raises(TokenNotValid):
        refresh.read(text)
