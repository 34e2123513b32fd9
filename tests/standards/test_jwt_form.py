"""Texts of a wrong form or size, sent to every door: section 2, attacks 5, 21, 26–29 (T11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.callers import Party
from tests.tokens_stateless.conftest import Held, Noted, Reasons, unread
from tests.tokens_stateless.every_door import every_door
from tests.tokens_stateless.forge import dumps, part
from tokens_stateless import claims

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
    "with white space for a part": lambda token: token.rpartition(".")[0] + ".%20",
    "quoted": lambda token: f"'{token}'",
    "in a list": lambda token: f'["{token}"]',
    "in an object": lambda token: f'{{"token":"{token}"}}',
    "signed as in ASN.1": forge.der,
    "signed with 32 bytes": lambda token: token[:-43],
    "signed with 128 bytes": lambda token: token + "A" * 86,
    "with a letter of no alphabet": lambda token: "é" + token[1:],
}


def test_a_text_that_is_not_three_plain_parts_is_refused(held: Held, reasons: Reasons) -> None:
    """Attacks 5, 21, 22, 26, 28; RFC 7515 section 7.1: the compact form and no other."""
    found = reasons({name: change(held.access) for name, change in TEXTS.items()})

    assert found == dict.fromkeys(TEXTS, "form")


def test_white_space_and_quotes_are_no_part_of_a_token(held: Held, caller: Party) -> None:
    """Attack 21. A cookie cannot have them: whoever reads one takes them off (RFC 6265bis)."""
    spaces, half = [" ", "\t", "\n", "\r\n", "\0", "\u00a0"], len(held.access) // 2
    texts = [held.access[:place] + space + held.access[place:] for space in spaces for place in (0, half)]
    texts += [held.access + space for space in spaces] + [f'"{held.access}"']
    every = {name: door for name, door in every_door(caller).items() if "cookie" not in name}

    for name, door in every.items():
        answers = [door.send(text) for text in texts]
        assert {answer.status_code for answer in answers} <= {400, door.status}, name
        assert [
            told for answer in answers if answer.status_code == 200 and (told := answer.json()) != door.body
        ] == []
    assert held.login.ended_at is None


def test_the_json_form_of_a_signature_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 28; RFC 7515 section 7.2: flattened, general, and what is neither."""
    protected, body, signature = held.access.split(".")
    signed = {"protected": protected, "signature": signature}
    forms: dict[str, dict[str, Any]] = {
        "flattened": {**signed, "payload": body},
        "general": {"payload": body, "signatures": [signed]},
        "with a header unsigned": {**signed, "payload": body, "header": {"alg": "none"}},
        "compact within": {"payload": held.access},
    }

    in_bodies = [door(dumps(form)) for form in forms.values() for door in (doors.verify, doors.refresh)]
    in_headers = [door(dumps(form)) for form in forms.values() for door in (doors.me, doors.logins)]

    assert {answer.status_code for answer in in_bodies} == {401}
    # A comma in the header is no part of any token (RFC 6750 section 2.1).
    assert {answer.status_code for answer in in_headers} == {400, 401}
    assert doors.revoke(dumps(forms["flattened"])).status_code == 200
    assert held.login.ended_at is None
    packed = {name: part(form) for name, form in forms.items()}
    assert set(reasons(packed).values()) == {"form"}


JWE: dict[str, dict[str, Any]] = {
    "to our key": {
        "alg": "ECDH-ES",
        "enc": "A256GCM",
        "epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    },
    "by a shared key": {"alg": "dir", "enc": "A256GCM", "typ": "at+jwt"},
    "by a password, slowly": {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAA", "p2c": 10**9},
    "packed": {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
    "that says it is signed": {"alg": "ES256", "typ": "at+jwt"},
}


def test_what_is_encrypted_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 27; RFC 7516: nothing is ever opened, so no password is hashed and nothing unpacked."""
    body = part(forge.payload(held.access))
    five = {
        name: f"{part(header)}.{part(b'k' * 40)}.{part(b'i' * 12)}.{body}" for name, header in JWE.items()
    }
    tokens = {name: f"{text}.{part(b't' * 16)}" for name, text in five.items()}
    tokens |= {
        f"{name}, no key": f"{part(header)}..{part(b'i' * 12)}.{body}.AAAA" for name, header in JWE.items()
    }
    tokens |= {f"{name}, tag as long as a signature": f"{text}.{'A' * 86}" for name, text in five.items()}

    assert reasons(tokens) == dict.fromkeys(tokens, "form")


def test_the_header_of_an_encrypted_token_is_no_header_of_ours(held: Held, reasons: Reasons) -> None:
    """Attack 27: in three parts, and signed by us."""
    kid = forge.header()["kid"]
    headers = {name: {**header, "kid": kid} for name, header in JWE.items() if header["alg"] != "ES256"}
    payload = forge.payload(held.access)

    found = reasons({name: forge.forge(header, payload) for name, header in headers.items()})

    assert found == dict.fromkeys(headers, "header")


def uneven(said: dict[str, Any]) -> str:
    """These values in base64url, with bits to spare: JSON allows blanks behind."""
    return next(text for end in ("", " ") if len(text := part((dumps(said) + end).encode())) % 4)


def test_bits_that_stand_for_nothing_must_not_be_set(held: Held, reasons: Reasons) -> None:
    """Attack 21: else one token has many texts. The signature is over the text as it stands, and right."""
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


def test_of_each_last_letter_it_is_known_whether_it_may_be_the_last(held: Held) -> None:
    """Attack 21: with four bits to spare and with two, each of the 64 letters, in header and payload."""
    head, body = dumps(forge.header()), dumps(forge.payload(held.access))
    heads, bodies = ([part((text + " " * more).encode()) for more in range(3)] for text in (head, body))
    pairs = [(text, f"{text[:-1]}{{}}.{part(body.encode())}") for text in heads if len(text) % 4]
    pairs += [(text, f"{part(head.encode())}.{text[:-1]}{{}}") for text in bodies if len(text) % 4]

    for text, form in pairs:
        refused = [
            letter for letter in forge.ALPHABET if unread(forge.signed(form.format(letter))) == "base64"
        ]
        spare = {2: 16, 3: 4}[len(text) % 4]
        assert refused == [letter for place, letter in enumerate(forge.ALPHABET) if place % spare]


SIZES: dict[str, Callable[[str], str]] = {
    "8 kB": lambda token: "A" * 8_000 + token,
    "64 kB": lambda token: token + "A" * 64_000,
    "8 MB": lambda token: token + "A" * 8_000_000,
    "8 MB of header": lambda token: part({"alg": "ES256", "x": "a" * 6_000_000}) + token[token.index(".") :],
    "10,000 dots": lambda token: "." * 10_000,
    "10,000 parts": lambda token: "A." * 10_000,
    "10,000 tokens": lambda token: f"{token}." * 10_000,
}


def test_a_token_that_is_too_long_is_refused_before_anything_is_decoded(
    held: Held, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack 29; with a right signature, too; not even the pattern is tried."""
    signed = forge.forge(forge.header(), forge.payload(held.access, jti="a" * 4000))
    long = [signed, *(change(held.access) for change in SIZES.values())]
    monkeypatch.setattr(claims, "COMPACT", None)
    monkeypatch.setattr(claims, "strict_json", None)

    answers = [door(token) for token in long for door in (doors.me, doors.logins)]

    assert {answer.status_code for answer in answers} == {401}
    assert noted.reasons == ["form"] * len(answers)


def test_a_token_of_four_kilobytes_is_read(held: Held) -> None:
    """Attack 29: the bound is where it is said to be."""
    shorter = forge.forge(forge.header(), forge.payload(held.access, jti=""))
    room = (4096 - len(shorter)) * 3 // 4
    tokens = [
        forge.forge(forge.header(), forge.payload(held.access, jti="a" * (room + more))) for more in (0, 3)
    ]

    assert [len(token) <= 4096 for token in tokens] == [True, False]
    assert [doors.me(token).status_code for token in tokens] == [200, 401]


@pytest.mark.parametrize("door", [doors.verify, doors.refresh, doors.revoke])
def test_a_body_with_a_token_that_is_too_long_is_refused(door: Callable[[str], Any], held: Held) -> None:
    """Attack 29: over 4 kB as a field that is wrong, over 64 kB unread."""
    answers = {name: door(change(held.access)).status_code for name, change in SIZES.items()}

    assert set(answers.values()) == {400, 413}
    assert (answers["8 kB"], answers["8 MB"]) == (400, 413)
    assert held.login.ended_at is None
