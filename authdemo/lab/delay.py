"""How long after its end was committed a Login is still accepted somewhere, while every process is busy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authdemo.lab import doors, watching
from authdemo.lab.tables import Table
from authdemo.lab.watching import Case

LOGINS, LONG = 150, 2_500
# Of fewer cases the 99th percentile is enclosed by the longest alone, which no second run repeats.
ENOUGH = 2_000


@dataclass(frozen=True, kw_only=True)
class Delay:
    """Milliseconds over all pairs of a Login and a worker; how many accepted a request that began later.

    The true 99th percentile lies between `low` and `high` with 99 %.
    """

    pairs: int
    late: int
    median: float
    ninety_nine: float
    longest: float
    low: float
    high: float


def measure(user: Any, environment: Mapping[str, str], *, directory: Path, logins: int = LOGINS) -> Delay:
    """End so many Logins, one after the other, while the workers ask with their tokens."""
    door = doors.by_slug()[doors.TOKEN]
    held = [door.sign_in(user) for _login in range(logins)]
    cases = [Case(door=door.slug, header=one.header, change=one.end) for one in held]
    seen = watching.watch(cases, environment, directory=directory)
    return of([milliseconds for one in seen for milliseconds in one.late])


def of(cases: Sequence[float]) -> Delay:
    """What these come to, milliseconds each."""
    late = sorted(cases)
    count = len(late)
    # How many of so many lie beyond the true percentile: a hundredth, give or take (2.576 is for 99 %).
    beyond, give = count / 100, 2.576 * math.sqrt(count * 0.01 * 0.99)
    return Delay(
        pairs=count,
        late=sum(value > 0 for value in late),
        median=watching.percentile(late, 0.5),
        ninety_nine=watching.percentile(late, 0.99),
        longest=late[-1],
        low=late[max(0, count - 1 - math.ceil(beyond + give))],
        high=late[min(count - 1, count - 1 - math.floor(beyond - give))],
    )


def tables(delay: Delay) -> list[Table]:
    """How long after the commit the last request began that was still accepted."""
    ninety_nine = f"{delay.ninety_nine:.2f} ({delay.low:.2f} to {delay.high:.2f})"
    row = [f"{delay.pairs:,}", f"{delay.median:.2f}", ninety_nine, f"{delay.longest:.2f}"]
    processes, in_time = watching.PROCESSES, delay.pairs - delay.late
    said = f"{processes} busy processes; in {in_time:,} cases none began after the commit."
    columns = ("cases", "half within, ms", "99 % within, ms (99 %)", "all within, ms")
    title = "From an end to its refusal"
    return [Table(title=title, columns=columns, rows=[row], words=0, notes=[said])]
