"""Signatures and keys that are not ours, sent to every door: section 2, attacks 3, 5, 6, 10, 17, 22–25.

Attacks 23 and 25 (Ed25519, RSA) have nothing to work on: no key but one of P-256 comes into the ring.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.test import Client
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from accounts import logins
from accounts.logins import EndReason
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Noted, Reasons, unread
from tests.tokens_stateless.forge import N, dumps, part
from tokens_stateless import keys
from tokens_stateless.claims import ES256
from tokens_stateless.models import KeyState, SigningKey

WORDS = ["", "secret", "password", "changeme", "key", "jwt", "token", "admin", "test", "example", "default"]
WORDS += ["mysecret", "qwerty", "letmein", "supersecret", "your-256-bit-secret", "dev", "root", "s3cr3t"]
WEAK = [f"{word}{tail}" for word, tail in product(WORDS, ["", "1", "123", "!", "-key"])]


def test_a_signature_that_is_not_ours_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 5; ASVS 9.1.1"""
    head, body, signature = held.access.split(".")
    stranger = ES256.sign(f"{head}.{body}".encode(), ec.generate_private_key(ec.SECP256R1()))

    found = reasons(
        {
            "another key": f"{head}.{body}.{part(stranger)}",
            "another header": f"{part(dumps(forge.header()).encode() + b' ')}.{body}.{signature}",
            "another payload": f"{head}.{part(forge.payload(held.access, is_staff=True))}.{signature}",
            "another order": forge.with_numbers(held.access, *reversed(forge.numbers(held.access))),
        }
    )

    assert set(found.values()) == {"signature"}, found


def test_every_character_of_a_token_counts(held: Held) -> None:
    """Attack 5; ASVS 9.1.1: all three parts are verified."""
    others = [
        f"{held.access[:place]}{'A' if letter != 'A' else 'B'}{held.access[place + 1 :]}"
        for place, letter in enumerate(held.access)
    ]

    assert None not in {unread(other) for other in others}


def test_a_psychic_signature_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 22: CVE-2022-21449, and numbers at and beyond the curve's order."""
    r, s = forge.numbers(held.access)
    pairs = list(product([0, 1, N, 2**256 - 1], repeat=2))
    pairs += [(0, s), (N, s), (r, 0), (r, N), (N - r, s), (N - r, N - s), (N - 1, N - 1)]
    # The same number modulo the order, where there is room for it.
    pairs += [(number + N, s) for number in (r,) if number + N < 2**256]

    found = reasons({pair: forge.with_numbers(held.access, *pair) for pair in pairs})

    assert set(found.values()) == {"signature"}, found


def secrets(kid: str, private: Any) -> dict[str, bytes]:
    """What a confused verifier could take for a secret to verify with."""
    public = private.public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM, stripped": pem.strip(),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "point": point,
        "x and y": point[1:],
        "JWK": dumps(SigningKey.objects.get(pk=kid).public).encode(),
        "its id": kid.encode(),
        "SECRET_KEY": settings.SECRET_KEY.encode(),
        "nothing": b"",
    }


@pytest.mark.parametrize(
    ("alg", "digest", "told"),
    [
        ("HS256", "sha256", "form"),
        ("HS384", "sha384", "form"),
        ("HS512", "sha512", "header"),
        ("ES256", "sha512", "signature"),
    ],
)
def test_the_public_key_is_no_secret_to_sign_with(
    alg: str, digest: str, told: str, held: Held, reasons: Reasons
) -> None:
    """Attack 3; RFC 8725 section 2.1. Nor is SECRET_KEY (ASVS 11.1.1)."""
    text = f"{part(forge.header(alg=alg))}.{part(forge.payload(held.access))}"

    found = reasons(
        {
            name: f"{text}.{part(hmac.digest(secret, text.encode(), digest))}"
            for name, secret in secrets(*keys.signer()).items()
        }
    )

    assert set(found.values()) == {told}, found


def test_a_weak_secret_signs_nothing(held: Held, reasons: Reasons) -> None:
    """Attack 6: there is no secret to guess. tests/authdemo/test_checks.py: SECRET_KEY is none."""
    text = f"{part(forge.header(alg='HS512'))}.{part(forge.payload(held.access))}"
    tokens = {word: f"{text}.{part(hmac.digest(word.encode(), text.encode(), 'sha512'))}" for word in WEAK}

    assert len(tokens) == 95
    assert {word: unread(token) for word, token in tokens.items()} == dict.fromkeys(tokens, "header")
    assert set(reasons({word: tokens[word] for word in WEAK[::10]}).values()) == {"header"}


def test_the_twin_of_a_signature_dies_with_its_login(held: Held, noted: Noted) -> None:
    """Attack 22, T17; malleability: a list of ended texts, or of their hashes, would let it live."""
    twin = forge.twin(held.access)
    assert [doors.me(token).status_code for token in (held.access, twin, held.access)] == [200, 200, 200]

    logins.end([held.login.pk], reason=EndReason.LOGOUT)

    assert [doors.me(held.access).status_code, doors.me(twin).status_code] == [401, 401]
    assert [doors.verify(twin).status_code, doors.logins(twin).status_code] == [401, 401]
    assert noted.reasons == ["ended"] * 4


def ours(**changes: object) -> dict[str, Any]:
    """The public part of a new key of our own kind, with members changed or added."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {**ES256.to_jwk(public, as_dict=True), **changes}


def of_curve(curve: ec.EllipticCurve) -> dict[str, Any]:
    return dict(ES256.to_jwk(ec.generate_private_key(curve).public_key(), as_dict=True))


def of_rsa(bits: int, **changes: str) -> dict[str, Any]:
    public = rsa.generate_private_key(65537, bits).public_key()
    return {**RSAAlgorithm.to_jwk(public, as_dict=True), **changes}


def of_edwards(**changes: str) -> dict[str, Any]:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return {**OKPAlgorithm.to_jwk(public, as_dict=True), **changes}


ZERO, ONE = part(bytes(32)), part(bytes(31) + b"\1")
# Public parts that have no place in the ring.
MISFITS: dict[str, Callable[[], dict[str, Any]]] = {
    "RSA": lambda: of_rsa(2048),
    "RSA-1024": lambda: of_rsa(1024),
    "RSA with the exponent 1": lambda: of_rsa(1024, e="AQ"),
    "Ed25519": of_edwards,
    "of small order": lambda: of_edwards(x=ZERO),
    "a secret": lambda: {"kty": "oct", "k": part(b"secret")},
    "a long secret": lambda: {"kty": "oct", "k": part(bytes(range(64)))},
    "P-384": lambda: of_curve(ec.SECP384R1()),
    "P-521": lambda: of_curve(ec.SECP521R1()),
    "secp256k1": lambda: of_curve(ec.SECP256K1()),
    "not on the curve": lambda: ours(x=ONE, y=ONE),
    "the point of nothing": lambda: ours(x=ZERO, y=ZERO),
    "a short coordinate": lambda: ours(x="AA"),
    "a coordinate of another text": lambda: ours(x=ours()["x"] + "="),
    "for encryption": lambda: ours(use="enc"),
    "not to verify with": lambda: ours(key_ops=["sign"]),
    "of another algorithm": lambda: ours(alg="ES384"),
    "with its private part": lambda: ours(d=ONE),
    "of another name": lambda: ours(x=ours()["x"]),
}


def test_the_ring_takes_no_other_kind_of_key(held: Held, reasons: Reasons) -> None:
    """Attacks 10, 23–25; RFC 8725 section 3.5: whatever comes into the table, and nobody fails by it."""
    misfits = {name: make() for name, make in MISFITS.items()}
    kids = {name: forge.thumbprint(public) for name, public in misfits.items()} | {
        "of another name": "A" * 43
    }
    common: dict[str, Any] = {"algorithm": "ES256", "state": KeyState.PREVIOUS, "private": b""}
    for name, public in misfits.items():
        SigningKey.objects.create(kid=kids[name], public=public, **common)
    keys.forget()

    assert doors.me(held.access).status_code == 200
    shown = {key["kid"] for key in Client().get("/.well-known/jwks.json").json()["keys"]}
    assert not (shown | set(keys.ring().verifying)) & set(kids.values())
    header, payload = forge.header(), forge.payload(held.access)
    found = reasons({name: forge.forge({**header, "kid": kid}, payload) for name, kid in kids.items()})
    assert found == dict.fromkeys(MISFITS, "kid")


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "EdDSA", "ES384", "none", ""])
def test_a_row_of_the_ring_for_another_algorithm_verifies_nothing(
    algorithm: str, held: Held, reasons: Reasons
) -> None:
    """Attack 10, RFC 8725 section 3.1: one key, one algorithm."""
    SigningKey.objects.update(algorithm=algorithm)
    keys.forget()

    assert reasons({"its token": held.access}) == {"its token": "kid"}
