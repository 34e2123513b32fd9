"""Message authentication under SECRET_KEY: a derived key per purpose, SECRET_KEY_FALLBACKS accepted."""

from __future__ import annotations

import hmac
from functools import lru_cache

from django.conf import settings

# Where Django keeps what was asked for, until it is overridden or deleted; this is on the path of a request.
_asked_for = vars(settings)


@lru_cache(maxsize=64)
def derived_key(purpose: str, secret: str) -> bytes:
    """32 bytes that belong to this purpose alone (HKDF's expand step with SHA-256, RFC 5869 section 2.3)."""
    return hmac.digest(secret.encode(), purpose.encode() + b"\x01", "sha256")


def secrets_now() -> list[str]:
    """The secret that makes new MACs, then those that are still accepted."""
    return [secret_now(), *(_asked_for.get("SECRET_KEY_FALLBACKS") or settings.SECRET_KEY_FALLBACKS)]


def secret_now() -> str:
    """The secret that makes new MACs."""
    secret: str = _asked_for.get("SECRET_KEY") or settings.SECRET_KEY
    return secret


def mac_with(secret: str, purpose: str, message: bytes) -> bytes:
    """The 32-byte HMAC-SHA256 of `message` under one particular secret."""
    return hmac.digest(derived_key(purpose, secret), message, "sha256")


def mac(purpose: str, message: bytes) -> bytes:
    """The 32-byte HMAC-SHA256 of `message` under the current secret."""
    return mac_with(secret_now(), purpose, message)


def matches(purpose: str, message: bytes, given: bytes) -> bool:
    """True when `given` is the MAC of `message`, or its first 8 bytes or more, under any accepted secret."""
    size = len(given)
    if size < 8:
        return False
    # One by one, and not as any(…): nearly always it is the first.
    for secret in secrets_now():
        if hmac.compare_digest(mac_with(secret, purpose, message)[:size], given):
            return True
    return False


def fingerprint(purpose: str, message: bytes) -> str:
    """A short keyed name for a secret or a person, fit for logs and keys of tables: 32 hex digits."""
    return mac(purpose, message)[:16].hex()
