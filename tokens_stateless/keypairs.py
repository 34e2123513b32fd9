"""The two parts of a signing key: the public one as a JWK, the private one sealed under SECRET_KEY.

What is read back is as strict as what is written: a row may come from a backup, a script or an intruder.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounts import mac

ALGORITHM = "ES256"
FIXED = {"kty": "EC", "crv": "P-256"}
COORDINATES = ("x", "y")
COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")

PublicKey = ec.EllipticCurvePublicKey
PrivateKey = ec.EllipticCurvePrivateKey


class Malformed(ValueError):
    """Not a public part that we have written; says what is wrong with it."""


def make() -> tuple[dict[str, str], PrivateKey]:
    """A new pair: the public part as a JWK (RFC 7518 section 6.2.1), the private part as an object."""
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    return {**FIXED, "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}, private


def thumbprint(jwk: dict[str, Any]) -> str:
    """The RFC 7638 thumbprint of an EC key: SHA-256 over its required members in lexical order."""
    required = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return _base64(hashlib.sha256(required.encode()).digest())


def public(jwk: Any, *, kid: str, algorithm: str) -> PublicKey:
    """The public key of a stored JWK that is exactly of our one kind and has this name; else Malformed.

    A member more than ours, such as a private `d` or another `use`, would be published with it.
    """
    if algorithm != ALGORITHM:
        raise Malformed("algorithm")
    if not isinstance(jwk, dict) or set(jwk) != {*FIXED, *COORDINATES}:
        raise Malformed("members")
    if any(jwk[name] != value for name, value in FIXED.items()):
        raise Malformed("type")
    x, y = (_number(jwk[name]) for name in COORDINATES)
    if thumbprint(jwk) != kid:
        raise Malformed("kid")
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise Malformed("point") from None


def seal(private: PrivateKey) -> bytes:
    """A private part as it is stored: PKCS #8, encrypted and authenticated under SECRET_KEY."""
    plain = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _box().encrypt(plain)


def unseal(sealed: bytes, *, of: PublicKey) -> PrivateKey | None:
    """The private part that belongs to this public one; None when no secret of ours opens it."""
    try:
        private = serialization.load_der_private_key(_box().decrypt(sealed), password=None)
    except (InvalidToken, ValueError):
        return None
    return private if isinstance(private, PrivateKey) and private.public_key() == of else None


def resealed(sealed: bytes) -> bytes | None:
    """The same private part sealed under the present SECRET_KEY; None when it is, or does not open."""
    try:
        _fernets()[0].decrypt(sealed)
    except InvalidToken:
        try:
            return _box().rotate(sealed)
        except InvalidToken:
            return None
    return None


def _fernets() -> list[Fernet]:
    derived = (mac.derived_key("signing key", secret) for secret in mac.secrets_now())
    return [Fernet(urlsafe_b64encode(key)) for key in derived]


def _box() -> MultiFernet:
    return MultiFernet(_fernets())


def _coordinate(number: int) -> str:
    return _base64(number.to_bytes(32, "big"))


def _number(text: Any) -> int:
    if not isinstance(text, str) or not COORDINATE.fullmatch(text):
        raise Malformed("coordinate")
    data = urlsafe_b64decode(text + "=")
    if _base64(data) != text:
        raise Malformed("coordinate")
    return int.from_bytes(data, "big")


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
