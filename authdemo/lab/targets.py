"""What this project aims for, as ratios and counts within one run, and whether that run got there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection

from authdemo.lab import variants, ways
from authdemo.lab.console import Listed
from authdemo.lab.crowded import Crowded
from authdemo.lab.delay import Delay
from authdemo.lab.ended import EndedSet
from authdemo.lab.http import Throughput
from authdemo.lab.measure import Result
from authdemo.lab.variants import DB_SESSIONS

SAME = ways.STATELESS
# How many times fewer instructions a token seen before adds, by what the peers' names begin with.
FEWER = {"simplejwt stateless": 10, "simplejwt default": 30, "simplejwt with blacklist": 45}
FEWER |= {"knox": 45, DB_SESSIONS: 45}


# How many times as much a session with an idle timeout adds elsewhere.
DEARER = {
    f"Django's cache sessions{variants.WITH_IDLE}": 9,
    f"Django's cached_db sessions{variants.WITH_IDLE}": 20,
    f"{DB_SESSIONS}{variants.WITH_IDLE}": 20,
}


@dataclass(kw_only=True)
class Run:
    """What one run has measured; what was left out stays empty."""

    tokens: Sequence[Result] = ()
    sessions: Sequence[Result] = ()
    # Of our sessions, to Redis, for each request; None where there is none.
    round_trips: float | None = None
    sign_in: Sequence[Result] = ()
    crowded: Sequence[Crowded] = ()
    sessions_over_http: Sequence[Throughput] = ()
    instructions: Mapping[str, float] = field(default_factory=dict)
    over_http: Sequence[Throughput] = ()
    hit_rate: float | None = None
    delay: Delay | None = None
    # How soon an end must be known here: milliseconds at the 99th percentile, 0 for the next request.
    delay_bound: float | None = None
    ended: Sequence[EndedSet] = ()
    console: Sequence[Listed] = ()


@dataclass(frozen=True)
class Figure:
    """What was measured, as text, and whether it is good enough; None where nothing was promised."""

    said: str
    is_met: bool | None


def table(run: Run, *, is_whole: bool = True) -> str:
    """Each target with its figure of this run, as a Markdown table; of a part of a run, what was measured."""
    lines = ["| target | | here | |", "|---:|---|---|---|"]
    for number, aim, judge in TARGETS:
        figure = judge(run)
        if figure is None and not is_whole:
            continue
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


def _session_statements(run: Run) -> Figure | None:
    found = {one.name: one.statements for one in run.sessions}.get(variants.SESSION)
    if found is None:
        return None
    if run.round_trips is None:
        return Figure(f"{found:g} statements", found == 1)
    return Figure(f"{run.round_trips:g} and {found:g}", (run.round_trips, found) == (1, 0))


def _times(peer: str, least: float) -> Callable[[Run], Figure | None]:
    """How many times as much a peer adds as our session: at least so many."""

    def judge(run: Run) -> Figure | None:
        by_name = {one.name: one for one in run.sessions}
        if peer not in by_name:
            return None
        mine, other = by_name[variants.SESSION], by_name[peer]
        low, high = other.low / mine.high, other.high / max(mine.low, 0.1)
        ratio = other.added / mine.added
        return Figure(f"{ratio:.1f} × ({low:.1f} to {high:.1f})", ratio >= least)

    return judge


def _without_redis(run: Run) -> Figure | None:
    by_name = {one.name: one for one in run.sessions}
    if run.round_trips is not None or variants.SESSION not in by_name:
        return None
    share = by_name[variants.SESSION].added / by_name[DB_SESSIONS].added
    most = 0.1 if connection.vendor == "sqlite" else 0.33
    return Figure(f"{share:.2f} × (at most {most})", share <= most)


def _sessions_over_http(run: Run) -> Figure | None:
    rates = {one.name: one.a_second for one in run.sessions_over_http}
    if not rates:
        return None
    ratio = rates[variants.SESSION] / rates[DB_SESSIONS]
    return Figure(f"{ratio:.1f} ×", ratio >= 4)


def _crowd(run: Run) -> Figure | None:
    if not run.crowded:
        return None
    said = ", ".join(f"{one.ratio:.2f} × ({one.name})" for one in run.crowded)
    return Figure(said, all(one.ratio <= 1.2 for one in run.crowded))


def _console(run: Run) -> Figure | None:
    slowest = max(run.console, key=lambda one: one.milliseconds, default=None)
    if slowest is None:
        return None
    return Figure(f"{slowest.milliseconds:.1f} ms ({slowest.name})", slowest.milliseconds <= 5)


def _sign_in(run: Run) -> Figure | None:
    by_name = {one.name: one.microseconds for one in run.sign_in}
    if not by_name:
        return None
    alone = by_name.pop(variants.HASH)
    said = ", ".join(f"{each / alone:.2f} × ({name})" for name, each in by_name.items())
    return Figure(said, all(each <= 1.3 * alone for each in by_name.values()))


TARGETS: list[tuple[int, str, Callable[[Run], Figure | None]]] = [
    (1, "seen before: no statement", _statements),
    (1, "its instructions: at most 1.5 × those of a constant user", _of_the_floor),
    (1, "its throughput: at least 95 % of that without authentication", _throughput),
    *(
        (1, f"{kind}: at least {least} times its instructions", _fewer(kind, least))
        for kind, least in FEWER.items()
    ),
    (2, "seen first: no more instructions than simplejwt stateless, same algorithm", _first_by_instructions),
    (2, "and no more time", _first_by_time),
    (2, "how many find their token remembered, 2 workers, 40 uses of each", _hit_rate),
    (3, "a session: 1 round trip and no statement; without Redis 1 statement", _session_statements),
    (3, "a bare round trip to Redis adds at least 0.5 × what it does", _times(variants.ROUND_TRIP, 0.5)),
    *((3, f"{name}, adds at least {least} ×", _times(name, least)) for name, least in DEARER.items()),
    (3, "its throughput: at least 4 × that of Django's db sessions", _sessions_over_http),
    (4, "without Redis, of what Django's db sessions add: SQLite 0.1 ×, PostgreSQL 0.33 ×", _without_redis),
    (5, "from an end to its refusal everywhere, all busy, 99 %: 5 ms; SQLite: the next request", _delay),
    (6, "1,000,000 ended Logins: at most 100 B each", _entry_bytes),
    (6, "and no pause over 5 ms", _pause),
    (7, "the same with 1,000 and 1,000,000 signed in: at most 1.2 ×", _crowd),
    (7, "every page of the console at 1,000,000 Logins: at most 5 ms of SQL", _console),
    (8, "a sign-in: at most 1.3 × the password's hash alone", _sign_in),
]
