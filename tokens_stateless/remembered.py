"""The access tokens that this process has verified: each costs its signature once, then a look.

What a token says cannot change, so only its end, its key and its Login's standing have to be asked again. The
memory is part of the process's copy of the key ring, and goes with it. It holds tokens that are good, beside
the key that signs them; nothing of it is in a repr.
A token is known by the whole header, as it was sent, which so is neither parsed nor encoded again.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from accounts.carried import Carried
    from accounts.models import AbstractUser


# An ES256 signature in base64url, with which a header ends (RFC 7518 section 3.4). A header is looked up by
# these letters and then compared: hashing is paid by the letter, comparing is nearly free.
SIGNATURE_LETTERS = 86


@dataclass(kw_only=True, slots=True)
class Verified:
    """What one verified token says, ready for every request that brings it; none of them can change it.

    `header` is what brought it. It is good from `begins_at` until `ends_at` (seconds since 1970, leeway
    included). `make_user` makes a new person. `good_in` is the edition of our knowledge (`Known.edition`) in
    which its Login and person were last found good, which need not be asked twice.
    """

    header: str = field(repr=False)
    begins_at: float
    ends_at: float
    carried: Carried
    public_id: UUID
    version: int
    make_user: Callable[[], AbstractUser]
    good_in: object = None


class Remembered:
    """Verified tokens by their signature, the oldest forgotten first: all live about equally long.

    Reading takes no lock: it is one look into a dict.
    """

    def __init__(self) -> None:
        self._by_signature: dict[str, Verified] = {}
        self._in_order: deque[str] = deque()
        self._writing = threading.Lock()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._by_signature)

    def get(self, header: str, now: float) -> Verified | None:
        """What the token in this header says, if it was verified and is good now."""
        known = self._by_signature.get(header[-SIGNATURE_LETTERS:])
        if known is not None and known.header == header and known.begins_at <= now < known.ends_at:
            self.hits += 1
            return known
        self.misses += 1
        return None

    def put(self, verified: Verified, *, most: int, now: float) -> None:
        """Remember a token, at most so many; what has ended goes first, then what is oldest."""
        if most <= 0:
            return
        name = verified.header[-SIGNATURE_LETTERS:]
        with self._writing:
            if name not in self._by_signature:
                self._in_order.append(name)
            self._by_signature[name] = verified
            while len(self._in_order) > most or self._first_has_ended(now):
                del self._by_signature[self._in_order.popleft()]

    def clear(self) -> None:
        """Forget all."""
        with self._writing:
            self._in_order.clear()
            self._by_signature.clear()

    def _first_has_ended(self, now: float) -> bool:
        return bool(self._in_order) and self._by_signature[self._in_order[0]].ends_at <= now
