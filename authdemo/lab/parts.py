"""The parts of a run, in their order, and how its time is spent: under two minutes unless it is to be long.

What suffers least from it is counted less often, and nothing is left out: 30 rounds of 12 requests for what
is asked in this process (an interval of 99 % needs eight rounds, and narrows with the root of them), 8 rounds
of 25 ms for each variant over HTTP, some calls under valgrind of what the targets need, 150 ends. What needs
a million rows waits for `--long`; until then a crowd is of 100,000, and as many have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from authdemo.lab import (
    adoption,
    cleaning,
    console,
    crowded,
    delay,
    dial,
    effect,
    ended,
    http,
    instructions,
    measure,
    memory,
    parties,
    scaling,
    shown,
    tabs,
    variants,
    ways,
)
from authdemo.lab.cleaning import Cleaning
from authdemo.lab.console import Listed
from authdemo.lab.delay import Delay
from authdemo.lab.ended import EndedSet
from authdemo.lab.http import OverHttp
from authdemo.lab.measure import Result
from authdemo.lab.memory import Remembered
from authdemo.lab.setup import Setup
from authdemo.lab.tables import Table

# Of these the targets speak; of several algorithms of a peer, of the cheapest.
COUNTED = (
    ways.CONSTANT,
    ways.BEFORE,
    ways.FIRST,
    ways.STATELESS,
    "simplejwt stateless, HS256",
    "simplejwt default, HS256",
    "simplejwt with blacklist, HS256",
    "knox",
    variants.SESSION,
    variants.DB_SESSIONS,
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a run: what it does, how it is shown, and about how many seconds it takes on two cores.

    `is_long`: it is done with `--long` alone, or when it is asked for by name. `is_timed`: it must have the
    machine to itself. `is_beside`: it is begun with the first part that need not, and awaited in its place.
    """

    name: str
    title: str
    measure: Callable[[Setup], Any]
    tables: Callable[[Any], list[Table]]
    seconds: float
    long_seconds: float | None = None
    is_long: bool = False
    is_timed: bool = True
    is_beside: bool = False

    def about(self, *, is_long: bool) -> float:
        """About how many seconds it takes."""
        return self.long_seconds if is_long and self.long_seconds is not None else self.seconds


def chosen(only: Sequence[str], *, is_long: bool) -> list[Part]:
    """Those that were asked for by name; else all, the long ones only if they are wanted."""
    return [part for part in PARTS if (part.name in only if only else is_long or not part.is_long)]


def _tokens(setup: Setup) -> list[Result]:
    return measure.measure(measure.controlled(variants.token_variants(setup.user)), rounds=setup.rounds)


def _sessions(setup: Setup) -> list[Result]:
    return measure.measure(measure.controlled(variants.session_variants(setup.user)), rounds=setup.rounds)


def _sign_in(setup: Setup) -> list[Result]:
    doors = measure.controlled(variants.sign_in_variants(setup.user, setup.password))
    return measure.measure(doors, rounds=max(8, setup.rounds // 2), calls=1, warm_up=2)


def _instructions(setup: Setup) -> dict[str, float]:
    if not instructions.available():
        return {}
    found = instructions.count(setup.environment, directory=setup.directory, names=COUNTED)
    if not setup.is_long:
        return found
    # What the targets speak of stays as it was counted without the others: after those, Python itself takes a
    # little more for the same calls.
    return {**instructions.count(setup.environment, directory=setup.directory), **found}


def _http(setup: Setup) -> OverHttp:
    return http.measure(
        setup.user, setup.environment, directory=setup.directory, rounds=max(http.ROUNDS, setup.rounds // 5)
    )


def _ended(setup: Setup) -> list[EndedSet]:
    entries = ended.ENTRIES if setup.is_long else ended.ENTRIES // 10
    return [ended.measure(minutes=minutes, entries=entries) for minutes in (1, 7)]


def _remembered(setup: Setup) -> Remembered:
    return memory.measure(setup.user)


def _delay(setup: Setup) -> Delay:
    # Where only the ledger tells, each end waits for half a second.
    is_slow = connection.vendor != "sqlite" and not settings.REDIS_URL
    logins = delay.LONG if setup.is_long else delay.LOGINS
    logins = logins // 10 if is_slow else logins
    return delay.measure(setup.user, setup.environment, directory=setup.directory, logins=logins)


def _cleaning(setup: Setup) -> Cleaning:
    return cleaning.measure(setup.environment)


def _console(setup: Setup) -> list[Listed]:
    return console.measure(setup.user, rounds=max(3, setup.rounds // 10))


PARTS: Sequence[Part] = (
    Part(
        name="tokens",
        title="a token on a view of DRF's, ours and the peers'",
        measure=_tokens,
        tables=shown.tokens,
        seconds=6,
    ),
    Part(
        name="sessions",
        title="a session cookie on a plain view, ours and Django's",
        measure=_sessions,
        tables=shown.sessions,
        seconds=5,
    ),
    Part(
        name="sign-in",
        title="signing in, by both flows",
        measure=_sign_in,
        tables=shown.sign_in,
        seconds=4,
    ),
    Part(
        name="http",
        title="requests a second over HTTP",
        measure=_http,
        tables=http.tables,
        seconds=14,
    ),
    Part(
        name="delay",
        title="from an end to its refusal in every process, all busy",
        measure=_delay,
        tables=delay.tables,
        seconds=5,
        long_seconds=55,
    ),
    Part(
        name="crowded",
        title="the same request in a crowd, and the room that each Login takes",
        measure=crowded.measure,
        tables=crowded.tables,
        seconds=13,
        long_seconds=240,
    ),
    Part(
        name="effect",
        title="from an end, or a change of a person, to its effect",
        measure=effect.measure,
        tables=effect.tables,
        seconds=10,
    ),
    Part(
        name="scaling",
        title="one, two and four processes, and whom each does not know",
        measure=scaling.measure,
        tables=scaling.tables,
        seconds=11,
    ),
    Part(
        name="dial",
        title="what a request costs against how soon an end is effective",
        measure=dial.measure,
        tables=dial.tables,
        seconds=14,
    ),
    Part(
        name="ended",
        title="what a process knows of ended Logins",
        measure=_ended,
        tables=ended.tables,
        seconds=2,
        long_seconds=30,
        is_timed=False,
    ),
    Part(
        name="remembered",
        title="what a process remembers of tokens",
        measure=_remembered,
        tables=memory.tables,
        seconds=2,
        is_timed=False,
    ),
    Part(
        name="parties",
        title="what third parties can do",
        measure=parties.measure,
        tables=parties.tables,
        seconds=3,
        is_timed=False,
    ),
    Part(
        name="adoption",
        title="from an empty directory to the first signed-in request",
        measure=adoption.measure,
        tables=adoption.tables,
        seconds=11,
        is_timed=False,
    ),
    Part(
        name="tabs",
        title="many tabs that refresh at once",
        measure=tabs.measure,
        tables=tabs.tables,
        seconds=9,
        is_timed=False,
    ),
    Part(
        name="instructions",
        title="instructions of a request, where valgrind is there",
        measure=_instructions,
        tables=instructions.tables,
        seconds=3,
        long_seconds=45,
        is_timed=False,
        is_beside=True,
    ),
    Part(
        name="cleaning",
        title="cleaning a million Logins beside others who write",
        measure=_cleaning,
        tables=cleaning.tables,
        seconds=420,
        is_long=True,
    ),
    Part(
        name="console",
        title="every list of the console at a million Logins",
        measure=_console,
        tables=console.tables,
        seconds=600,
        is_long=True,
    ),
)
NAMES = tuple(part.name for part in PARTS)
