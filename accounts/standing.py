"""What this process knows: which Logins have ended, which people have changed, and how old that knowledge is.

Asking costs no I/O. A reader of its own looks into the ledger twice a second (on SQLite: whenever
`data_version` says that somebody wrote), and what arrives on the feed in between is taken in at the start of
each request; beyond the budget each request asks the ledger itself, and if that fails the answer is 503.
Never open.
"""

from __future__ import annotations

import enum
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from math import inf
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError

from accounts import conf, feed, flows, stream
from accounts.errors import StandingUnknown
from accounts.known import Known
from accounts.logins import Login
from accounts.reader import Change, LedgerReader
from accounts.witness import Witness

NEVER = -inf
logger = logging.getLogger(__name__)


class Answer(enum.Enum):
    """What is known of a Login, and of its person since the copy was made."""

    GOOD = "good"
    ENDED = "ended"
    STALE = "stale"


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
        self._read_at = NEVER
        self._failing = self._at_work = False
        url = conf.current().feed_url
        # What SQLite tells at a glance needs no feed.
        self._feed = None if self._reader.glances or not url else stream.Follower(url)
        self._witness = Witness(url) if self._feed else None
        self._unheard: set[bytes] = set()
        self._just_opened = False

    def age(self) -> float | None:
        """Seconds since the last read of the ledger began, or None before the first."""
        return None if self._read_at == NEVER else time.monotonic() - self._read_at

    def is_within(self, seconds: float) -> bool:
        """Whether its knowledge is young enough to rely on; never for a budget of no seconds."""
        return seconds > 0 and time.monotonic() - self._read_at <= seconds

    def judge(self, login: UUID, *, user: UUID, version: int, is_fresh: bool) -> Answer:
        """As the module's `check`, for who has asked already whether the knowledge is within the budget."""
        if not is_fresh:
            return _ask(self, login, version=version)
        known = self.known
        if known.is_empty:
            return Answer.GOOD
        if known.has_ended(login.bytes):
            return Answer.ENDED
        return Answer.STALE if version < known.version(user.bytes) else Answer.GOOD

    def freshen(self) -> None:
        """Bring the knowledge up to date where that is free: a glance on SQLite, else only the first read.

        What has arrived on the feed is learned, without waiting for more.
        """
        if not self._at_work:
            self._read_where_that_is_due()
        if (follower := self._feed) is None:
            return
        # Whoever comes while another thread learns waits: what that took off the socket is nowhere else.
        # Not as `with`, which costs twice as much: this is on the path of each request.
        follower.lock.acquire()
        try:
            for arrival in follower.arrived():
                self._learn(ended=arrival.ended, versions=arrival.changed, topics=arrival.topics)
                if arrival.part and self._witness:
                    self._witness.took_in(arrival.part, count=len(arrival.ended))
        finally:
            follower.lock.release()

    def follows(self) -> bool | None:
        """Whether the feed is followed; None where there is none to follow."""
        return self._feed.follows() if self._feed else None

    def needs_sql(self) -> bool:
        """Whether `freshen` may ask the database."""
        return not (self._at_work or self._reader.alone)

    def hear(self, news: feed.News) -> None:
        """Learn at once what this process itself has just committed."""
        self._learn(
            ended=[login.bytes for login in news.ended],
            versions=[(user.bytes, version) for user, version in news.changed],
            topics=[(topic.bytes, version) for topic, version in news.topics],
        )

    def stop(self) -> None:
        """End the reader and close its connection."""
        self._stopped.set()
        if self._feed is not None:
            self._feed.close()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._witness is not None:
            self._witness.stop()
        with self._lock:
            self._reader.close()

    def _read_where_that_is_due(self) -> None:
        if self._reader.alone:
            self._read_at = time.monotonic()
        elif self._reader.glances:
            self._read(unless_unchanged=True)
        else:
            if self._read_at == NEVER and not self._failing:
                self._read()
            self._start_thread()

    def _read(self, *, unless_unchanged: bool = False) -> None:
        with self._lock:
            began = time.monotonic()
            # Before the read, too: what was committed before this moment will be among what is read.
            moment = self._witness.moment if self._witness else None
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
            if self._witness:
                self._witness.has_read(since=moment)

    def _take(self, changes: list[Change]) -> None:
        ended = [who for kind, who, _version in changes if kind == "login"]
        people = [(who, version) for kind, who, version in changes if kind == "user"]
        # Told through the ledger by who was cut off from Redis, so nobody expects them on the feed.
        copies = [(who, version) for kind, who, version in changes if kind == "copy"]
        if self._feed is not None:
            self._expect_on_feed(self._feed, ended, people)
        self._learn(
            ended=ended,
            versions=people + copies,
            topics=[(who, version) for kind, who, version in changes if kind == "topic"],
            by_feed=False,
        )
        self.known.forget(before=time.monotonic() - flows.horizon().total_seconds())

    def _expect_on_feed(
        self, follower: stream.Follower, ended: list[bytes], versions: list[tuple[bytes, int]]
    ) -> None:
        """What the ledger told first must come on the feed before the next read, or the feed has a hole."""
        if self._unheard:
            follower.doubt("news is missing")
        just_opened, self._just_opened = self._just_opened, False
        # What was pushed before it was open does not come on it.
        if just_opened or not follower.follows():
            self._unheard = set()
            return
        # All first, then less the known: what arrives in the meantime is taken off by one or the other.
        self._unheard = {*ended, *(user for user, _version in versions)}
        self._unheard.difference_update([login for login in ended if self.known.has_ended(login)])
        self._unheard.difference_update(
            [user for user, version in versions if version <= self.known.version(user)]
        )

    def _learn(
        self,
        *,
        ended: list[bytes],
        versions: list[tuple[bytes, int]],
        topics: list[tuple[bytes, int]],
        by_feed: bool = True,
    ) -> None:
        self.known.learn(ended=ended, versions=versions, now=time.monotonic())
        if by_feed and self._unheard:
            self._unheard.difference_update(ended, (user for user, _version in versions))
        for topic, version in topics:
            # Reads overlap, and the feed tells, too. What a follower throws away, it throws away once.
            if version > self._topic_versions.get(topic, 0):
                self._topic_versions[topic] = version
                if callback := _topics.get(topic):
                    callback()

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="standing", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        self._at_work = True
        try:
            self._run()
        finally:
            self._at_work = False

    def _run(self) -> None:
        due_at = self._next_read_at()
        while not self._stopped.is_set():
            if self._feed is not None and self._feed.tend():
                self._unheard, self._just_opened, due_at = set(), True, 0.0
            if time.monotonic() >= due_at:
                due_at = self._next_read_at()
                self._read()
            self._sleep(max(0.0, due_at - time.monotonic()))
            self.freshen()
        if self._feed is not None:
            self._feed.close()

    def _next_read_at(self) -> float:
        return time.monotonic() + conf.current().standing_interval.total_seconds()

    def _sleep(self, seconds: float) -> None:
        if not (self._feed and self._feed.wait(seconds)):
            self._stopped.wait(seconds)


# By process id: a fork makes its own, since its parent's thread did not come along.
_standings: dict[int, Standing] = {}
_process = os.getpid()
_topics: dict[bytes, Callable[[], None]] = {}


def here() -> Standing:
    """The standing of this process, made at its first request."""
    # setdefault is atomic, so two requests that are first at once share one; a lock could be held at a fork.
    return _standings.get(_process) or _standings.setdefault(_process, Standing())


def _is_forked() -> None:
    global _process
    _process = os.getpid()


os.register_at_fork(after_in_child=_is_forked)


def freshen() -> Standing:
    """Bring this process's knowledge up to date where that is free; requests that rely on it call this first.

    The first call of a process reads the ledger once, and starts its reader. Returns the standing of here.
    """
    mine = _standings.get(_process) or here()
    mine.freshen()
    return mine


async def afreshen() -> Standing:
    """As `freshen`; another thread is asked only where that may take SQL: on SQLite, else the first time."""
    mine = here()
    if mine.needs_sql():
        await sync_to_async(mine.freshen)()
    else:
        mine.freshen()
    return mine


def check(login: UUID, *, user: UUID, version: int, budget: timedelta | None = None) -> Answer:
    """What is known of a Login whose copy was made when its person had `version`; call `freshen` before.

    Costs no SQL within `budget` (the project's by default; zero asks the ledger every time). Beyond it one
    statement, and if that fails StandingUnknown (503). A version higher than the known one says that this
    process is behind, and is good.
    """
    mine = here()
    if budget is None:
        budget = conf.current().standing_budget
    is_fresh = mine.is_within(budget.total_seconds())
    return mine.judge(login, user=user, version=version, is_fresh=is_fresh)


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
    _topics[feed.topic_id(name).bytes] = callback


def hear(news: feed.News) -> None:
    """Follow the feed of this process."""
    here().hear(news)


def stop() -> None:
    """End this process's reader; for a clean shutdown and for tests."""
    mine = _standings.pop(_process, None)
    if mine is not None:
        with suppress(DatabaseError):
            mine.stop()
