"""What a run might have found, all experiments of it: numbers that are all different, and speak for us."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from authdemo.lab import adoption, doors, effect, peers, variants, ways
from authdemo.lab.adoption import Adopted
from authdemo.lab.crowded import Crowd, Step
from authdemo.lab.effect import Effect, Effects
from authdemo.lab.measure import Result
from authdemo.lab.parties import Parties
from authdemo.lab.scaling import Rate, Scaling, Strangers
from authdemo.lab.usual_parties import Cookie, Count


@dataclass(kw_only=True)
class Found:
    """As a run; whatever is left out is empty."""

    tokens: Any = ()
    sessions: Any = ()
    effect: Any = None
    scaling: Any = None
    crowded: Any = None
    parties: Any = None
    adoption: Any = ()


def everything() -> Found:
    """All of it."""
    return Found(
        tokens=[
            result(ways.BEFORE, added=21, statements=0),
            result(ways.FIRST, added=128, statements=0),
            result(ways.STATELESS, added=119, statements=0),
            result(peers.DEFAULT, added=647, statements=1),
        ],
        sessions=[result(variants.SESSION, added=203, statements=0)],
        effect=effects(),
        scaling=scaling(),
        crowded=Crowd(
            steps=[
                Step(name=way, people=people, added=added, low=added, high=added, redis=redis, database=room)
                for way, people, added, redis, room in (
                    (variants.SESSION, 1_000, 201.0, 405.0, 871.0),
                    (variants.SESSION, 100_000, 206.0, 407.0, 873.0),
                    (variants.DB_SESSIONS, 1_000, 911.0, None, 561.0),
                    (variants.DB_SESSIONS, 100_000, 945.0, None, 569.0),
                )
            ]
        ),
        parties=parties(),
        adoption=[
            adopted(adoption.DJANGO_SESSIONS, lines=36, settings=9, after_sign_out=False),
            adopted(adoption.OUR_SESSIONS, lines=44, settings=12, after_sign_out=False),
            adopted(adoption.SIMPLEJWT, lines=38, settings=7, after_sign_out=True, refreshes=False),
            adopted(adoption.OUR_TOKENS, lines=42, settings=11, after_sign_out=False, refreshes=False),
        ],
    )


def result(name: str, *, added: float, statements: float) -> Result:
    """A variant that adds so much."""
    return Result(
        name=name,
        floor="floor",
        statements=statements,
        microseconds=added + 70,
        added=added,
        low=added - 1,
        high=added + 1,
    )


def effects() -> Effects:
    """Ours notice everything, simplejwt stateless nothing."""
    found = []
    for number, door in enumerate((doors.TOKEN, doors.SESSION, doors.DB, doors.DEFAULT, doors.STATELESS)):
        for change in effect.CHANGES:
            blind = door == doors.STATELESS or (door == doors.DEFAULT and change == effect.ENDED)
            late = None if blind else 0.31 + number / 10
            found += [
                Effect(
                    door=door,
                    change=change,
                    busy=busy,
                    seen=20 + number,
                    never=20 + number if blind else 0,
                    median=late,
                    ninety_nine=late and late + 1,
                    longest=late and late + 2,
                    lives=297.0 if blind else None,
                )
                for busy in (False, True)
            ]
    return Effects(processes=2, patience_seconds=0.05, effects=found, refreshed=17, refreshed_right=17)


def scaling() -> Scaling:
    """No process refuses anybody, but where each has a memory of its own."""
    return Scaling(
        cores=2,
        rates=[
            Rate(door=door, workers=workers, a_second=900.0, times=0.93 * workers, low=1.0, high=2.0)
            for door in (doors.TOKEN, doors.SESSION, doors.DEFAULT)
            for workers in (1, 2, 4)
        ],
        strangers=[
            Strangers(
                door=door,
                workers=workers,
                asked=31,
                refused=29 if door == doors.MEMORY else 0,
                dropped=23 if door == doors.MEMORY else 0,
                home=13,
                home_refused=0,
            )
            for door in (doors.TOKEN, doors.SESSION, doors.DEFAULT, doors.DB, doors.MEMORY)
            for workers in (2, 4)
        ],
    )


def parties() -> Parties:
    """Third parties can use what is meant for them, and nothing else."""
    cookie = Cookie(host_only=True, hidden_from_scripts=True, same_site="Lax")
    return Parties(
        verified=Count(sent=990, accepted=990),
        verified_cost=2,
        introspected=Count(sent=19, accepted=19),
        introspected_cost=19,
        ended_verified=Count(sent=5, accepted=5),
        ended_introspected=Count(sent=5, accepted=0),
        lives=118.0,
        elsewhere=Count(sent=6, accepted=0),
        cookie=cookie,
        cross_site=Count(sent=3, accepted=0),
        exchanged_cookies=Count(sent=1, accepted=1),
        usual_elsewhere=Count(sent=2, accepted=2),
        usual_forged=Count(sent=7, accepted=4),
        usual_cookies=Count(sent=8, accepted=0),
        usual_cookie=cookie,
    )


def adopted(
    name: str, *, lines: int, settings: int, after_sign_out: bool, refreshes: bool | None = None
) -> Adopted:
    """A small project."""
    return Adopted(
        name=name,
        files=3,
        lines=lines,
        settings=settings,
        packages=5 + settings,
        brought=4000 + lines,
        statements=30 + lines,
        seconds=2 + lines / 10,
        after_sign_out=after_sign_out,
        refreshes=refreshes,
    )


def changed(found: Any, name: str, value: Any) -> Any:
    """The same, and wherever a field has this name, this value."""
    if isinstance(found, (list, tuple)):
        return [changed(each, name, value) for each in found]
    if not is_dataclass(found) or isinstance(found, type):
        return found
    own = {field.name: changed(getattr(found, field.name), name, value) for field in fields(found)}
    if name in own:
        own[name] = value
    return replace(found, **own)


def others(found: Any, numbers: Iterator[int]) -> Any:
    """The same with every number another one, and none of them in the same relation to the rest."""
    if isinstance(found, (list, tuple)):
        return [others(each, numbers) for each in found]
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        number = next(numbers)
        return found * number + number
    if not is_dataclass(found) or isinstance(found, type):
        return found
    own = {field.name: others(getattr(found, field.name), numbers) for field in fields(found)}
    return replace(found, **own)
