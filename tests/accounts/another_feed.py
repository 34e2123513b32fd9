"""What the second process of a test can be told about the feed: to follow it, to be busy, to tell of it."""

from __future__ import annotations

import logging
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts import conf, events, logins, standing, stream
from accounts.logins import EndReason
from accounts.standing import Answer
from tests.servers import wait_until

PATIENCE_SECONDS = 20.0
_chosen, _pause_seconds = settings.ACCOUNTS, stream.PAUSE_SECONDS


class _Noted(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[list[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append([record.getMessage(), str(getattr(record, "event", {}).get("reason", ""))])


_noted = _Noted()
events.logger.addHandler(_noted)


def forget() -> None:
    """As it was when the process started."""
    settings.ACCOUNTS = _chosen
    stream._quiet_until, stream.PAUSE_SECONDS = 0.0, _pause_seconds
    _noted.events.clear()


def follow() -> bool:
    """Serve a request, and return once the feed is followed."""
    standing.freshen()
    wait_until(standing.here().follows, what="the feed is followed", seconds=10)
    return True


def hasten() -> None:
    """Read the ledger ten times a second, and try a lost feed as often."""
    settings.ACCOUNTS = replace(conf.current(), standing_interval=timedelta(milliseconds=100))
    stream.PAUSE_SECONDS = 0.1


def rely() -> None:
    """From now on nothing is read but the feed, and nobody asks the ledger."""
    hour = timedelta(hours=1)
    settings.ACCOUNTS = replace(conf.current(), standing_interval=hour, standing_budget=hour)
    # The read that is due by the old interval is the last.
    reads = standing.here().reads
    wait_until(lambda: standing.here().reads > reads, what="the last read", seconds=5)


def tell() -> dict[str, Any]:
    """How it stands with the feed, and what was noted since the last time."""
    mine, noted = standing.here(), list(_noted.events)
    _noted.events.clear()
    socket = getattr(getattr(mine._feed, "_connection", None), "_sock", None)
    return {
        "follows": mine.follows(),
        "port": socket.getsockname()[1] if socket else None,
        "asked": mine.asked,
        "reads": mine.reads,
        "noted": noted,
    }


def await_noted(name: str) -> None:
    """Return once this was noted; what was noted stays to be told."""
    wait_until(lambda: name in [said for said, _reason in _noted.events], what=name, seconds=PATIENCE_SECONDS)


def end_late(login: str, seconds: float) -> None:
    """End it in a transaction that stays open for so long."""
    with transaction.atomic():
        logins.end([UUID(login)], reason=EndReason.LOGOUT)
        time.sleep(seconds)


def knows(*some: str) -> list[bool]:
    """Whether these are known to have ended, without a look at anything."""
    return [standing.here().known.has_ended(UUID(login).bytes) for login in some]


def heard(*some: str) -> float:
    """The instant at which the process knew them all by itself: no request came."""
    wait_until(lambda: all(knows(*some)), what="heard", seconds=PATIENCE_SECONDS)
    return time.time()


def refused(login: str, user: str) -> float:
    """The start of the last request that was accepted, of many one after the other; 0 if none was."""
    last, until = 0.0, time.monotonic() + PATIENCE_SECONDS
    with connection.execute_wrapper(_nobody_asks):
        while time.monotonic() < until:
            began = time.time()
            standing.freshen()
            if standing.check(UUID(login), user=UUID(user), version=1) is Answer.ENDED:
                return last
            last = began
    raise TimeoutError("never refused")


def _nobody_asks(_execute: Any, sql: str, *_args: Any) -> Any:
    raise AssertionError(f"a request asked the ledger: {sql}")


_busy = threading.Event()


def be_busy(threads: int) -> None:
    """So many threads compute and compute, as views do that never wait; none: leave off."""
    _busy.clear()
    if threads:
        _busy.set()
    for _ in range(threads):
        threading.Thread(target=_compute, daemon=True).start()


def _compute() -> None:
    while _busy.is_set():
        sum(number * number for number in range(1000))


_sizes: list[int] = []


def count() -> None:
    """Count from now on how many ended Logins each look at the feed brings."""
    feed: Any = standing.here()._feed
    real = feed.arrived
    _sizes[:] = [0]

    def counted() -> list[stream.Arrival]:
        found: list[stream.Arrival] = real()
        _sizes.append(sum(len(one.ended) for one in found))
        return found

    feed.arrived = counted


def serve(login: str, user: str, last: str) -> dict[str, Any]:
    """Requests one after the other until `last` is known to have ended; what they cost, and what came."""
    cpu: list[float] = []
    until = time.monotonic() + 3 * PATIENCE_SECONDS
    before = _memory()
    while not knows(last)[0] and time.monotonic() < until:
        began = time.thread_time()
        standing.freshen()
        standing.check(UUID(login), user=UUID(user), version=1)
        cpu.append(time.thread_time() - began)
    grown = _memory() - before
    cpu.sort()
    costs = {"cpu": cpu[-1], "cpu99": cpu[len(cpu) * 99 // 100], "bytes": grown}
    return {"came": sum(_sizes), "most": max(_sizes), "requests": len(cpu), **costs}


def _memory() -> int:
    # Linux alone tells; elsewhere nothing has grown.
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * resource.getpagesize() if told.exists() else 0


VERBS: dict[str, Callable[..., object]] = {
    "follow": follow,
    "hasten": hasten,
    "rely": rely,
    "tell": tell,
    "await": await_noted,
    "end late": end_late,
    "knows": knows,
    "heard": heard,
    "refused": refused,
    "be busy": be_busy,
    "count": count,
    "serve": serve,
}
