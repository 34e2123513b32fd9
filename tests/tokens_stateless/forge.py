"""Tokens that are wrong in one thing only: each is signed with the project's own key."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tokens_stateless import keys
from tokens_stateless.claims import ES256
from tokens_stateless.models import KeyState, SigningKey

Private = ec.EllipticCurvePrivateKey

# The order of the curve P-256 (SEC 2 version 2, section 2.4.2).
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MISSING = object()


def header(**changes: object) -> dict[str, Any]:
    """The header of a good token, with these members changed, added or left out (MISSING)."""
    return _changed({"alg": "ES256", "kid": keys.signer()[0], "typ": "at+jwt"}, changes)


def payload(good: str, **changes: object) -> dict[str, Any]:
    """The claims of this good token, with these changed, added or left out (MISSING)."""
    return _changed(read(good)[1], changes)


def forge(
    header: dict[str, Any] | bytes, payload: dict[str, Any] | bytes, *, by: Private | None = None
) -> str:
    """A token of this header and these claims, given as values or as raw bytes; its signature is right."""
    return signed(f"{part(header)}.{part(payload)}", by=by)


def signed(text: str, *, by: Private | None = None) -> str:
    """This text, a dot, and a signature over it: our own, or that of another key."""
    return f"{text}.{part(ES256.sign(text.encode(), by or keys.signer()[1]))}"


def key(state: KeyState) -> tuple[str, Private]:
    """A further key of the ring, in this state: its id and its private part. One at a time is standby."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = dict(ES256.to_jwk(private.public_key(), as_dict=True))
    if state is KeyState.STANDBY:
        SigningKey.objects.filter(state=state).delete()
    SigningKey.objects.create(
        kid=thumbprint(public), algorithm="ES256", state=state, public=public, private=b""
    )
    keys.forget()
    return thumbprint(public), private


def thumbprint(jwk: dict[str, Any]) -> str:
    """The RFC 7638 thumbprint of a public key of any kind, with only the members that make it."""
    required = ("crv", "e", "k", "kty", "n", "x", "y")
    text = dumps({name: jwk[name] for name in required if name in jwk})
    return part(hashlib.sha256(text.encode()).digest())


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, unchecked."""
    head, body, _signature = token.split(".")
    return json.loads(unpart(head)), json.loads(unpart(body))


def login_of(token: str) -> UUID:
    """The Login that an access token carries."""
    return UUID(read(token)[1]["sid"])


def part(value: dict[str, Any] | bytes) -> str:
    """base64url without padding, of raw bytes or of a value's JSON."""
    data = value if isinstance(value, bytes) else dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def dumps(value: dict[str, Any]) -> str:
    """The JSON of these values, without a blank."""
    return json.dumps(value, separators=(",", ":"))


def unpart(text: str) -> bytes:
    """The bytes of such a part."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def with_spare_bit(text: str) -> str:
    """Another text of the same bytes: a bit of the last character that stands for nothing is flipped."""
    assert len(text) % 4, "every bit of this text stands for something"
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) ^ 1]


def numbers(token: str) -> tuple[int, int]:
    """The two numbers (r, s) of a token's signature."""
    signature = unpart(token.rpartition(".")[2])
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def with_numbers(token: str, r: int, s: int) -> str:
    """The same token with these two numbers for a signature."""
    return f"{token.rpartition('.')[0]}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def twin(token: str) -> str:
    """The other text that the same signature has: (r, n - s) is as right as (r, s)."""
    r, s = numbers(token)
    return with_numbers(token, r, N - s)


def der(token: str) -> str:
    """The same token with its signature in ASN.1, as other formats than JWS have it."""
    return f"{token.rpartition('.')[0]}.{part(encode_dss_signature(*numbers(token)))}"


def now(seconds: int = 0) -> int:
    """The second that many seconds from now."""
    return int(time.time()) + seconds


def _changed(good: dict[str, Any], changes: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in {**good, **changes}.items() if value is not MISSING}
