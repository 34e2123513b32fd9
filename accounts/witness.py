"""Says in Redis what this process knows, on a thread of its own: that it is there, and what it has taken in.

Nobody who makes a request waits for it. Each second it says that the process is there, and how far the ledger
was read; when an end has come whose receipt somebody wants, it says at once that it was taken in.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Any, NamedTuple

from accounts import conf, statements, stream
from accounts.nodes import Link
from accounts.statements import Moment, Part, Presence

BEAT_SECONDS = 1.0
# Between two statements, whatever comes: many ends in a row are answered together.
PAUSE_SECONDS = 0.01
# Of so many receipts a process remembers what came under them.
MOST_RECEIPTS = 64
# Whatever it is: what is no Redis may answer anything, and statements fail nobody.
FAILURES = Exception

Command = tuple[Any, ...]


class _Taken:
    """What has come under one receipt."""

    __slots__ = ("count", "entries", "slowest", "waiting")

    def __init__(self) -> None:
        # One bit for each entry.
        self.entries = self.count = self.slowest = 0
        # When the first was told of those that are not acknowledged yet.
        self.waiting: Moment | None = None

    def add(self, part: Part, count: int) -> None:
        bit = 1 << part.number
        if not self.entries & bit:
            self.entries |= bit
            self.count += count
            self.waiting = self.waiting or part.at


class _Due(NamedTuple):
    """What is to be acknowledged of a receipt, as it was before Redis was asked for the time."""

    key: bytes
    taken: _Taken
    known: int
    waiting: Moment | None

    def acknowledged(self, at: Moment) -> bytes:
        passed = self.waiting.until(at) if self.waiting else 0
        self.taken.slowest = max(self.taken.slowest, statements.UNTIMED if passed is None else max(0, passed))
        return statements.TAKEN.pack(self.known, self.taken.slowest)


class Witness:
    """What one process says; `moment` is the last that Redis has told it."""

    def __init__(self, url: str) -> None:
        self.moment: Moment | None = None
        self._url, self._field = url, os.urandom(16)
        self._process = statements.this_process()
        self._began: Moment | None = None
        self._read_to: Moment | None = None
        self._lock = threading.Lock()
        self._taken: dict[bytes, _Taken] = {}
        self._due: set[bytes] = set()
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._leaving: Finalize | None = None
        self._is_heard = False

    def has_read(self, since: Moment | None) -> None:
        """The ledger was read, and that began after this moment: all that was ended before is known."""
        if since is not None:
            is_new = self._read_to is None or since.node != self._read_to.node
            self._began, self._read_to = self._began or since, since
            if is_new:
                self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="witness", daemon=True)
            self._thread.start()
            self._wake.set()
            # As `atexit`, which workers of multiprocessing do not ask. No fork does it for its parent.
            self._leaving = Finalize(None, self.stop, exitpriority=1)

    def took_in(self, part: Part, *, count: int) -> None:
        """So many Logins that have ended were learned: no request that begins now accepts one of them."""
        with self._lock:
            taken = self._taken.pop(part.key, _Taken())
            taken.add(part, count)
            # The youngest stands last.
            self._taken[part.key] = taken
            while len(self._taken) > MOST_RECEIPTS:
                del self._taken[next(iter(self._taken))]
            self._due.add(part.key)
        self._wake.set()

    def stop(self) -> None:
        """Say that this process is gone; also called when it ends."""
        if self._thread is None or self._leaving is None:
            return
        self._leaving.cancel()
        self._over.set()
        self._wake.set()
        self._thread.join(timeout=2)
        if self._is_heard:
            name = statements.name_of_processes(conf.current().feed_key)
            with suppress(FAILURES):
                self._said(lambda link: link.ask("HDEL", name, self._field))

    def _work(self) -> None:
        while not self._over.is_set():
            self._wake.wait(BEAT_SECONDS)
            self._wake.clear()
            if self._over.is_set():
                return
            try:
                self._said(self._say)
                self._is_heard = True
            except FAILURES:
                # The feed is lost then as well, and that is told.
                self._is_heard = False
                self._over.wait(BEAT_SECONDS)
            self._over.wait(PAUSE_SECONDS)

    def _said(self, say: Any) -> None:
        stream.nodes(self._url).at(conf.current().feed_key, say)

    def _say(self, link: Link) -> None:
        # First what is known, then the time: what comes in between was not known at that time.
        due = self._take_due()
        try:
            at = statements.now(link)
            if commands := [*self._presence(at), *self._acknowledgements(due, at)]:
                link.ask_all(commands)
        except BaseException:
            self._put_back(due)
            raise
        if self.moment is None or self.moment.node != at.node:
            self._tidy(link, at)
        self.moment = at

    def _presence(self, at: Moment) -> list[Command]:
        if self._read_to is None or self._began is None:
            return []
        name, field = statements.name_of_processes(conf.current().feed_key), statements.since(at.node)
        said = Presence(at, self._read_to, self._began, self._process).pack()
        return [
            ("HSETNX", name, field, statements.seal(name, field, at.pack())),
            ("HSET", name, self._field, statements.seal(name, self._field, said)),
            ("EXPIRE", name, statements.KEPT_SECONDS),
        ]

    def _take_due(self) -> list[_Due]:
        with self._lock:
            due = []
            for key in self._due & self._taken.keys():
                taken = self._taken[key]
                due.append(_Due(key, taken, taken.count, taken.waiting))
                taken.waiting = None
            self._due.clear()
        return due

    def _put_back(self, due: list[_Due]) -> None:
        with self._lock:
            for one in due:
                one.taken.waiting = one.waiting or one.taken.waiting
                self._due.add(one.key)

    def _acknowledgements(self, due: list[_Due], at: Moment) -> list[Command]:
        commands: list[Command] = []
        for one in due:
            name = statements.name_of_receipt(conf.current().feed_key, one.key)
            said = statements.seal(name, self._field, one.acknowledged(at))
            commands += [("HSET", name, self._field, said), ("EXPIRE", name, statements.KEPT_SECONDS)]
        return commands

    def _tidy(self, link: Link, at: Moment) -> None:
        """Take away what the gone have left; each does so when it comes, and never are there many."""
        name = statements.name_of_processes(conf.current().feed_key)
        found = statements.pairs(link.ask("HRANDFIELD", name, statements.MOST, "WITHVALUES"))
        if gone := [field for field, value in found.items() if _is_over(name, field, value, at)]:
            link.ask("HDEL", name, *gone)


def _is_over(name: str, field: bytes, value: bytes, at: Moment) -> bool:
    if field.startswith(statements.SINCE):
        return field != statements.since(at.node)
    said = statements.unseal(name, field, value)
    passed = statements.read_presence(said).at.until(at) if said else None
    # Who is still there says so again within a second, whatever else has changed.
    return passed is None or passed > statements.KEPT_SECONDS * 1_000_000
