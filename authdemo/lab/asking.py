"""A process of its own that asks with what others have signed in, until it is refused.

It says when the last request began that was let in, on the clock that the processes of a machine share;
whoever ends a sign-in knows when that was committed.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from io import FileIO
from math import inf
from typing import Any

import django

from authdemo.lab.asker import Asked

# By the name of each way: who is let in with this token or key.
Doors = dict[str, Callable[[str], str | None]]


def doors() -> Doors:
    """All that can be had here."""
    from authdemo.lab import dialled, variants, ways

    found = [*ways.ways(), dialled.asking(), *(dialled.remembering(seconds) for seconds in dialled.AGES)]
    engines = {variants.SESSION: variants.OURS, **variants.engines()}
    return {
        **{way.name: ways.entrance(way) for way in found},
        **{name: variants.entrance(engine) for name, engine in engines.items()},
    }


def _ask(orders: FileIO, known: Doors, sent: Sequence[tuple[str, str]]) -> None:
    """Ask in turn with each, without a pause, until it is refused or time is over, and once after that."""
    asked = [(known[name], credential) for name, credential in sent]
    last, let_in = [0] * len(asked), dict(enumerate(asked))
    until, begun, is_owed = inf, False, False
    while let_in and (is_owed or time.monotonic() < until):
        is_owed = False
        for number, (enter, credential) in list(let_in.items()):
            began = time.monotonic_ns()
            if enter(credential) is None:
                del let_in[number]
            else:
                last[number] = began
        if not begun:
            if len(let_in) < len(asked):
                raise RuntimeError(f"not let in: {[sent[at][0] for at in range(len(sent)) if not last[at]]}")
            _tell("let in")
            begun = True
        if until == inf and select.select([orders], [], [], 0)[0]:
            until, is_owed = time.monotonic() + json.loads(orders.readline())[1], True
    if until == inf:
        orders.readline()
    _tell([asdict(Asked(last=at, refused=number not in let_in)) for number, at in enumerate(last)])


def _measure(pk: str, names: Sequence[str], rounds: int, calls: int) -> None:
    from django.contrib.auth import get_user_model

    from authdemo.lab import measure, variants, ways

    user = get_user_model().objects.get(pk=pk)
    chosen = [
        *variants.token_variants(user, [way for way in ways.ways() if way.name in names]),
        *(variant for variant in variants.session_variants(user) if variant.name in names),
    ]
    found = measure.measure(chosen, rounds=rounds, calls=calls)
    _tell({one.name: (one.low, one.added, one.high) for one in found})


def _tell(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do as told until nobody tells any more."""
    django.setup()
    known, orders = doors(), FileIO(0)  # not buffered: `select` must see what has come
    while line := orders.readline():
        verb, *rest = json.loads(line)
        if verb == "ask":
            _ask(orders, known, *rest)
        else:
            _measure(*rest)
    # Without waiting for the threads that write behind: the database is about to go.
    os._exit(0)


if __name__ == "__main__":
    main()
