"""The receipt of an end: how many processes have taken it in, after how long, and which have not answered.

Whoever ends Logins does so under `wanted()`, and asks the receipt as often as they like; by its token also
later, and in another process. Asking costs one round trip to Redis, and wanting none costs nothing. Without
Redis, or when it fails, a receipt tells within which time everybody knows in any case.

    with receipt.wanted() as mine:
        logins.end(…)
    print(mine.wait(0.3))
"""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from django.db import connection

from accounts import conf, feed, mac, statements, stream, witness
from accounts.feed import Wanted
from accounts.nodes import Link
from accounts.statements import Moment
from accounts.tally import Tally

# Whoever does not answer is listed for so long; never for less than they may act on what they knew before.
SILENT = timedelta(seconds=10)
# When the hash of the processes is so old, all who are there are in it.
WHOLE = timedelta(seconds=3)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.002, 0.05
TOKEN = struct.Struct(">16sI")
# With so many there is no padding.
TOKEN_MAC_BYTES = 13
# Whatever it is: what is no Redis may answer anything.
FAILURES = Exception


@contextmanager
def wanted() -> Iterator[Receipt]:
    """What this thread ends meanwhile, it wants a receipt of; the innermost has it.

    A batch may end many times, a transaction each, and ask in between.
    """
    with going_on(Wanted()) as mine:
        yield mine


@contextmanager
def going_on(told: Wanted) -> Iterator[Receipt]:
    """As `wanted`, under a receipt of which so much has been told before, perhaps by another process.

    What of that was never pushed stays true: no process has counted it, so that only those who have read the
    ledger since the last push are said to know.
    """
    before = feed.wanted.set(told)
    try:
        yield Receipt(told)
    finally:
        feed.wanted.reset(before)


def of(token: str) -> Receipt | None:
    """The receipt with this token; None for what is none. No I/O."""
    try:
        signed = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        return None
    said, given = signed[: TOKEN.size], signed[TOKEN.size :]
    if len(given) != TOKEN_MAC_BYTES or not mac.matches("receipt token", said, given):
        return None
    key, count = TOKEN.unpack(said)
    return Receipt(Wanted(key=key, published=count, committed=count, pushed=count))


def processes_tell() -> bool:
    """Whether processes say in Redis what they know; else a receipt tells the bound alone."""
    return bool(conf.current().feed_url) and connection.vendor != "sqlite"


class Receipt:
    """Of what was ended under it; may be asked as often as one likes."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    @property
    def ended(self) -> int:
        """How many Logins; in a transaction, how many there will be once that is committed."""
        return self._wanted.published if connection.in_atomic_block else self._wanted.committed

    @property
    def token(self) -> str:
        """By this it can be asked for elsewhere (`of`); holds no secret, and fits into an address."""
        said = TOKEN.pack(self._wanted.key, self.ended)
        signed = said + mac.mac("receipt token", said)[:TOKEN_MAC_BYTES]
        return base64.urlsafe_b64encode(signed).decode()

    def look(self) -> Tally:
        """What is known now. Never raises for want of Redis; that costs half a second at most."""
        chosen, ended = conf.current(), self.ended
        nobody_tells = _tally(ended)
        # What could not be pushed nobody was told; Redis may be away, and would be waited for once more.
        if not (ended and self._wanted.pushed >= ended and processes_tell()):
            return nobody_tells
        try:
            answer, _node = stream.nodes(chosen.feed_url).at(chosen.feed_key, self._ask)
        except FAILURES:
            return nobody_tells
        return answer or nobody_tells

    def wait(self, seconds: float) -> Tally:
        """What is known as soon as nothing more will come, at the latest after so many seconds."""
        until, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
        while True:
            tally, left = self.look(), until - time.monotonic()
            if tally.is_settled or left <= 0:
                return tally
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _ask(self, link: Link) -> Tally | None:
        feed_key = conf.current().feed_key
        names = (
            statements.name_of_processes(feed_key),
            statements.name_of_receipt(feed_key, self._wanted.key),
        )
        whole = [("HRANDFIELD", name, statements.MOST, "WITHVALUES") for name in names]
        instant, *found = link.ask_all([("TIME",), *whole])
        there, taken = (_Said(name, answer) for name, answer in zip(names, found, strict=True))
        return _counted(self.ended, there, taken, now=statements.moment(link, instant))


class _Said:
    """A hash of statements, of which only ours count."""

    def __init__(self, name: str, answer: list[bytes]) -> None:
        self._name, self.fields = name, statements.pairs(answer)
        self.is_too_large = len(self.fields) >= statements.MOST

    def by(self, field: bytes) -> bytes | None:
        """What was said in this field."""
        return statements.unseal(self._name, field, self.fields.get(field))


def _tally(ended: int) -> Tally:
    """What holds without anybody's word."""
    chosen = conf.current()
    bound = timedelta(0)
    if connection.vendor != "sqlite":
        # Whoever has just begun to read does so once more.
        bound = min(2 * chosen.standing_interval, chosen.standing_budget)
    return Tally(ended=ended, bound=bound, at_most=chosen.standing_budget)


def _counted(ended: int, there: _Said, taken: _Said, *, now: Moment) -> Tally | None:
    told = taken.by(statements.TOLD)
    if told is None or there.is_too_large or taken.is_too_large:
        return None
    count, told_at = statements.read_told(told)
    if count < ended:
        # Some of it could not be pushed.
        return None
    knowing, slowest, silent = 0, 0, []
    for field in there.fields:
        word = None if field.startswith(statements.SINCE) else there.by(field)
        if word is None:
            continue
        presence, answer = statements.read_presence(word), taken.by(field)
        its_count, its_slowest = statements.TAKEN.unpack(answer) if answer else (0, statements.UNTIMED)
        if its_count >= count:
            knowing, slowest = knowing + 1, max(slowest, its_slowest)
        elif told_at.is_before(presence.read_to):
            # The ledger has told it, nobody knows when; unless it has only come since then.
            knowing, slowest = (
                knowing + 1,
                max(slowest, 0 if told_at.is_before(presence.began) else its_slowest),
            )
        elif _is_listed(presence.at, now):
            silent.append(presence.process)
    is_timed = knowing and slowest != statements.UNTIMED
    return replace(
        _tally(ended),
        knowing=knowing,
        processes=knowing + len(silent),
        slowest=timedelta(microseconds=slowest) if is_timed else None,
        silent=tuple(sorted(silent)),
        is_settled=not silent and _is_whole(there, now),
    )


def _is_listed(heard_at: Moment, now: Moment) -> bool:
    """Whether somebody who does not know yet is still waited for."""
    passed = heard_at.until(now)
    beat = timedelta(seconds=witness.BEAT_SECONDS)
    longest = max(SILENT, conf.current().standing_budget + 2 * beat)
    return passed is not None and passed <= longest / timedelta(microseconds=1)


def _is_whole(there: _Said, now: Moment) -> bool:
    since = there.by(statements.since(now.node))
    passed = Moment(*statements.MOMENT.unpack(since)).until(now) if since else None
    return passed is not None and passed >= WHOLE / timedelta(microseconds=1)
