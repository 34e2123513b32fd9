"""What a run has to say to each target: one figure, between the two that enclose the true one with 99 %."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authdemo.lab import crowded, ended, variants, ways
from authdemo.lab.delay import ENOUGH
from authdemo.lab.measure import Result
from authdemo.lab.run import Run
from authdemo.lab.variants import DB_SESSIONS

SAME = ways.STATELESS
# By so much, or such a share, counts of instructions differ from run to run: with where things lie in memory.
GIVE, GIVE_SHARE = 2_000, 0.005


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was found, as a number and as text."""

    said: str
    value: float
    low: float
    high: float


Find = Callable[[Run], Figure | None]


def exactly(value: float, said: str) -> Figure:
    """A count."""
    return Figure(said=said, value=value, low=value, high=value)


def _ratio(value: float, low: float, high: float, *, name: str = "") -> Figure:
    said = f"{value:.2f} × ({low:.2f} to {high:.2f})"
    return Figure(said=f"{said}, {name}" if name else said, value=value, low=low, high=high)


def _result(results: object, name: str) -> Result | None:
    found = results if isinstance(results, (list, tuple)) else ()
    return next((one for one in found if one.name == name), None)


def statements(results: Callable[[Run], object], name: str) -> Find:
    """Statements of one variant."""

    def find(run: Run) -> Figure | None:
        one = _result(results(run), name)
        return exactly(one.statements, f"{one.statements:g}") if one else None

    return find


def round_trips(results: Callable[[Run], object], name: str) -> Find:
    """Round trips to Redis of one variant; nothing without Redis."""

    def find(run: Run) -> Figure | None:
        one = _result(results(run), name)
        return (
            exactly(one.round_trips, f"{one.round_trips:g}") if one and one.round_trips is not None else None
        )

    return find


def instructions(of: str, beside: str) -> Find:
    """How many times the instructions of another one variant adds.

    Of several whose names begin so, the least: of a peer's algorithms the cheapest decides.
    """

    def find(run: Run) -> Figure | None:
        counted = run.instructions
        above = {name: count for name, count in counted.items() if name.startswith(of)}
        if not above or beside not in counted:
            return None
        ratios = {name: count / counted[beside] for name, count in above.items()}
        mine, other = min(above.values()), counted[beside]
        said = ", ".join(
            f"{ratio:.2f} ×{_algorithm(name) if len(ratios) > 1 else ''}" for name, ratio in ratios.items()
        )
        low = (mine - _give(mine)) / (other + _give(other))
        high = (mine + _give(mine)) / max(1.0, other - _give(other))
        return Figure(said=said, value=mine / other, low=low, high=high)

    return find


def _give(count: float) -> float:
    return max(GIVE, GIVE_SHARE * count)


def _algorithm(name: str) -> str:
    return f" ({name.rpartition(', ')[2]})" if ", " in name else ""


def added(results: Callable[[Run], object], of: str, beside: str) -> Find:
    """How many times as much time as another one variant adds."""

    def find(run: Run) -> Figure | None:
        above, below = _result(results(run), of), _result(results(run), beside)
        if above is None or below is None:
            return None
        low, high = above.low / max(below.high, 0.1), above.high / max(below.low, 0.1)
        return _ratio(above.added / max(below.added, 0.1), low, high)

    return find


def throughput(run: Run) -> Figure | None:
    """Of a token seen before, as a share of the view that asks nobody."""
    for one in run.http.tokens if run.http else ():
        if one.name == ways.BEFORE:
            said = f"{one.share:.1%} ({one.low:.1%} to {one.high:.1%})"
            return Figure(said=said, value=one.share, low=one.low, high=one.high)
    return None


def sessions_over_http(run: Run) -> Figure | None:
    """How many times the throughput of Django's sessions in the database ours have."""
    found = {one.name: one for one in run.http.sessions} if run.http else {}
    if not found:
        return None
    mine, other = found[variants.SESSION], found[DB_SESSIONS]
    return _ratio(mine.share / other.share, mine.low / other.high, mine.high / other.low)


def hit_rate(run: Run) -> Figure | None:
    """How many requests find their token remembered."""
    return exactly(run.http.hit_rate, f"{run.http.hit_rate:.1%}") if run.http else None


def with_redis(find: Find) -> Find:
    """The same, of a run with Redis."""
    return lambda run: find(run) if run.has_redis else None


def without_redis(find: Find, *, database: str = "") -> Find:
    """The same, of a run without Redis, on this database."""
    return lambda run: find(run) if not run.has_redis and (not database or run.database == database) else None


def delay(run: Run) -> Figure | None:
    """Milliseconds from an end to its refusal everywhere, the 99th percentile."""
    found = run.delay
    if found is None:
        return None
    said = f"{found.ninety_nine:.2f} ms ({found.low:.2f} to {found.high:.2f})"
    return Figure(said=said, value=found.ninety_nine, low=found.low, high=found.high)


def delay_with_redis(run: Run) -> Figure | None:
    """Where the feed tells of it; nothing of too few cases."""
    is_enough = run.delay is not None and run.delay.pairs >= ENOUGH
    return delay(run) if is_enough and run.has_redis and run.database != "sqlite" else None


def delay_on_sqlite(run: Run) -> Figure | None:
    """Where every request looks."""
    return delay(run) if run.database == "sqlite" else None


def entry_bytes(run: Run) -> Figure | None:
    """Of one ended Login among a million."""
    most = max((one.entry_bytes for one in run.ended if one.entries >= ended.ENTRIES), default=None)
    return None if most is None else exactly(most, f"{most:.0f} B")


def pause(run: Run) -> Figure | None:
    """The longest step while a million are learned or forgotten."""
    steps = [max(one.learning, one.forgetting) for one in run.ended if one.entries >= ended.ENTRIES]
    return exactly(max(steps), f"{max(steps):.1f} ms") if steps else None


def crowd(run: Run) -> Figure | None:
    """With a million signed in, how many times as much as with a thousand; the worse of both flows."""
    if run.crowded is None or run.crowded.many < crowded.MANY:
        return None
    worst = max(run.crowded.ours, key=lambda one: one.ratio)
    return _ratio(worst.ratio, worst.low, worst.high, name=worst.name)


def console(run: Run) -> Figure | None:
    """Milliseconds of SQL of the slowest page."""
    slowest = max(run.console, key=lambda one: one.milliseconds, default=None)
    if slowest is None:
        return None
    return exactly(slowest.milliseconds, f"{slowest.milliseconds:.1f} ms ({slowest.name})")


def cleaning(run: Run) -> Figure | None:
    """The longest that somebody who writes waited beside cleaning."""
    if run.cleaning is None:
        return None
    return exactly(run.cleaning.beside.longest, f"{run.cleaning.beside.longest:.0f} ms")


def sign_in(run: Run) -> Figure | None:
    """How many times the password's hash alone the dearer of the sign-ins takes."""
    alone = _result(run.sign_in, variants.HASH)
    if alone is None:
        return None
    doors = [one for one in run.sign_in if one.floor and not one.is_control]
    dearest = max(doors, key=lambda one: one.added)
    low, middle, high = (1 + each / alone.microseconds for each in (dearest.low, dearest.added, dearest.high))
    return _ratio(middle, low, high, name=dearest.name)
