"""The session key that the cookie carries, and the seal that binds stored data to it.

The key is 256 random bits and a short MAC, so that junk is refused without I/O. Stores hold its SHA-256 only;
what they hold cannot be replayed, and data copied from one row to another does not open.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from accounts import mac

# The last character holds four bits of the MAC; one holding more would be a second spelling of the same key.
KEY = re.compile(r"[A-Za-z0-9_-]{53}[AEIMQUYcgkosw048]")
RANDOM_CHARACTERS = 43
SEAL_BYTES = 16


def new_key() -> str:
    """A key nobody has had: 43 random characters and 11 of their MAC."""
    random = secrets.token_urlsafe(32)
    tail = mac.mac("session key", random.encode())[:8]
    return random + urlsafe_b64encode(tail).rstrip(b"=").decode()


def is_ours(key: object) -> bool:
    """Whether this can be a key of ours at all; costs no I/O and takes any value."""
    if not isinstance(key, str) or not KEY.fullmatch(key):
        return False
    random, tail = key[:RANDOM_CHARACTERS].encode(), key[RANDOM_CHARACTERS:]
    return mac.matches("session key", random, urlsafe_b64decode(tail + "="))


def hashed(key: str) -> str:
    """What stores know of a key: 43 characters of SHA-256. A key is 256 random bits, so no salt is needed."""
    return urlsafe_b64encode(hashlib.sha256(key.encode()).digest()).rstrip(b"=").decode()


def seal(payload: bytes, *, key_hash: str, login: str) -> bytes:
    """The payload with a MAC in front that holds for this key and this Login alone."""
    return mac.mac("session data", _bound(payload, key_hash=key_hash, login=login))[:SEAL_BYTES] + payload


def unseal(sealed: bytes, *, key_hash: str, login: str) -> bytes | None:
    """The payload, or None when it was not sealed by us for this key and this Login."""
    given, payload = sealed[:SEAL_BYTES], sealed[SEAL_BYTES:]
    bound = _bound(payload, key_hash=key_hash, login=login)
    return payload if len(given) == SEAL_BYTES and mac.matches("session data", bound, given) else None


def _bound(payload: bytes, *, key_hash: str, login: str) -> bytes:
    # Neither a hash nor a UUID contains a line break, so the three parts cannot run into each other.
    return f"{key_hash}\n{login}\n".encode() + payload
