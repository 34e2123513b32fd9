"""How long after an end, or a change of a person, the old is still accepted somewhere: ours and the usual.

Two processes ask with what somebody holds, once at rest and once as fast as they can, while it is ended or
its person is changed; by `watching`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import RequestFactory

from authdemo.lab import doors, watching
from authdemo.lab.doors import Door
from authdemo.lab.setup import Setup
from authdemo.lab.tables import Table
from authdemo.lab.watching import Case, Seen
from tokens_stateless import refresh
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import RefreshNotValid

ENDED, ROLE, DISABLED, ADDRESS = "ended", "no longer an operator", "disabled", "another address"
CHANGES = (ENDED, ROLE, DISABLED, ADDRESS)
# How often each is done: for a 99th percentile where that is promised, else to see whether it is noticed.
ENDS, OTHERS, USUAL = 30, 5, 3
# Where only the ledger tells our tokens, each change waits for half a second.
SLOW_ENDS, SLOW_OTHERS = 8, 2
# For so long the usual is asked whether it has noticed; ours is asked until it has.
PATIENCE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One change at one door, seen so many times (once by each process): milliseconds until it was effective.

    `never` of them saw nothing within the patience; then what was held was good for `lives` seconds more, by
    the least of its own expiries. Percentiles are of the others, None where there are none.
    """

    door: str
    change: str
    busy: bool
    seen: int
    never: int
    median: float | None
    ninety_nine: float | None
    longest: float | None
    lives: float | None


@dataclass(frozen=True, kw_only=True)
class Effects:
    """All of them; and of the refresh tokens that were used after a change, how many gave the new right."""

    processes: int
    patience_seconds: float
    effects: Sequence[Effect]
    refreshed: int
    refreshed_right: int


class _Try:
    """One change, of a person of its own: to end or to change somebody concerns all that they hold."""

    def __init__(self, door: Door, change: str, *, busy: bool) -> None:
        self.door, self.change, self.busy = door, change, busy
        people = get_user_model().objects
        self.person = people.create_user(f"{uuid4().hex}@example.com", is_staff=change == ROLE)
        self.held = door.sign_in(self.person)


def measure(setup: Setup, *, ends: int = ENDS, others: int = OTHERS, usual: int = USUAL) -> Effects:
    """All changes at all doors, at rest and then busy. About 12 s."""
    tries = [
        _Try(door, change, busy=busy)
        for busy in (False, True)
        for door in doors.doors()
        if door.slug != doors.MEMORY  # which the processes could not share
        for change in CHANGES
        for _time in range(_times(door, change, ends=ends, others=others, usual=usual))
    ]
    random.shuffle(tries)
    tries.sort(key=lambda one: one.busy)
    try:
        cases = [_case(one) for one in tries]
        seen = watching.watch(cases, setup.environment, directory=setup.directory)
        lost_role = [one for one in tries if (one.door.slug, one.change) == (doors.TOKEN, ROLE)]
        refreshed = [_gives_the_new(one) for one in lost_role]
    finally:
        doors.forget([one.person for one in tries], [one.held for one in tries])
    return Effects(
        processes=watching.PROCESSES,
        patience_seconds=PATIENCE_SECONDS,
        effects=_effects(tries, seen),
        refreshed=len(refreshed),
        refreshed_right=sum(refreshed),
    )


def tables(found: Effects) -> list[Table]:
    """Each door and change in a line."""
    columns = ["way", "change", "at rest, half", "99 %", "busy, half", "99 %", "longest", "not within"]
    columns.append("what was held lives on for")
    rows = []
    for door in dict.fromkeys(one.door for one in found.effects):
        for change in CHANGES:
            rest, busy = (of(found, door, change, busy=busy) for busy in (False, True))
            if rest and busy:
                rows.append(_row(rest, busy))
    notes = [
        f"Milliseconds from the commit to the start of the last request that was answered as before, in "
        f"{found.processes} processes that ask all the time, at rest with a pause of "
        f"{watching.REST_SECONDS * 1e3:g} ms between two requests.",
        f"Where nothing was noticed within {found.patience_seconds * 1e3:g} ms, no more was asked.",
        f"Of {found.refreshed} tokens of this project that were refused since the role was taken, "
        f"{found.refreshed_right} were refreshed at once into one that says so.",
    ]
    return [Table(title="From a change to its effect", columns=columns, rows=rows, words=2, notes=notes)]


def of(found: Effects, door: str, change: str, *, busy: bool) -> Effect | None:
    """The one of this door and change, at rest or busy."""
    wanted = (door, change, busy)
    return next((one for one in found.effects if (one.door, one.change, one.busy) == wanted), None)


def _row(rest: Effect, busy: Effect) -> list[str]:
    figures = (rest.median, rest.ninety_nine, busy.median, busy.ninety_nine)
    longest = max((one.longest for one in (rest, busy) if one.longest is not None), default=None)
    never, lives = rest.never + busy.never, [one.lives for one in (rest, busy) if one.lives is not None]
    return [
        doors.NAMES[rest.door],
        rest.change,
        *("–" if each is None else f"{each:.2f}" for each in (*figures, longest)),
        f"{never} of {rest.seen + busy.seen}",
        f"{min(lives):.0f} s" if lives else "–",
    ]


def _times(door: Door, change: str, *, ends: int, others: int, usual: int) -> int:
    if door.slug not in doors.OURS:
        return usual
    if door.slug == doors.TOKEN and connection.vendor != "sqlite" and not settings.REDIS_URL:
        ends, others = min(ends, SLOW_ENDS), min(others, SLOW_OTHERS)
    return ends if change == ENDED else others


def _case(one: _Try) -> Case:
    return Case(
        door=one.door.slug,
        header=one.held.header,
        change=_change(one),
        busy=one.busy,
        patience=watching.PATIENCE_SECONDS if one.door.slug in doors.OURS else PATIENCE_SECONDS,
    )


def _change(one: _Try) -> Callable[[], object]:
    if one.change == ENDED:
        return one.held.end
    name, value = {
        ROLE: ("is_staff", False),
        DISABLED: ("is_active", False),
        ADDRESS: ("email", f"{uuid4().hex}@example.net"),
    }[one.change]

    def change() -> None:
        setattr(one.person, name, value)
        one.person.save()

    return change


def _gives_the_new(one: _Try) -> bool:
    """Whether what it is refreshed with gives a token that no longer says what was taken."""
    with suppress(RefreshNotValid):
        pair = refresh.rotate(RequestFactory().post("/api/token/refresh/"), one.held.refresh)
        return not AccessToken(str(pair.access).encode())["is_staff"]  # type: ignore[arg-type]
    return False


def _effects(tries: Sequence[_Try], seen: Sequence[Seen]) -> list[Effect]:
    kinds: dict[tuple[str, str, bool], list[tuple[_Try, Seen]]] = {}
    for one, each in zip(tries, seen, strict=True):
        kinds.setdefault((one.door.slug, one.change, one.busy), []).append((one, each))
    return [_effect(*kind, mine) for kind, mine in sorted(kinds.items(), key=lambda pair: pair[0])]


def _effect(door: str, change: str, busy: bool, mine: Sequence[tuple[_Try, Seen]]) -> Effect:
    pairs = [pair for _one, each in mine for pair in zip(each.late, each.changed, strict=True)]
    late = sorted(milliseconds for milliseconds, changed in pairs if changed)
    lives = [
        one.held.expires_at - each.committed_at
        for one, each in mine
        if one.held.expires_at and not all(each.changed)
    ]
    return Effect(
        door=door,
        change=change,
        busy=busy,
        seen=len(pairs),
        never=len(pairs) - len(late),
        median=watching.percentile(late, 0.5) if late else None,
        ninety_nine=watching.percentile(late, 0.99) if late else None,
        longest=late[-1] if late else None,
        lives=min(lives, default=None),
    )
