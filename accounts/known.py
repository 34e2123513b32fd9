"""What was learned of ended Logins and changed people, kept so small and in such small pieces that a million
of them cost a request nothing: neither memory to speak of, nor a pause while it grows or is forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

BUCKET_SECONDS = 60
PIECE = 200
ID_BYTES = 16

Thing = TypeVar("Thing")


Ended = dict[int, bytes]


def _yield() -> None:
    time.sleep(0)


class Known:
    """Changes learned within the horizon, in buckets of a minute, so that forgetting is dropping a bucket.

    Readers take no lock: the tuples of buckets are replaced, never changed, and a bucket only grows.

    Ids of Logins that share 14 bits stand in one string, one behind the other: 18 to 35 bytes an id in all,
    where a set takes 100, and growing copies a handful instead of all. Ids are random, so the strings are
    short.
    """

    def __init__(self, *, pause: Callable[[], None] = _yield) -> None:
        # Between two pieces: whoever waits for the interpreter gets it.
        self._pause = pause
        self._writing = threading.Lock()
        self._ended: tuple[tuple[int, Ended], ...] = ()
        self._versions: tuple[tuple[int, dict[bytes, int]], ...] = ()
        # Whether there is nothing to ask for, as mostly there is not.
        self.is_empty = True
        # Another object after whatever was new: what was good in this edition is so while it lasts.
        self.edition = object()

    def learn(self, *, ended: Iterable[bytes], versions: Iterable[tuple[bytes, int]], now: float) -> None:
        """Take in what has ended and what has moved; known things are skipped."""
        minute = int(now // BUCKET_SECONDS)
        for logins in self._pieces(ended):
            with self._writing:
                self._learn_ended(logins, minute)
        for moved in self._pieces(versions):
            with self._writing:
                self._learn_versions(moved, minute)

    def _learn_ended(self, logins: list[bytes], minute: int) -> None:
        for login in logins:
            if not self.has_ended(login):
                if not self._ended or self._ended[-1][0] != minute:
                    self._ended = (*self._ended, (minute, {}))
                    self.is_empty = False
                ids, key = self._ended[-1][1], _key(login)
                ids[key] = ids.get(key, b"") + login
                self.edition = object()

    def _learn_versions(self, people: list[tuple[bytes, int]], minute: int) -> None:
        if moved := [(user, version) for user, version in people if version > self.version(user)]:
            if not self._versions or self._versions[-1][0] != minute:
                self._versions = (*self._versions, (minute, {}))
                self.is_empty = False
            self._versions[-1][1].update(moved)
            self.edition = object()

    def forget(self, *, before: float) -> None:
        """Drop the buckets whose every entry was learned before this instant."""
        oldest = int(before // BUCKET_SECONDS)
        with self._writing:
            buckets: tuple[tuple[int, dict[Any, Any]], ...] = (*self._ended, *self._versions)
            dropped = [bucket for minute, bucket in buckets if minute < oldest]
            self._ended = tuple(bucket for bucket in self._ended if bucket[0] >= oldest)
            self._versions = tuple(bucket for bucket in self._versions if bucket[0] >= oldest)
            self.is_empty = not self._ended and not self._versions
        for bucket in dropped:
            self._take_apart(bucket)

    def has_ended(self, login: bytes) -> bool:
        """Whether this Login is known to have ended."""
        key = _key(login)
        for _minute, bucket in self._ended:
            ids = bucket.get(key)
            if ids is not None and login in ids and _stands_in(ids, login):
                return True
        return False

    def version(self, user: bytes) -> int:
        """The highest version known of a person; 0 when nothing is known."""
        highest = 0
        for _minute, bucket in self._versions:
            if (found := bucket.get(user, 0)) > highest:
                highest = found
        return highest

    def _take_apart(self, bucket: dict[Any, Any]) -> None:
        # Freed as a whole, a large one would hold the interpreter for some milliseconds.
        while bucket:
            for _one in range(min(PIECE, len(bucket))):
                bucket.popitem()
            self._pause()

    def _pieces(self, things: Iterable[Thing]) -> Iterator[list[Thing]]:
        rest = iter(things)
        while piece := list(islice(rest, PIECE)):
            yield piece
            if len(piece) == PIECE:
                self._pause()


def _key(login: bytes) -> int:
    return login[0] | (login[1] & 0x3F) << 8


def _stands_in(ids: bytes, login: bytes) -> bool:
    """Whether one of these ids is this one, and not just the end of one and the beginning of the next."""
    place = ids.find(login)
    while place % ID_BYTES:
        if place < 0:
            return False
        place = ids.find(login, place + 1)
    return True
