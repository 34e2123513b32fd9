"""The access tokens that this process has verified: each costs its signature once, then a hash and a look.

What a token says cannot change, so only its end, its key and its Login's standing have to be asked again. The
memory is part of the process's copy of the key ring, and goes with it. Of a token's text it holds the part
that was signed, and of the signature, without which that is worth nothing, a hash.
"""

from __future__ import annotations

import threading
from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from accounts.carried import Carried
    from accounts.models import AbstractUser
    from tokens_stateless.conf import Tokens


class Verified(NamedTuple):
    """What one verified token says, ready for every request that brings it; none of them can change it.

    `signed` is the token up to its last dot. It is good from `begins_at` until `ends_at` (seconds since 1970,
    leeway included), and only under the settings that it was `read_under`. `make_user` makes a new person.
    """

    signed: bytes
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

    def get(self, name: bytes, signed: bytes, *, under: Tokens, now: float) -> Verified | None:
        """What this token says, if it was verified under these settings and is good now.

        `name` stands for its signature (`name_of`), `signed` is all that comes before that.
        """
        known = self._by_hash.get(name)
        if (
            known is not None
            and known.signed == signed
            and known.read_under is under
            and known.begins_at <= now < known.ends_at
        ):
            self.hits += 1
            return known
        self.misses += 1
        return None

    def put(self, name: bytes, verified: Verified, *, most: int, now: float) -> None:
        """Remember a token, at most so many; what has ended goes first, then what is oldest."""
        if most <= 0:
            return
        with self._writing:
            if name not in self._by_hash:
                self._in_order.append(name)
            self._by_hash[name] = verified
            while len(self._in_order) > most or self._first_has_ended(now):
                del self._by_hash[self._in_order.popleft()]

    def _first_has_ended(self, now: float) -> bool:
        return bool(self._in_order) and self._by_hash[self._in_order[0]].ends_at <= now


def name_of(signature: bytes) -> bytes:
    """The name of a token by its signature, from which nobody gets that signature back.

    Of the whole text it would cost three times as much: hashing is by the byte, comparing nearly free.
    """
    return blake2b(signature).digest()
