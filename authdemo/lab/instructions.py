"""Counts the instructions of a request with callgrind: the figure that a busy machine does not move.

Runs itself again under valgrind, on the database that the environment names. Only the calls themselves are
counted: what marks the end of a piece is counted alone and taken off. The threads of this process rest
meanwhile: what they do now and then would fall into some variant's calls by chance.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import django

from authdemo.lab.tables import Table

Call = Callable[[], Any]

# Calls in one piece: about so many instructions, which take a tenth of a second under valgrind.
PIECE = 6_000_000
FEWEST, MOST = 3, 30
ROUGHLY = 2
REPEATS = 5
# After another variant the first calls find memory in pieces that do not fit, which takes up to
# 10,000 each: little for those that take more than so many, much for the others, whose first are not counted.
CHEAP, SETTLING = 1_000_000, 200
WARM_UPS = 40
OUTPUT, NAMES = "MEASURE_CALLGRIND", "MEASURE_NAMES"
# Called by nothing else, and nothing that anybody waits for: where callgrind sees it in the C library, it
# writes down what it has counted, and begins at nothing again.
MARK = os.getppid


def available() -> bool:
    """Whether valgrind is here."""
    return bool(shutil.which("valgrind") and shutil.which("vgdb"))


def count(
    environment: Mapping[str, str],
    *,
    directory: Path,
    names: Sequence[str] = (),
    module: str = "authdemo.lab.instructions",
) -> dict[str, float]:
    """Instructions that each variant adds to a request: of those that are named, else of all.

    CalledProcessError with valgrind's words. Another `module` may change something before it counts.
    """
    output = directory / "callgrind"
    dump = f"--dump-before={MARK.__name__}*"
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", dump, f"--callgrind-out-file={output}"]
    # The same order of every dict and set in each run.
    fixed = {"PYTHONHASHSEED": "0", OUTPUT: str(output), NAMES: json.dumps(list(names))}
    command = [*valgrind, sys.executable, "-m", module]
    # Our own interpreter and our own module; nothing of it comes from outside.
    done = subprocess.run(  # noqa: S603
        command, env={**environment, **_apart(environment, directory), **fixed}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    added: dict[str, float] = json.loads(done.stdout)
    return added


def _apart(environment: Mapping[str, str], directory: Path) -> dict[str, str]:
    """A copy of SQLite's database: on the first, a request would read what others have written meanwhile."""
    scheme, _slashes, name = environment["DATABASE_URL"].partition(":///")
    if scheme != "sqlite":
        return {}
    copy = directory / "counted.sqlite3"
    with closing(sqlite3.connect(unquote(name))) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return {"DATABASE_URL": f"sqlite:///{quote(str(copy))}"}


def tables(added: Mapping[str, float]) -> list[Table]:
    """What each variant adds to a request of its view."""
    rows = [[name, f"{count / 1000:,.0f} k"] for name, count in added.items()]
    notes = () if added else ("There is no valgrind on the PATH, so nothing was counted.",)
    return [Table(title="Instructions", columns=("variant", "added instructions"), rows=rows, notes=notes)]


def main() -> None:
    """The part inside valgrind: prints JSON."""
    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from accounts import logins, standing, stream, witness
    from authdemo.lab import variants, ways

    hours = timedelta(hours=9)
    # Nor does a request hear every other second that nothing has happened, nor anybody say that we live, or
    # write who was seen.
    stream.BLOCK_SECONDS = stream.SILENCE_SECONDS = witness.BEAT_SECONDS = hours.total_seconds()
    logins.writer._interval = hours.total_seconds()
    settings.ACCOUNTS = replace(
        settings.ACCOUNTS,
        standing_interval=hours,
        standing_budget=hours,
        # Of what others do meanwhile nothing is heard.
        feed_key=f"{settings.ACCOUNTS.feed_key}:counted",
    )
    user = get_user_model().objects.get(email="alice@example.com")
    names = json.loads(os.environ.get(NAMES, "[]"))
    # What is not counted is not even made: under valgrind a hundred tokens of each peer take seconds.
    chosen_ways = [way for way in ways.ways() if not names or way.name in {ways.NOBODY, *names}]
    offered = [*variants.token_variants(user, chosen_ways), *variants.session_variants(user)]
    floors = {one.floor for one in offered if one.name in names}
    chosen = [one for one in offered if not names or one.name in names or one.name in floors]
    for variant in chosen:
        for _warm_up in range(WARM_UPS):
            variant.call()
    gc.collect()
    gc.freeze()
    # A collection would fall into some variant's calls by chance.
    gc.disable()
    _begin()
    counted = _per_call([variant.call for variant in chosen])
    by_name = {variant.name: count for variant, count in zip(chosen, counted, strict=True)}
    added = {one.name: by_name[one.name] - by_name[one.floor] for one in chosen if one.floor}
    sys.stdout.write(json.dumps(added))
    standing.stop()


def _per_call(calls: Sequence[Call]) -> list[float]:
    """Instructions of one call of each, those of the cheap ones from more calls."""
    nothing, *rough = _count([(calls[0], 0), *((call, ROUGHLY) for call in calls)])
    each = [max(1, (count - nothing) // ROUGHLY) for count in rough]
    found = []
    for call, about in zip(calls, each, strict=True):
        number = min(MOST, max(FEWEST, PIECE // about))
        # Uncounted, too: what others have pushed out and it must bring back, a remembered token, say.
        settling = (call, SETTLING if about < CHEAP else ROUGHLY)
        _settled, *counts = _count([settling, *[(call, number)] * REPEATS])
        found.append((statistics.median(counts) - nothing) / number)
    return found


def _count(pieces: Sequence[tuple[Call, int]]) -> list[int]:
    """Instructions of each piece: so many calls of one thing, and the mark at its end."""
    output = Path(os.environ[OUTPUT])
    MARK()
    for call, number in pieces:
        for _call in range(number):
            call()
        MARK()
    dumps = sorted(output.parent.glob(f"{output.name}.*"), key=lambda path: int(path.suffix[1:]))
    counts = [_total(dump) for dump in dumps[1:]]
    for dump in dumps:
        dump.unlink()
    return counts


def _total(dump: Path) -> int:
    lines = reversed(dump.read_text().splitlines())
    return int(next(line for line in lines if line.startswith(("totals:", "summary:"))).split()[1])


def _begin() -> None:
    # vgdb is valgrind's own way to command a program that it runs.
    command = ["vgdb", f"--pid={os.getpid()}", "instrumentation", "on"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - as above


if __name__ == "__main__":
    main()
