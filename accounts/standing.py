"""What this process knows: which Logins have ended, which people have changed, and how old that knowledge is.

Asking costs no I/O. A reader of its own looks into the ledger twice a second (on SQLite: whenever
`data_version` says that somebody wrote); beyond the budget each request asks the ledger itself, and if that
fails the answer is 503. Never open.
"""

from __future__ import annotations

import enum
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from accounts import conf, feed, flows
from accounts.errors import StandingUnknown
from accounts.logins import Login
from accounts.reader import Change, LedgerReader

logger = logging.getLogger(__name__)
BUCKET_SECONDS = 60


class Answer(enum.Enum):
    """What is known of a Login, and of its person since the copy was made."""

    GOOD = "good"
    ENDED = "ended"
    STALE = "stale"


class Known:
    """Changes learned within the horizon, in buckets of a minute, so that forgetting is dropping a bucket.

    Readers take no lock: the tuples of buckets are replaced, never changed, and a bucket only grows.
    """

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._ended: tuple[tuple[int, set[bytes]], ...] = ()
        self._versions: tuple[tuple[int, dict[bytes, int]], ...] = ()

    def learn(self, *, ended: Iterable[bytes], versions: Iterable[tuple[bytes, int]], now: float) -> None:
        """Take in what has ended and what has moved; known things are skipped."""
        minute = int(now // BUCKET_SECONDS)
        with self._writing:
            if fresh := [login for login in ended if not self.has_ended(login)]:
                if not self._ended or self._ended[-1][0] != minute:
                    self._ended = (*self._ended, (minute, set()))
                self._ended[-1][1].update(fresh)
            if moved := [(user, version) for user, version in versions if version > self.version(user)]:
                if not self._versions or self._versions[-1][0] != minute:
                    self._versions = (*self._versions, (minute, {}))
                self._versions[-1][1].update(moved)

    def forget(self, *, before: float) -> None:
        """Drop the buckets whose every entry was learned before this instant."""
        oldest = int(before // BUCKET_SECONDS)
        with self._writing:
            self._ended = tuple(bucket for bucket in self._ended if bucket[0] >= oldest)
            self._versions = tuple(bucket for bucket in self._versions if bucket[0] >= oldest)

    def has_ended(self, login: bytes) -> bool:
        """Whether this Login is known to have ended."""
        return any(login in bucket for _minute, bucket in self._ended)

    def version(self, user: bytes) -> int:
        """The highest version known of a person; 0 when nothing is known."""
        return max((bucket.get(user, 0) for _minute, bucket in self._versions), default=0)


class Standing:
    """The knowledge of one process; a fork gets one of its own."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.known = Known()
        self.reads = 0
        self.asked = 0
        self._lock = threading.Lock()
        self._reader = LedgerReader()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._topic_versions: dict[bytes, int] = {}
        self._read_at: float | None = None
        self._failing = False

    def age(self) -> float | None:
        """Seconds since the last read of the ledger began, or None before the first."""
        return None if self._read_at is None else time.monotonic() - self._read_at

    def freshen(self) -> None:
        """Bring the knowledge up to date where that is free: a glance on SQLite, else only the first read."""
        if self._reader.alone:
            self._read_at = time.monotonic()
        elif self._reader.glances:
            self._read(unless_unchanged=True)
        else:
            if self._read_at is None and not self._failing:
                self._read()
            if self._thread is None:
                self._start_thread()

    def hear(self, news: feed.News) -> None:
        """Learn at once what this process itself has just committed."""
        self._learn(
            ended=[login.bytes for login in news.ended],
            versions=[(user.bytes, version) for user, version in news.changed],
            topics=list(news.topics),
        )

    def stop(self) -> None:
        """End the reader and close its connection."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        with self._lock:
            self._reader.close()

    def _read(self, *, unless_unchanged: bool = False) -> None:
        with self._lock:
            began = time.monotonic()
            try:
                if not (unless_unchanged and self._reader.unchanged()):
                    self.reads += 1
                    self._take(self._reader.read(horizon=flows.horizon()))
            except (DatabaseError, InterfaceError, OSError) as error:
                self._reader.close()
                if not self._failing:
                    logger.warning("the ledger could not be read: %s", type(error).__name__)
                self._failing = True
                return
            self._read_at, self._failing = began, False

    def _take(self, changes: list[Change]) -> None:
        self._learn(
            ended=[who for kind, who, _version in changes if kind == "login"],
            versions=[(who, version) for kind, who, version in changes if kind == "user"],
            topics=[UUID(bytes=who) for who in self._moved_topics(changes)],
        )
        self.known.forget(before=time.monotonic() - flows.horizon().total_seconds())

    def _moved_topics(self, changes: list[Change]) -> list[bytes]:
        # Reads overlap. What a topic's follower throws away, it must not throw away at every read.
        versions = {who: version for kind, who, version in changes if kind == "topic"}
        moved = [who for who, version in versions.items() if self._topic_versions.get(who) != version]
        self._topic_versions |= versions
        return moved

    def _learn(self, *, ended: list[bytes], versions: list[tuple[bytes, int]], topics: list[UUID]) -> None:
        self.known.learn(ended=ended, versions=versions, now=time.monotonic())
        for topic in topics:
            if callback := _topics.get(topic):
                callback()

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="standing", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(conf.current().standing_interval.total_seconds()):
            self._read()


# By process id: a fork makes its own, since its parent's thread did not come along.
_standings: dict[int, Standing] = {}
_topics: dict[UUID, Callable[[], None]] = {}


def here() -> Standing:
    """The standing of this process, made at its first request."""
    # setdefault is atomic, so two requests that are first at once share one; a lock could be held at a fork.
    return _standings.get(os.getpid()) or _standings.setdefault(os.getpid(), Standing())


def freshen() -> None:
    """Bring this process's knowledge up to date where that is free; requests that rely on it call this first.

    The first call of a process reads the ledger once, and starts its reader.
    """
    here().freshen()


def check(login: UUID, *, user: UUID, version: int, budget: timedelta | None = None) -> Answer:
    """What is known of a Login whose copy was made when its person had `version`; call `freshen` before.

    Costs no SQL within `budget` (the project's by default; zero asks the ledger every time). Beyond it one
    statement, and if that fails StandingUnknown (503). A version higher than the known one says that this
    process is behind, and is good.
    """
    mine = here()
    age = mine.age()
    limit = conf.current().standing_budget if budget is None else budget
    if age is None or age > limit.total_seconds() or not limit:
        return _ask(mine, login, version=version)
    if mine.known.has_ended(login.bytes):
        return Answer.ENDED
    return Answer.STALE if version < mine.known.version(user.bytes) else Answer.GOOD


def _ask(mine: Standing, login: UUID, *, version: int) -> Answer:
    mine.asked += 1
    try:
        row = Login.objects.live().filter(pk=login).values_list("user__version", flat=True).first()
    except (DatabaseError, InterfaceError) as error:
        raise StandingUnknown from error
    if row is None:
        return Answer.ENDED
    return Answer.STALE if version < row else Answer.GOOD


def age() -> float | None:
    """Seconds since this process last began to read the ledger, or None if it never has."""
    mine = here()
    mine.freshen()
    return mine.age()


def on_topic(name: str, callback: Callable[[], None]) -> None:
    """Have `callback`, which must not raise or block, called when a topic was published here or elsewhere."""
    _topics[feed.topic_id(name)] = callback


def hear(news: feed.News) -> None:
    """Follow the feed of this process."""
    here().hear(news)


def stop() -> None:
    """End this process's reader; for a clean shutdown and for tests."""
    mine = _standings.pop(os.getpid(), None)
    if mine is not None:
        with suppress(DatabaseError):
            mine.stop()
