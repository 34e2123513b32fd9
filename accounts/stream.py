"""The feed between processes: a Redis stream, written once after each commit, read without ever waiting.

An entry has one of three fields: `ended` (16 bytes a Login), `changed` (16 bytes a person, 8 its version, big
endian) or `topics` (the same of topics); another, `mac`, says that it is ours, and `receipt` beside `ended`
that somebody wants to know who has taken it in. docs/third-parties.md has it for followers of other make.
Nothing here decides who is good: a feed that lags, lies low or loses news costs time, which the reading of
the ledger bounds.
"""

from __future__ import annotations

import os
import select
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple

from redis import ResponseError
from redis import TimeoutError as NothingYet
from redis.connection import ConnectionInterface

from accounts import conf, events, flows, mac, statements, whereabouts
from accounts.feed import News
from accounts.nodes import Link, Nodes
from accounts.statements import Part

IDS_PER_ENTRY = 1000
ENTRIES_PER_READ = 4
PATIENCE_SECONDS = 0.5
PAUSE_SECONDS = 1.0
# A reader asks for what is new for this long at a time; one that gets no answer for much longer is cut off.
BLOCK_SECONDS = 2.0
SILENCE_SECONDS = 4.0

CHANGE = struct.Struct(">16sQ")
# Whatever it is: what is no Redis may answer anything, and news fails nobody.
FAILURES = Exception


class Arrival(NamedTuple):
    """One entry of the stream: ids as their 16 bytes."""

    ended: list[bytes]
    changed: list[tuple[bytes, int]]
    topics: list[tuple[bytes, int]]
    part: Part | None = None


def nodes(url: str) -> Nodes:
    """The connections of this process to the Redis of the feed."""
    return _nodes(url, pid=os.getpid())


@lru_cache(maxsize=4)
def _nodes(url: str, *, pid: int) -> Nodes:
    # By process id: a fork must not share the sockets of its parent.
    return Nodes(whereabouts.find(url, patience_seconds=PATIENCE_SECONDS))


_quiet_until = 0.0


def push(news: News) -> None:
    """Write the news into the stream, in entries of at most 1,000 ids; one round trip, tried once.

    One more where somebody wants a receipt. Never raises: what it tells is committed, and the ledger is read
    anyway. After a failure nothing is tried for a second, so that ending many Logins does not wait for each.
    """
    global _quiet_until
    chosen = conf.current()
    if not chosen.feed_url or time.monotonic() < _quiet_until:
        return
    try:
        nodes(chosen.feed_url).at(chosen.feed_key, partial(_write, news, key=chosen.feed_key))
    except FAILURES as error:
        _quiet_until = time.monotonic() + PAUSE_SECONDS
        events.note("feed_push_failed", reason=type(error).__name__)


def _write(news: News, link: Link, *, key: str) -> None:
    wanted = news.wanted if news.ended else None
    at = statements.now(link) if wanted else None
    first = Part(wanted.key, wanted.entries, at) if wanted and at else None
    entries = list(_entries(news, first))
    oldest = int((time.time() - flows.horizon().total_seconds()) * 1000)
    commands: list[tuple[Any, ...]] = [
        ("XADD", key, "MINID", "~", oldest, "*", *chain.from_iterable(entry.items())) for entry in entries
    ]
    if wanted and at:
        name, pushed = statements.name_of_receipt(key, wanted.key), wanted.pushed + len(news.ended)
        said = statements.seal(name, statements.TOLD, statements.pack_told(pushed, at))
        commands += [("HSET", name, statements.TOLD, said), ("EXPIRE", name, statements.KEPT_SECONDS)]
    link.ask_all(commands)
    if wanted:
        wanted.pushed, wanted.entries = wanted.pushed + len(news.ended), wanted.entries + len(entries)


def _entries(news: News, first: Part | None) -> Iterator[dict[str, bytes]]:
    ended = [login.bytes for login in news.ended]
    changed = [CHANGE.pack(user.bytes, version) for user, version in news.changed]
    topics = [CHANGE.pack(topic.bytes, version) for topic, version in news.topics]
    for field, ids in (("ended", ended), ("changed", changed), ("topics", topics)):
        for number, start in enumerate(range(0, len(ids), IDS_PER_ENTRY)):
            entry = {field: b"".join(ids[start : start + IDS_PER_ENTRY])}
            if first and field == "ended":
                entry["receipt"] = first._replace(number=first.number + number).pack()
            said = {name.encode(): value for name, value in entry.items()}
            yield {**entry, "mac": mac.mac("feed", _said(said))}


def _said(fields: dict[bytes, bytes]) -> bytes:
    """What the MAC is over: the fields with their lengths, so that no bytes can change sides."""
    values = [fields.get(name, b"") for name in (b"ended", b"changed", b"topics")]
    if receipt := fields.get(b"receipt"):
        values.append(receipt)
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


def read_entry(fields: dict[bytes, bytes]) -> Arrival | None:
    """What an entry tells, or None for one that is not ours."""
    if not mac.matches("feed", _said(fields), fields.get(b"mac", b"")):
        return None
    ended, changed, topics = (fields.get(name, b"") for name in (b"ended", b"changed", b"topics"))
    return Arrival(
        ended=[ended[start : start + 16] for start in range(0, len(ended), 16)],
        changed=list(CHANGE.iter_unpack(changed)),
        topics=list(CHANGE.iter_unpack(topics)),
        part=statements.read_part(fields.get(b"receipt", b"")),
    )


class Follower:
    """One process's place in the stream. Requests and the reader's thread share it.

    Whoever asks what has `arrived` holds the `lock` until that is learned.
    """

    def __init__(self, url: str) -> None:
        self._nodes = nodes(url)
        self._key = conf.current().feed_key
        self.lock = threading.Lock()
        self._connection: ConnectionInterface | None = None
        self._poll = select.poll()
        self._place = b""
        self._node = ""
        self._heard_at = 0.0
        self._due_at = 0.0
        self._lost = False

    def follows(self) -> bool:
        """Whether it is connected and was answered of late."""
        return self._connection is not None and time.monotonic() - self._heard_at < SILENCE_SECONDS

    def arrived(self) -> list[Arrival]:
        """What has arrived since, without waiting for more. When nothing has, that costs one system call."""
        if self._connection is None or not self._poll.poll(0):
            return []
        try:
            return self._taken(self._connection)
        except NothingYet:
            return []
        except FAILURES as error:
            self._lose(type(error).__name__)
            return []

    def wait(self, seconds: float) -> bool:
        """Sleep until something arrives or it is closed, at most so long; at once False if it is not open."""
        connection = self._connection
        if connection is None:
            return False
        with suppress(ValueError):  # somebody has hung up just now
            # One of its own: a poll object serves one thread at a time.
            _polling(connection).poll(seconds * 1000)
        return True

    def tend(self) -> bool:
        """Connect again where that is due; True when it did: there may be a gap, so read the ledger now.

        May wait for Redis; for the reader's thread alone. Requests meanwhile find nothing, without waiting.
        """
        if self.follows() or time.monotonic() < self._due_at:
            return False
        self.doubt("is silent")
        try:
            self._open()
        except FAILURES as error:
            self._lose(type(error).__name__)
            return False
        if self._lost:
            events.note("feed_followed")
        self._lost = False
        return True

    def doubt(self, reason: str) -> None:
        """Hang up because the feed cannot be relied on, to open it anew."""
        with self.lock:
            if self._connection is not None:
                self._lose(reason)

    def close(self) -> None:
        """Hang up; whoever waits wakes."""
        with self.lock:
            self._hang_up()

    def _lose(self, reason: str) -> None:
        self._hang_up()
        self._nodes.doubt()
        if not self._lost:
            events.note("feed_lost", reason=reason)
        self._lost = True
        self._due_at = time.monotonic() + PAUSE_SECONDS

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()  # type: ignore[no-untyped-call]

    def _open(self) -> None:
        """Go on where it was, or at the end where that place is no more."""
        link = self._nodes.open(self._key)
        try:
            newest = self._newest(link)
            if link.node != self._node or _order(newest) < _order(self._place):
                self._place = newest
            self._ask(link.connection)
        except BaseException:
            self._nodes.hang_up(link)
            raise
        self._node, self._heard_at, self._poll = link.node, time.monotonic(), _polling(link.connection)
        self._connection = link.connection

    def _taken(self, connection: ConnectionInterface) -> list[Arrival]:
        reply = connection.read_response(disable_decoding=True, timeout=0, disconnect_on_error=False)
        self._heard_at = time.monotonic()
        entries = reply[0][1] if reply else []
        if entries:
            self._place = entries[-1][0]
        self._ask(connection)
        found = [read_entry(_pairs(fields)) for _id, fields in entries if fields]
        if None in found:
            events.note("feed_forged")
        return [arrival for arrival in found if arrival]

    def _ask(self, connection: ConnectionInterface) -> None:
        block = int(BLOCK_SECONDS * 1000)
        count = ENTRIES_PER_READ
        connection.send_command(  # type: ignore[no-untyped-call]
            "XREAD", "COUNT", count, "BLOCK", block, "STREAMS", self._key, self._place
        )

    def _newest(self, link: Link) -> bytes:
        try:
            answer = link.ask("XINFO", "STREAM", self._key)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return b"0-0"
        return bytes(_pairs(answer)[b"last-generated-id"])


def _polling(connection: ConnectionInterface) -> select.poll:
    poll = select.poll()
    if socket := connection._get_socket():  # type: ignore[attr-defined]
        poll.register(socket, select.POLLIN)
    return poll


def _pairs(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=False))


def _order(place: bytes) -> tuple[int, int]:
    milliseconds, _dash, number = (place or b"0-0").partition(b"-")
    return int(milliseconds), int(number)
