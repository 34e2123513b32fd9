"""Measures variants side by side: interleaved in one process, each against its floor in the same round."""

from __future__ import annotations

import math
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import django
import rest_framework
from django.conf import settings
from django.db import connection
from redis import Redis

from authdemo.lab.variants import Variant

ROUNDS = 60
CALLS = 25
WARM_UP = 20


@dataclass(frozen=True, kw_only=True)
class Result:
    """One variant: statements a request, and µs added over its floor (the median and its 95 % interval)."""

    name: str
    floor: str | None
    statements: float
    microseconds: float
    added: float
    low: float
    high: float


def measure(variants: Sequence[Variant], *, rounds: int = ROUNDS, calls: int = CALLS) -> list[Result]:
    """Time each variant `rounds` times `calls` requests, in a new random order each round."""
    for variant in variants:
        for _warm_up in range(WARM_UP):
            _expect(variant)
    statements = {variant.name: _statements(variant) for variant in variants}
    times: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for _round in range(rounds):
        for variant in random.sample(list(variants), len(variants)):
            times[variant.name].append(_time(variant.call, calls))
    return [_result(variant, times, statements[variant.name]) for variant in variants]


def _expect(variant: Variant) -> None:
    response = variant.call()
    if response.status_code != variant.status or not (response.content or variant.status == 302):
        raise RuntimeError(f"{variant.name} did not authenticate: {response.status_code}")


def _time(call: Callable[[], Any], calls: int) -> float:
    began = time.perf_counter()
    for _call in range(calls):
        call()
    return (time.perf_counter() - began) / calls * 1e6


def _statements(variant: Variant, requests: int = 10) -> float:
    with counted() as count:
        for _request in range(requests):
            variant.call()
    return count[0] / requests


def round_trips(call: Callable[[], Any], requests: int = 10) -> float | None:
    """How many scripts Redis runs for a request of ours; None where there is no Redis."""
    if not settings.REDIS_URL:
        return None
    with Redis.from_url(settings.REDIS_URL) as client:
        before = _scripts(client)
        for _request in range(requests):
            call()
        return (_scripts(client) - before) / requests


def _scripts(client: Redis) -> int:
    told: Any = client.info("commandstats")
    return sum(told[name]["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in told)


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many statements the default connection executes meanwhile."""
    count = [0]

    def one(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        count[0] += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(one):
        yield count


def _result(variant: Variant, times: dict[str, list[float]], statements: float) -> Result:
    mine = times[variant.name]
    floor = times[variant.floor] if variant.floor else mine
    added = [here - there for here, there in zip(mine, floor, strict=True)]
    low, middle, high = interval(added)
    return Result(
        name=variant.name,
        floor=variant.floor,
        statements=statements,
        microseconds=statistics.median(mine),
        added=middle,
        low=low,
        high=high,
    )


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, between the two values that enclose the true one with 95 %, whatever the distribution."""
    ordered, count = sorted(values), len(values)
    rank = max(0, int(count / 2 - 0.98 * math.sqrt(count)))
    return ordered[rank], statistics.median(ordered), ordered[count - 1 - rank]


def where() -> str:
    """The machine and the versions, in one line."""
    return (
        f"{platform.machine()}, Python {platform.python_version()}, Django {django.get_version()}, "
        f"DRF {rest_framework.VERSION}, {connection.display_name}, {sys.platform}"
    )


def table(results: Sequence[Result], *, instructions: Mapping[str, float] | None = None) -> str:
    """The results as a Markdown table, with thousands of instructions added where they were counted."""
    added_by = instructions or {}
    title, line = (" added instructions |", "---:|") if added_by else ("", "")
    lines = [
        f"| variant | statements | median µs | added µs (95 %) |{title}",
        f"|---|---:|---:|---:|{line}",
    ]
    for result in results:
        added = f"{result.added:.1f} ({result.low:.1f} to {result.high:.1f})" if result.floor else "–"
        line = f"| {result.name} | {result.statements:g} | {result.microseconds:.0f} | {added} |"
        if added_by:
            line += f" {added_by[result.name] / 1000:.0f} k |" if result.floor else " – |"
        lines.append(line)
    return "\n".join(lines)


def against(mine: Result, peers: Sequence[Result]) -> str:
    """How much each peer adds for one that is ours; no winner is named where the intervals overlap."""
    lines = []
    for peer in peers:
        if mine.high < peer.low:
            least, most = peer.low / mine.high, peer.high / max(mine.low, 0.1)
            said = f"adds {least:.1f} to {most:.1f} times as much"
        elif peer.high < mine.low:
            said = f"adds {peer.low / mine.high:.2f} to {peer.high / mine.low:.2f} times as much"
        else:
            said = "cannot be told from it: the intervals overlap"
        lines.append(f"- {peer.name} {said}.")
    return "\n".join([f"Against {mine.name}:", *lines])
