"""The dial from "ask every time" to "never ask": what a request costs against how soon an end is effective.

The peers stand where their packages put them; the compromise that people build looks things up now and then;
ours stand where the budget, the feed and the ledger put them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Literal

from django.db import connection

from accounts import conf
from authdemo.lab import dialled, peers, signins, variants, ways
from authdemo.lab.asker import Asker, asker
from authdemo.lab.effects import Effect, Made, effects
from authdemo.lab.measure import measure as interleaved
from authdemo.lab.setup import Setup
from authdemo.lab.signins import Ending
from authdemo.lab.tables import Table

ROUNDS, CALLS = 16, 15
# Requests a second with one token at one process; what the compromise costs depends on it.
RATE = 1.0
# What takes longer is not waited for, but told as the setting that it is.
LONGEST = 1.0
SAMPLES, OURS_SAMPLES = 5, 15

FEED = "this project, token, feed followed"
LEDGER = "this project, token, ledger read twice a second"
GLANCE = "this project, token, SQLite's data_version looked at"
COPY = "session of this project, copy in Redis"
ROW = "session of this project, from the ledger"
NEVER, ALWAYS = dialled.AGES[-1], dialled.AGES[0]

Kind = Literal["peer", "compromise", "ours"]
# Added µs: the lowest, the median and the highest that may be true.
Interval = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One way to be signed in, and one way to end that.

    `added` µs over the same view without authentication, between `low` and `high` as `measure` encloses it.
    Of many ends half were effective after `seconds`, all after `worst`: `stated` by a setting of the package
    (and then a request right after the end was let in), else as measured, where 0 is the next request.
    """

    name: str
    kind: Kind
    added: float
    low: float
    high: float
    seconds: float
    worst: float
    stated: bool
    ended: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Dial:
    """The points, the soonest effective first; what the compromise adds where it asks and where not."""

    points: Sequence[Point]
    looked_up: float
    remembered: float
    rate: float
    budget: float


def measure(setup: Setup, *, longest: float = LONGEST, samples: int = SAMPLES) -> Dial:
    """All of it in 20 seconds. Leaves ended Logins behind, and a few disabled people."""
    costs, has_redis = _costs(setup), bool(conf.current().feed_url)
    bare = {name: value for name, value in setup.environment.items() if not name.startswith("REDIS_URL")}
    with ExitStack() as stack:
        here = stack.enter_context(asker(setup.environment))
        alone = stack.enter_context(asker(bare)) if has_redis else None
        points = _ours(setup, here, costs, has_redis=has_redis)
        if alone:
            names = (ways.NOBODY, ways.BEFORE, variants.PLAIN, variants.SESSION)
            costs_alone = alone.added(setup.user, names, rounds=_rounds(setup), calls=CALLS)
            points += _ours(setup, alone, costs_alone, has_redis=False)
        points += _peers(setup, here, costs, samples=samples)
        points += _compromises(setup, here, costs, longest=longest, samples=samples)
    return Dial(
        points=sorted({(one.name, one.ended): one for one in points}.values(), key=_soonest),
        looked_up=costs[dialled.every(ALWAYS)][1],
        remembered=costs[dialled.every(NEVER)][1],
        rate=RATE,
        budget=_budget(),
    )


def mean(looked_up: float, remembered: float, *, age: float, rate: float) -> float:
    """What a request costs on average that looks up only what was looked up more than `age` seconds ago.

    Requests with one token come at random, `rate` a second. One of them looks up; those that come within
    `age` of it, `age` × `rate` on average, remember.
    """
    return (looked_up + age * rate * remembered) / (1 + age * rate)


def _soonest(point: Point) -> tuple[float, float]:
    return point.worst, point.added


def _budget() -> float:
    return conf.current().standing_budget.total_seconds()


def _rounds(setup: Setup) -> int:
    return min(ROUNDS, setup.rounds)


def _costs(setup: Setup) -> dict[str, Interval]:
    """Of everything in this process, in the same rounds."""
    left_out = {ways.OPEN, ways.CONSTANT, ways.FIRST}
    chosen = [way for way in ways.ways() if way.name not in left_out and not way.name.endswith("HS256")]
    chosen += [dialled.asking(), dialled.remembering(ALWAYS), dialled.remembering(NEVER)]
    every = [*variants.token_variants(setup.user, chosen), *variants.session_variants(setup.user)]
    found = interleaved(every, rounds=_rounds(setup), calls=CALLS)
    return {one.name: (one.low, one.added, one.high) for one in found}


def _ours(setup: Setup, process: Asker, costs: Mapping[str, Interval], *, has_redis: bool) -> list[Point]:
    by_glance = connection.vendor == "sqlite"
    token = GLANCE if by_glance else FEED if has_redis else LEDGER
    # Who asks without a pause keeps the interpreter from the thread that reads.
    late = "beside such requests reading takes up to as long again; " if token == LEDGER else ""
    names = {
        token: (ways.BEFORE, signins.token, f"{late}never later than the budget, whatever fails"),
        dialled.ZERO: (dialled.ZERO, signins.token, "one statement"),
        COPY if has_redis else ROW: (variants.SESSION, signins.session, ""),
    }
    found = []
    for name, (door, start, note) in names.items():
        if door not in costs:
            continue
        ending = Ending(door=door, how=signins.REVOKED, start=start)
        # So that the ends fall anywhere between two readings of the ledger.
        made = _made(setup, ending, OURS_SAMPLES, spread=1.0 if name == LEDGER else 0.2)
        (effect,) = effects(process, [made], patience=_budget() + 2)
        found.append(_point(name, "ours", costs[door], effect, ending.how, note))
    return found


def _peers(setup: Setup, process: Asker, costs: Mapping[str, Interval], *, samples: int) -> list[Point]:
    made = [_made(setup, ending, samples) for ending in signins.peer_endings()]
    found = []
    for one, effect in zip(made, effects(process, made, patience=0), strict=True):
        door = one.ending.door
        # What is ended alike.
        for name in (door, f"{door}{variants.WITH_IDLE}", *([peers.READ_JWT] if door == peers.JWT else [])):
            if name in costs:
                note = _NOTES.get(name, "") if effect.stated else ""
                found.append(_point(name, "peer", costs[name], effect, one.ending.how, note))
    return found


_NOTES = {
    peers.STATELESS: "its default lifetime",
    peers.DEFAULT: "its default lifetime",
    peers.JWT: "its default lifetime; logging out ends what could be refreshed",
    peers.READ_JWT: "likewise; it reads the person, and not whether they are still active",
    "Django's signed_cookies sessions": "SESSION_COOKIE_AGE; a copy of the cookie is good for so long",
    f"Django's signed_cookies sessions{variants.WITH_IDLE}": "and whoever sends a copy gets a new cookie",
}


def _compromises(
    setup: Setup, process: Asker, costs: Mapping[str, Interval], *, longest: float, samples: int
) -> list[Point]:
    waited = [age for age in dialled.AGES if age <= longest]
    stated = [age for age in dialled.AGES if age > longest]
    # What was looked up is of any age alike when the end comes.
    made = [_made(setup, _every(age), samples, spread=age) for age in waited]
    found = effects(process, made, patience=longest + 2)
    made = [_made(setup, _every(age, lifetime=age), samples) for age in stated]
    found += effects(process, made, patience=0)
    both = list(zip(costs[dialled.every(ALWAYS)], costs[dialled.every(NEVER)], strict=True))
    points = []
    for age, effect in zip(waited + stated, found, strict=True):
        low, added, high = (mean(one, other, age=age, rate=RATE) for one, other in both)
        points.append(_point(dialled.every(age), "compromise", (low, added, high), effect, signins.LISTED))
    return points


def _every(age: float, *, lifetime: float | None = None) -> Ending:
    start = partial(signins.listed, lifetime=lifetime)
    return Ending(door=dialled.every(age), how=signins.LISTED, start=start)


def _made(setup: Setup, ending: Ending, samples: int, *, spread: float = 0.0) -> Made:
    return Made(
        ending=ending,
        signins=[ending.start(setup.user) for _sample in range(samples)],
        # At random, one in each part of it.
        after=[(part + random.random()) / samples * spread for part in range(samples)],  # noqa: S311 - no secret
    )


def _point(name: str, kind: Kind, added: Interval, effect: Effect, ended: str, note: str = "") -> Point:
    low, middle, high = added
    return Point(
        name=name,
        kind=kind,
        added=middle,
        low=low,
        high=high,
        seconds=effect.seconds,
        worst=effect.worst,
        stated=effect.stated,
        ended=ended,
        note=note,
    )


def tables(found: Dial) -> list[Table]:
    """The dial as one table, the soonest effective first, with the numbers that they have in its chart."""
    rows = [
        (
            str(number),
            one.name,
            one.kind,
            one.ended,
            f"{one.added:.1f} ({one.low:.1f} to {one.high:.1f})",
            _time(one.seconds, is_stated=one.stated),
            _time(one.worst, is_stated=one.stated),
        )
        for number, one in enumerate(found.points, start=1)
    ]
    notes = [
        "Measured from the commit of the end to the last request that was let in, sent by another process. "
        "*: by its setting, and a request right after the end was let in; an end comes at any moment alike, "
        "so half of them are effective after half of it.",
        f"Looked up every b seconds: with r = {found.rate:g} requests a second with each token at each "
        f"process, a request adds (L + r × b × R) / (1 + r × b) on average; L = {found.looked_up:.1f} µs "
        f"where it looks up, R = {found.remembered:.1f} µs where it remembers.",
        f"Of our ways {OURS_SAMPLES} sign-ins were ended, of each other {SAMPLES}.",
        f"The budget of this project is {found.budget:g} s: whatever fails, no end is effective later.",
        *dict.fromkeys(f"{one.name}: {one.note}." for one in found.points if one.note),
    ]
    columns = ("no.", "way", "whose", "ended by", "added µs (99 %)", "half effective within", "all within")
    return [Table(title="The dial", columns=columns, rows=rows, words=4, notes=notes)]


def _time(seconds: float, *, is_stated: bool) -> str:
    if not seconds:
        return "the next request"
    sizes = ((86_400, 86_400, "days"), (120, 60, "min"), (1, 1, "s"), (0, 0.001, "ms"))
    size, unit = next((size, unit) for least, size, unit in sizes if seconds >= least)
    return f"{seconds / size:.3g} {unit}{'*' * is_stated}"
