"""The access tokens that this process has verified: each costs its signature once, then a hash and a look.

What a token says cannot change, so only its end, its key and its Login's standing have to be asked again. The
memory is part of the process's copy of the key ring, and goes with it. Of a token's text it holds the part
that was signed, and of the signature, without which that is worth nothing, a hash.
It is known by the whole header, as it was sent, which so is neither parsed nor encoded again.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from accounts.carried import Carried
    from accounts.models import AbstractUser
    from tokens_stateless.conf import Tokens


# An ES256 signature in base64url, with which each header ends (RFC 7518 section 3.4).
SIGNATURE_LETTERS = 86


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What one verified token says, ready for every request that brings it; none of them can change it.

    `beginning` is all of the header that brought it but the signature. It is good from `begins_at` until
    `ends_at` (seconds since 1970, leeway included), and only under the settings that it was `read_under`.
    `make_user` makes a new person.
    """

    beginning: str
    read_under: Tokens
    begins_at: float
    ends_at: float
    carried: Carried
    public_id: UUID
    version: int
    make_user: Callable[[], AbstractUser]


class Remembered:
    """Verified tokens by a hash of their signature, the oldest forgotten first: all live about equally long.

    Reading takes no lock: it is one look into a dict.
    """

    def __init__(self) -> None:
        self._by_hash: dict[bytes, Verified] = {}
        self._in_order: deque[bytes] = deque()
        self._writing = threading.Lock()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._by_hash)

    def get(self, header: str, *, under: Tokens, now: float) -> Verified | None:
        """What the token in this header says, if it was verified under these settings and is good now."""
        known = self._by_hash.get(blake2b(header[-SIGNATURE_LETTERS:].encode()).digest())
        if (
            known is not None
            and known.beginning == header[:-SIGNATURE_LETTERS]
            and known.read_under is under
            and known.begins_at <= now < known.ends_at
        ):
            self.hits += 1
            return known
        self.misses += 1
        return None

    def put(self, header: str, verified: Verified, *, most: int, now: float) -> None:
        """Remember a token, at most so many; what has ended goes first, then what is oldest."""
        if most <= 0:
            return
        name = blake2b(header[-SIGNATURE_LETTERS:].encode()).digest()
        with self._writing:
            if name not in self._by_hash:
                self._in_order.append(name)
            self._by_hash[name] = verified
            while len(self._in_order) > most or self._first_has_ended(now):
                del self._by_hash[self._in_order.popleft()]

    def _first_has_ended(self, now: float) -> bool:
        return bool(self._in_order) and self._by_hash[self._in_order[0]].ends_at <= now


def beginning_of(header: str) -> str:
    """All of a header but the signature."""
    return header[:-SIGNATURE_LETTERS]
