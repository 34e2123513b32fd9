"""Measures variants side by side: interleaved in one process, each against its floor in the same round."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import connection

from authdemo.lab import trips, wire
from authdemo.lab.variants import Variant

ROUNDS = 30
CALLS = 12
WARM_UP = 20
COUNTED = 10
# What the floor is called when it runs a second time.
CONTROL = ", once more (the control)"
# Half of 2.576: of so many standard deviations is the middle 99 % of a normal distribution.
HALF_WIDTH = 1.288


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A median, between the two values that enclose the true one with 99 %."""

    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """One variant: what a request needs, and what it adds to its floor (`added`, between `low` and `high`).

    Times are microseconds: on the wall where nothing else is said, `cpu` those of the thread that asks.
    `sent` are the bytes of what a request carries to be known by, `received` those of the answer beyond the
    floor's; `round_trips` is None without Redis.
    """

    name: str
    floor: str | None
    statements: float
    round_trips: float | None = None
    sent: int = 0
    received: int = 0
    microseconds: float
    added: float
    low: float
    high: float
    cpu: float = 0.0
    cpu_added: Spread = field(default_factory=Spread)
    # Of single requests.
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0

    @property
    def is_control(self) -> bool:
        """Whether it is its own floor, run once more."""
        return self.name.endswith(CONTROL)


@dataclass(frozen=True)
class _Taken:
    """Microseconds a request, by round, and of each single request."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Counts:
    statements: float
    round_trips: float | None
    sent: int
    received: int


def controlled(variants: Sequence[Variant]) -> list[Variant]:
    """The same, and after each floor the floor once more, which must not be told from it."""
    found = []
    for variant in variants:
        found.append(variant)
        if variant.floor is None:
            found.append(replace(variant, name=f"{variant.name}{CONTROL}", floor=variant.name))
    return found


def measure(
    variants: Sequence[Variant], *, rounds: int = ROUNDS, calls: int = CALLS, warm_up: int = WARM_UP
) -> list[Result]:
    """Time each variant `rounds` times `calls` requests, in a new random order each round."""
    for variant in variants:
        for _warm_up in range(warm_up):
            _expect(variant)
    counts = {variant.name: _count(variant) for variant in variants}
    taken = {variant.name: _Taken() for variant in variants}
    for _round in range(rounds):
        for variant in random.sample(list(variants), len(variants)):
            _time(variant.call, calls, taken[variant.name])
    return [_result(variant, taken, counts) for variant in variants]


def _expect(variant: Variant) -> None:
    response = variant.call()
    if response.status_code != variant.status or not (response.content or variant.status == 302):
        raise RuntimeError(f"{variant.name} did not authenticate: {response.status_code}")


def _time(call: Callable[[], Any], calls: int, taken: _Taken) -> None:
    if calls > 1:
        # Of what other variants have pushed out (a remembered token, say) this brings back what a call needs.
        call()
    clock, on_processor = time.perf_counter_ns, time.thread_time_ns()
    began = last = clock()
    for _call in range(calls):
        call()
        now = clock()
        taken.single.append((now - last) / 1e3)
        last = now
    taken.wall.append((last - began) / calls / 1e3)
    taken.cpu.append((time.thread_time_ns() - on_processor) / calls / 1e3)


def _count(variant: Variant, requests: int = COUNTED) -> _Counts:
    _expect(variant)
    with counted() as statements, trips.counted() as made:
        for _request in range(requests):
            variant.call()
    sent, received = wire.size(variant.call)
    return _Counts(
        statements=statements[0] / requests,
        round_trips=made[0] / requests if settings.REDIS_URL else None,
        sent=sent,
        received=received,
    )


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many statements the default connection executes meanwhile."""
    count = [0]

    def one(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        count[0] += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(one):
        yield count


def _result(variant: Variant, taken: dict[str, _Taken], counts: dict[str, _Counts]) -> Result:
    mine, count = taken[variant.name], counts[variant.name]
    floor, theirs = (taken[variant.floor], counts[variant.floor]) if variant.floor else (mine, None)
    low, middle, high = _added(mine.wall, floor.wall)
    cpu_low, cpu_middle, cpu_high = _added(mine.cpu, floor.cpu)
    return Result(
        name=variant.name,
        floor=variant.floor,
        statements=count.statements,
        round_trips=count.round_trips,
        sent=count.sent,
        received=count.received - (theirs.received if theirs else 0),
        microseconds=statistics.median(mine.wall),
        added=middle,
        low=low,
        high=high,
        cpu=statistics.median(mine.cpu),
        cpu_added=Spread(low=cpu_low, middle=cpu_middle, high=cpu_high),
        p50=percentile(mine.single, 0.5),
        p95=percentile(mine.single, 0.95),
        p99=percentile(mine.single, 0.99),
    )


def _added(mine: Sequence[float], floor: Sequence[float]) -> tuple[float, float, float]:
    return interval([here - there for here, there in zip(mine, floor, strict=True)])


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, between the two values that enclose the true one with 99 %, whatever the distribution.

    Of fewer than eight values they are the least and the greatest, which enclose it with less.
    """
    ordered, count = sorted(values), len(values)
    rank = max(0, int((count - 1) / 2 - HALF_WIDTH * math.sqrt(count)))
    return ordered[rank], statistics.median(ordered), ordered[count - 1 - rank]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the others does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
