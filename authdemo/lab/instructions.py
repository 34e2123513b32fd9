"""Counts the instructions of a request with callgrind: the figure that a busy machine does not move.

Runs itself again under valgrind, on the database that the environment names. Only the calls themselves are
counted: twice as many less as many, so that starting and stopping the count drops out. The thread that reads
the ledger twice a second rests meanwhile: it would fall into some variant's calls by chance.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

CALLS = 50
REPEATS = 3
WARM_UPS = 40
OUTPUT = "MEASURE_CALLGRIND"


def available() -> bool:
    """Whether valgrind is here."""
    return bool(shutil.which("valgrind") and shutil.which("vgdb"))


def count(environment: Mapping[str, str], *, directory: Path) -> dict[str, float]:
    """Instructions that each variant adds to a request; takes a minute or two.

    CalledProcessError with valgrind's words.
    """
    output = directory / "callgrind"
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={output}"]
    # The same order of every dict and set in each run.
    fixed = {"PYTHONHASHSEED": "0", OUTPUT: str(output)}
    command = [*valgrind, sys.executable, "-m", "authdemo.lab.instructions"]
    # Our own interpreter and our own module; nothing of it comes from outside.
    done = subprocess.run(  # noqa: S603
        command, env={**environment, **fixed}, check=True, capture_output=True, text=True
    )
    added: dict[str, float] = json.loads(done.stdout)
    return added


def table(added: Mapping[str, float]) -> str:
    """The result as a Markdown table."""
    lines = [f"| {name} | {count / 1000:.0f} k |" for name, count in added.items()]
    return "\n".join(["| variant | added instructions |", "|---|---:|", *lines])


def main() -> None:
    """The part inside valgrind: prints JSON."""
    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from accounts import standing
    from authdemo.lab import variants

    hours = timedelta(hours=9)
    settings.ACCOUNTS = replace(settings.ACCOUNTS, standing_interval=hours, standing_budget=hours)
    user = get_user_model().objects.get(email="alice@example.com")
    chosen = [*variants.token_variants(user), *variants.session_variants(user)]
    for variant in chosen:
        for _warm_up in range(WARM_UPS):
            variant.call()
    gc.collect()
    gc.freeze()
    # A collection would fall into some variant's calls by chance.
    gc.disable()
    _tell("instrumentation", "on")
    counted = {variant.name: _per_call(variant.call) for variant in chosen}
    added = {one.name: counted[one.name] - counted[one.floor] for one in chosen if one.floor}
    sys.stdout.write(json.dumps(added))
    standing.stop()


def _per_call(call: Callable[[], Any]) -> float:
    _count(call, CALLS)
    pairs = [(_count(call, CALLS), _count(call, 2 * CALLS)) for _repeat in range(REPEATS)]
    return statistics.median((twice - once) / CALLS for once, twice in pairs)


def _count(call: Callable[[], Any], calls: int) -> int:
    _tell("zero")
    for _call in range(calls):
        call()
    _tell("dump")
    output = Path(os.environ[OUTPUT])
    dumps = sorted(output.parent.glob(f"{output.name}.*"), key=lambda path: int(path.suffix[1:]))
    lines = dumps[-1].read_text().splitlines()
    for dump in dumps:
        dump.unlink()
    return int(next(line for line in reversed(lines) if line.startswith(("totals:", "summary:"))).split()[1])


def _tell(*words: str) -> None:
    # vgdb is valgrind's own way to command a program that it runs.
    command: Sequence[str] = ["vgdb", f"--pid={os.getpid()}", *words]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - as above


if __name__ == "__main__":
    main()
