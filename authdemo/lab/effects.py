"""How soon an end is effective: another process asks meanwhile, and says when it was last let in."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from authdemo.lab.asker import Asker
from authdemo.lab.signins import Ending, SignIn


@dataclass(frozen=True, kw_only=True)
class Made:
    """Sign-ins at one door, each to be ended so many seconds after all of them were let in."""

    ending: Ending
    signins: Sequence[SignIn]
    after: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Half of the ends were effective after `seconds`, all after `worst`; `stated` by a setting, or measured.

    0 is the next request: none was let in that began after the end was committed.
    """

    seconds: float
    worst: float
    stated: bool = False


def effects(process: Asker, made: Sequence[Made], *, patience: float) -> list[Effect]:
    """End all, while the process asks; it gives up so many seconds after the last end, but asks once more.

    RuntimeError where one that lives on was refused, or one that should be was not: then what is said of the
    package is wrong.
    """
    each = [
        (one.ending, signin, after)
        for one in made
        for signin, after in zip(one.signins, one.after, strict=True)
    ]
    process.begin([(ending.door, signin.sent) for ending, signin, _after in each])
    began, committed = time.monotonic(), [0] * len(each)
    for place in sorted(range(len(each)), key=lambda place: each[place][2]):
        time.sleep(max(0.0, began + each[place][2] - time.monotonic()))
        committed[place] = each[place][1].end()
    late = []
    for (ending, signin, _after), asked, at in zip(
        each, process.finish(patience=patience), committed, strict=True
    ):
        lives_on = signin.lifetime is not None
        if asked.refused == lives_on or (lives_on and asked.last < at):
            raise RuntimeError(f"{ending.door}, {ending.how}: {'refused' if asked.refused else 'let in'}")
        late.append(max(0.0, (asked.last - at) / 1e9))
    rest = iter(late)
    return [_effect([next(rest) for _signin in one.signins], one.signins[0].lifetime) for one in made]


def _effect(late: Sequence[float], lifetime: float | None) -> Effect:
    if lifetime is None:
        return Effect(seconds=statistics.median(late), worst=max(late))
    # An end comes at any moment of its life alike.
    return Effect(seconds=lifetime / 2, worst=lifetime, stated=True)
