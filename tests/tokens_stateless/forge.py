"""Tokens that are wrong in one thing only: each is signed with the project's own key."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tokens_stateless import keys
from tokens_stateless.claims import ES256

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


def forge(header: dict[str, Any] | bytes, payload: dict[str, Any] | bytes) -> str:
    """A token of this header and these claims, given as values or as raw bytes; its signature is right."""
    return signed(f"{part(header)}.{part(payload)}")


def signed(text: str) -> str:
    """This text, a dot, and our own signature over it."""
    return f"{text}.{part(ES256.sign(text.encode(), keys.signer()[1]))}"


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, unchecked."""
    head, body, _signature = token.split(".")
    return json.loads(unpart(head)), json.loads(unpart(body))


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
