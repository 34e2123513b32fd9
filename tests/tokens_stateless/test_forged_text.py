"""Tokens of a wrong encoding, form or size, each refused by name at every door that takes one (T11)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Noted, Reasons
from tests.tokens_stateless.forge import dumps, part
from tokens_stateless import claims

RAW: dict[str, Callable[[str], bytes]] = {
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "no UTF-8": lambda text: text.encode()[:-1] + b',"x":"\xff"}',
    "overlong UTF-8": lambda text: text.encode()[:-1] + b',"x":"\xc0\xaf"}',
    "surrogate in UTF-8": lambda text: text.encode()[:-1] + b',"x":"\xed\xa0\x80"}',
    "lone surrogate": lambda text: text.encode()[:-1] + rb',"x":"\ud800"}',
    "lone surrogate in a name": lambda text: text.encode()[:-1] + rb',"\udc00":1}',
    "NaN": lambda text: text.encode()[:-1] + b',"x":NaN}',
    "Infinity": lambda text: text.encode()[:-1] + b',"x":-Infinity}',
    "1e400": lambda text: text.encode()[:-1] + b',"x":1e400}',
    "bare NUL": lambda text: text.encode()[:-1] + b',"x":"\0"}',
    "deep": lambda text: text.encode()[:-1] + b',"x":' + b"[" * 500 + b"]" * 500 + b"}",
    "more behind": lambda text: text.encode() + b"{}",
    "cut off": lambda text: text.encode()[:-1],
    "comment": lambda text: text.encode() + b"//",
    "list": lambda text: f"[{text}]".encode(),
    "text": lambda text: json.dumps(text).encode(),
    "null": lambda text: b"null",
    "number": lambda text: b"1",
}


def test_what_is_not_one_plain_json_object_is_refused(held: Held, reasons: Reasons) -> None:
    """RFC 8725 section 3.7; in the payload and in the header."""
    header, payload = forge.header(), forge.payload(held.access)
    tokens = {name: forge.forge(header, raw(dumps(payload))) for name, raw in RAW.items()}
    tokens |= {f"header: {name}": forge.forge(raw(dumps(header)), payload) for name, raw in RAW.items()}

    assert reasons(tokens) == dict.fromkeys(tokens, "json")


def test_a_name_that_is_there_twice_is_refused(held: Held, reasons: Reasons) -> None:
    """RFC 7515 section 4, RFC 7519 section 4: two readers would believe two things."""
    header, payload = forge.header(), forge.payload(held.access)

    def twice(said: dict[str, Any], name: str) -> bytes:
        return f'{{"{name}":{json.dumps(said[name])},{dumps(said)[1:]}'.encode()

    tokens = {name: forge.forge(header, twice(payload, name)) for name in payload}
    tokens |= {name: forge.forge(twice(header, name), payload) for name in header}

    assert reasons(tokens) == dict.fromkeys(tokens, "json")


TEXTS: dict[str, Callable[[str], str]] = {
    "padded": lambda token: token + "=",
    "padded twice": lambda token: token + "==",
    "padded inside": lambda token: token.replace(".", "=.", 1),
    "with a dot behind": lambda token: token + ".",
    "of four parts": lambda token: token + ".e30",
    "of five parts": lambda token: token + ".e30.e30",
    "of two parts": lambda token: token.rpartition(".")[0],
    "detached": lambda token: token.split(".")[0] + ".." + token.split(".")[2],
    "without a header": lambda token: "." + token.partition(".")[2],
    "with two dots": lambda token: token.replace(".", "..", 1),
    "of dots": lambda token: "." * 2000,
    "one character short": lambda token: token[:-1],
    "one byte short": lambda token: token[:-2],
    "one character long": lambda token: token + "A",
    "signed twice": lambda token: token + token.rpartition(".")[2],
    "in plain base64": lambda token: token[:-4] + "++//",
    "percent-encoded": lambda token: token.replace(".", "%2e"),
    "signed as in ASN.1": forge.der,
    "with a letter of no alphabet": lambda token: "é" + token[1:],
}


def test_a_text_that_is_not_three_plain_parts_is_refused(held: Held, reasons: Reasons) -> None:
    """RFC 7515 section 7.1: the compact form and no other."""
    found = reasons({name: change(held.access) for name, change in TEXTS.items()})

    assert found == dict.fromkeys(TEXTS, "form")


def test_white_space_in_a_token_is_refused(held: Held) -> None:
    spaces, half = [" ", "\t", "\n", "\r\n", "\0", "\u00a0"], len(held.access) // 2
    texts = [held.access[:place] + space + held.access[place:] for space in spaces for place in (0, half)]
    texts += [held.access + space for space in spaces]

    answers = [door(text) for text in texts for door in (doors.me, doors.verify, doors.refresh)]

    assert {answer.status_code for answer in answers} <= {400, 401}


def test_the_json_form_of_a_signature_is_refused(held: Held) -> None:
    """RFC 7515 section 7.2."""
    protected, body, signature = held.access.split(".")
    flat = json.dumps({"protected": protected, "payload": body, "signature": signature})

    answers = [doors.verify(flat), doors.refresh(flat), doors.me(flat)]

    assert [answer.status_code for answer in answers] == [401, 401, 400]


def uneven(said: dict[str, Any]) -> str:
    """These values in base64url, with bits to spare: JSON allows blanks behind."""
    return next(text for end in ("", " ") if len(text := part((dumps(said) + end).encode())) % 4)


def test_bits_that_stand_for_nothing_must_not_be_set(held: Held, reasons: Reasons) -> None:
    """Else one token has many texts; the signature is over the text as it stands, nothing else is wrong."""
    head, body = uneven(forge.header()), uneven(forge.payload(held.access))
    assert doors.me(forge.signed(f"{head}.{body}")).status_code == 200
    unsigned, _dot, signature = held.access.rpartition(".")

    found = reasons(
        {
            "header": forge.signed(f"{forge.with_spare_bit(head)}.{body}"),
            "payload": forge.signed(f"{head}.{forge.with_spare_bit(body)}"),
            "signature": f"{unsigned}.{forge.with_spare_bit(signature)}",
            "impossible length": forge.signed(f"{head}.AAAAA"),
        }
    )

    assert set(found.values()) == {"base64"}, found


def test_a_token_that_is_too_long_is_refused_before_anything_is_decoded(
    held: Held, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a right signature, too; not even the pattern is tried."""
    long = forge.forge(forge.header(), forge.payload(held.access, jti="a" * 4000))
    monkeypatch.setattr(claims, "COMPACT", None)
    monkeypatch.setattr(claims, "strict_json", None)

    answers = [doors.me(long), doors.me(long + "A" * 8_000_000)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert noted.reasons == ["form", "form"]


@pytest.mark.parametrize("door", [doors.verify, doors.refresh, doors.revoke])
def test_a_body_with_a_token_that_is_too_long_is_refused(door: Callable[[str], Any], held: Held) -> None:
    answers = [door(held.access + "A" * 4096), door("A" * 8_000_000)]

    assert [answer.status_code for answer in answers] == [400, 413]
    assert held.login.ended_at is None
