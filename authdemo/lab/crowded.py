"""The same request as more and more people are signed in, in steps; and what room each of them takes.

Beside ours, Django's sessions in the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.apps import apps

from authdemo.lab import filling, variants, ways
from authdemo.lab import measure as side_by_side
from authdemo.lab.measure import Result
from authdemo.lab.setup import Setup
from authdemo.lab.tables import Table

FEW, SOME, MANY = 1_000, 100_000, 1_000_000
OURS = (variants.SESSION, ways.BEFORE)
# A token adds so little that it is asked more often, and apart from what makes the database work.
TOKEN_ROUNDS = 4


@dataclass(frozen=True, kw_only=True)
class Step:
    """One variant when so many were signed in: µs added, and bytes of each of its sign-ins, where it has any.

    What is added lies truly between `low` and `high` with 99 %, beside the `floor` of the view itself.
    Without Redis there is nothing in it.
    """

    name: str
    people: int
    added: float
    low: float
    high: float
    floor: float = 0.0
    redis: float | None = None
    database: float | None = None


@dataclass(frozen=True, kw_only=True)
class Crowded:
    """One variant: µs of a whole request with few and with many signed in, and how many times as much.

    The true ratio lies between `low` and `high` with 99 %.
    """

    name: str
    few: float
    many: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """How many times as much."""
        return self.many / self.few


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """All steps of all variants."""

    steps: Sequence[Step]

    @property
    def many(self) -> int:
        """How many were signed in at the last step."""
        return max(one.people for one in self.steps)

    @property
    def ours(self) -> list[Crowded]:
        """Of each variant of ours, the last step beside the first."""
        found = [self.of(name) for name in OURS]
        return [_ratio(steps[0], steps[-1]) for steps in found if steps]

    def of(self, name: str) -> list[Step]:
        """The steps of one variant, from few to many."""
        return sorted((one for one in self.steps if one.name == name), key=lambda one: one.people)


def measure(setup: Setup, *, people: Sequence[int] = ()) -> Crowd:
    """Fill, measure, fill further, measure again, and take the crowd away. About 12 s, 4 minutes if long."""
    steps: list[Step] = []
    taken: Counter[str] = Counter()
    # Leaves a session in Redis, after whose copy those of the crowd are made.
    _added(setup, rounds=1)
    before = 0
    try:
        for count in people or ((FEW, SOME, MANY) if setup.is_long else (FEW, SOME)):
            for name, fill in _fills().items():
                empty = filling.database_bytes()
                fill(count - before)
                taken[name] += filling.database_bytes() - empty
            redis = {variants.SESSION: filling.redis_bytes()}
            steps += [
                Step(
                    name=one.name,
                    people=count,
                    added=one.added,
                    low=one.low,
                    high=one.high,
                    floor=one.microseconds - one.added,
                    redis=redis.get(one.name),
                    database=taken[one.name] / count if one.name in taken else None,
                )
                for one in _added(setup, rounds=setup.rounds)
            ]
            before = count
    finally:
        filling.disperse()
    return Crowd(steps=steps)


def tables(found: Crowd) -> list[Table]:
    """A line for each step of each variant."""
    names = dict.fromkeys(one.name for one in found.steps)
    rows = [_row(one, found.of(name)[0]) for name in names for one in found.of(name)]
    columns = [
        "variant",
        "signed in",
        "added µs (99 %)",
        "the request, of the first",
        "B in Redis",
        "B in the database",
    ]
    notes = ["Bytes are of each who is signed in, with what the database's indexes need."]
    return [Table(title="A growing crowd", columns=columns, rows=rows, notes=notes)]


def _row(one: Step, first: Step) -> list[str]:
    ratio = _ratio(first, one)
    return [
        one.name,
        f"{one.people:,}",
        f"{one.added:.1f} ({one.low:.1f} to {one.high:.1f})",
        f"{ratio.ratio:.2f} × ({ratio.low:.2f} to {ratio.high:.2f})",
        *("–" if size is None else f"{size:.0f}" for size in (one.redis, one.database)),
    ]


def _ratio(few: Step, many: Step) -> Crowded:
    return Crowded(
        name=few.name,
        few=few.floor + few.added,
        many=many.floor + many.added,
        low=(many.floor + many.low) / (few.floor + few.high),
        high=(many.floor + many.high) / max(few.floor + few.low, 0.1),
    )


def _fills() -> Mapping[str, Callable[[int], None]]:
    found = {variants.SESSION: filling.sessions}
    if apps.is_installed("django.contrib.sessions"):
        found[variants.DB_SESSIONS] = filling.django_sessions
    return found


def _added(setup: Setup, *, rounds: int) -> list[Result]:
    sessions = {variants.PLAIN, variants.SESSION, *_fills()}
    chosen = [one for one in variants.session_variants(setup.user) if one.name in sessions]
    ways_in = [one for one in ways.ways() if one.name in (ways.NOBODY, ways.BEFORE)]
    found = [
        *side_by_side.measure(chosen, rounds=rounds),
        *side_by_side.measure(variants.token_variants(setup.user, ways_in), rounds=TOKEN_ROUNDS * rounds),
    ]
    return [one for one in found if one.floor]
