"""What this project aims for, as ratios and counts within one run, and whether that run got there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from authdemo.lab import ways
from authdemo.lab.delay import Delay
from authdemo.lab.ended import EndedSet
from authdemo.lab.http import Throughput
from authdemo.lab.measure import Result
from authdemo.lab.variants import DB_SESSIONS

SAME = ways.STATELESS
# How many times fewer instructions a token seen before adds, by what the peers' names begin with.
FEWER = {"simplejwt stateless": 10, "simplejwt default": 30, "simplejwt with blacklist": 45}
FEWER |= {"knox": 45, DB_SESSIONS: 45}


@dataclass(kw_only=True)
class Run:
    """What one run has measured; what was left out stays empty."""

    tokens: Sequence[Result] = ()
    instructions: Mapping[str, float] = field(default_factory=dict)
    over_http: Sequence[Throughput] = ()
    hit_rate: float | None = None
    delay: Delay | None = None
    # How soon an end must be known here: milliseconds at the 99th percentile, 0 for the next request.
    delay_bound: float | None = None
    ended: Sequence[EndedSet] = ()


@dataclass(frozen=True)
class Figure:
    """What was measured, as text, and whether it is good enough; None where nothing was promised."""

    said: str
    is_met: bool | None


def table(run: Run) -> str:
    """Each target with its figure of this run, as a Markdown table."""
    lines = ["| target | | here | |", "|---:|---|---|---|"]
    for number, aim, judge in TARGETS:
        figure = judge(run)
        said = figure.said if figure else "–"
        met = {None: "not measured", True: "met", False: "**not met**"}[figure.is_met if figure else None]
        lines.append(f"| {number} | {aim} | {said} | {met} |")
    return "\n".join(lines)


def _statements(run: Run) -> Figure | None:
    found = {one.name: one.statements for one in run.tokens}.get(ways.BEFORE)
    return None if found is None else Figure(f"{found:g}", found == 0)


def _of_the_floor(run: Run) -> Figure | None:
    if not run.instructions:
        return None
    ratio = run.instructions[ways.BEFORE] / run.instructions[ways.CONSTANT]
    return Figure(f"{ratio:.2f} ×", ratio <= 1.5)


def _fewer(kind: str, least: int) -> Callable[[Run], Figure | None]:
    def judge(run: Run) -> Figure | None:
        peers = {name: count for name, count in run.instructions.items() if name.startswith(kind)}
        if not peers:
            return None
        ratios = {name: count / run.instructions[ways.BEFORE] for name, count in peers.items()}
        said = ", ".join(f"{ratio:.1f} ×{_algorithm(name)}" for name, ratio in ratios.items())
        return Figure(said, min(ratios.values()) >= least)

    return judge


def _algorithm(name: str) -> str:
    return f" ({name.rpartition(', ')[2]})" if ", " in name else ""


def _throughput(run: Run) -> Figure | None:
    for one in run.over_http:
        if one.name == ways.BEFORE:
            return Figure(f"{one.share:.1%} ({one.low:.1%} to {one.high:.1%})", one.share >= 0.95)
    return None


def _first_by_instructions(run: Run) -> Figure | None:
    if not run.instructions:
        return None
    ratio = run.instructions[ways.FIRST] / run.instructions[SAME]
    return Figure(f"{ratio:.2f} ×", ratio <= 1)


def _first_by_time(run: Run) -> Figure | None:
    by_name = {one.name: one for one in run.tokens}
    if not by_name:
        return None
    mine, peer = by_name[ways.FIRST], by_name[SAME]
    said = f"{mine.added / peer.added:.2f} ×" + ("" if mine.low > peer.high else ", or not to be told apart")
    return Figure(said, mine.low <= peer.high)


def _hit_rate(run: Run) -> Figure | None:
    return None if run.hit_rate is None else Figure(f"{run.hit_rate:.1%}", True)


def _delay(run: Run) -> Figure | None:
    if run.delay is None:
        return None
    is_met = None if run.delay_bound is None else run.delay.ninety_nine <= run.delay_bound
    return Figure(f"{run.delay.ninety_nine:.2f} ms", is_met)


def _entry_bytes(run: Run) -> Figure | None:
    most = max((one.entry_bytes for one in run.ended), default=None)
    return None if most is None else Figure(f"{most:.0f} B", most <= 100)


def _pause(run: Run) -> Figure | None:
    longest = max((max(one.learning, one.forgetting) for one in run.ended), default=None)
    return None if longest is None else Figure(f"{longest:.1f} ms", longest <= 5)


TARGETS: list[tuple[int, str, Callable[[Run], Figure | None]]] = [
    (1, "seen before: no statement", _statements),
    (1, "its instructions: at most 1.5 × those of a constant user", _of_the_floor),
    (1, "its throughput: at least 95 % of that without authentication", _throughput),
    *((1, f"{kind} adds at least {least} ×", _fewer(kind, least)) for kind, least in FEWER.items()),
    (2, "seen first: no more instructions than simplejwt stateless, same algorithm", _first_by_instructions),
    (2, "and no more time", _first_by_time),
    (2, "how many find their token remembered, 2 workers, 40 uses of each", _hit_rate),
    (5, "from an end to its refusal everywhere, all busy, 99 %: 5 ms; SQLite: the next request", _delay),
    (6, "1,000,000 ended Logins: at most 100 B each", _entry_bytes),
    (6, "and no pause over 5 ms", _pause),
]
