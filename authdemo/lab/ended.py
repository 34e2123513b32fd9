"""What a process pays for knowing a million ended Logins: memory, and the longest step without a pause."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.known import BUCKET_SECONDS, Known
from authdemo.lab.tables import Table

ENTRIES = 1_000_000
PROBES = 20_000
ARRIVING = 10_000


@dataclass(frozen=True, kw_only=True)
class EndedSet:
    """Bytes an entry; the longest step while learning and while forgetting, in ms; one question, in µs."""

    minutes: int
    entries: int = ENTRIES
    entry_bytes: float
    learning: float
    forgetting: float
    question: float


class Steps:
    """The processor time between two of the moments at which others may go on."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = time.thread_time()

    def over(self) -> None:
        """One step is over."""
        self.longest = max(self.longest, time.thread_time() - self._began)
        self._began = time.thread_time()


def measure(*, minutes: int, entries: int = ENTRIES) -> EndedSet:
    """Learn so many ended Logins, spread over so many minutes, ask for some, and forget them all."""
    logins = [os.urandom(16) for _login in range(entries)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    held = _learned(logins, minutes)
    size = (tracemalloc.get_traced_memory()[0] - before) / entries
    tracemalloc.stop()
    question = _question(held, logins)
    del held
    steps = Steps()
    held = _learned(logins, minutes, steps)
    learning, steps.longest = steps.longest, 0.0
    for minute in range(minutes + 1):
        held.forget(before=minute * BUCKET_SECONDS)
    return EndedSet(
        minutes=minutes,
        entries=entries,
        entry_bytes=size,
        learning=learning * 1e3,
        forgetting=steps.longest * 1e3,
        question=question * 1e6,
    )


def tables(results: Sequence[EndedSet]) -> list[Table]:
    """The results, a row for each."""
    rows = [
        [
            f"{one.entries:,} within {one.minutes} min",
            f"{one.entry_bytes:.0f}",
            f"{one.learning:.1f} ms",
            f"{one.forgetting:.1f} ms",
            f"{one.question:.1f} µs",
        ]
        for one in results
    ]
    columns = ("ended Logins, learned", "bytes an entry", "longest step learning", "forgetting", "asking")
    return [Table(title="What a process knows of ended Logins", columns=columns, rows=rows)]


def _learned(logins: Sequence[bytes], minutes: int, steps: Steps | None = None) -> Known:
    held = Known(pause=steps.over) if steps else Known()
    for start in range(0, len(logins), ARRIVING):
        now = start / len(logins) * minutes * BUCKET_SECONDS
        held.learn(ended=logins[start : start + ARRIVING], versions=(), now=now)
    return held


def _question(held: Known, logins: Sequence[bytes]) -> float:
    asked = [os.urandom(16) for _probe in range(PROBES)] + list(logins[:PROBES])
    began = time.thread_time()
    for login in asked:
        held.has_ended(login)
    return (time.thread_time() - began) / len(asked)
