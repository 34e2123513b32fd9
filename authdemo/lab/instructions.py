"""Counts the instructions of a request with callgrind: the figure that a busy machine does not move.

Runs itself again under valgrind, on the database that the environment names. Only the calls themselves are
counted: twice as many less as many, so that starting and stopping the count drops out.
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
from pathlib import Path
from typing import Any

import django

CALLS = 20
REPEATS = 3
OUTPUT = "MEASURE_CALLGRIND"


def available() -> bool:
    """Whether valgrind is here."""
    return bool(shutil.which("valgrind") and shutil.which("vgdb"))


def count(environment: Mapping[str, str], *, directory: Path) -> dict[str, float]:
    """Instructions a request, by variant; takes a minute or two. CalledProcessError with valgrind's words."""
    output = directory / "callgrind"
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={output}"]
    # The same order of every dict and set in each run.
    fixed = {"PYTHONHASHSEED": "0", OUTPUT: str(output)}
    command = [*valgrind, sys.executable, "-m", "authdemo.lab.instructions"]
    # Our own interpreter and our own module; nothing of it comes from outside.
    done = subprocess.run(  # noqa: S603
        command, env={**environment, **fixed}, check=True, capture_output=True, text=True
    )
    counted: dict[str, float] = json.loads(done.stdout)
    return counted


def main() -> None:
    """The part inside valgrind: prints JSON."""
    django.setup()
    from django.contrib.auth import get_user_model

    from accounts import standing
    from authdemo.lab import variants

    user = get_user_model().objects.get(email="alice@example.com")
    chosen = [*variants.token_variants(user), *variants.session_variants(user)]
    for variant in chosen:
        # Twice around what is remembered, so that the first of many is in turn.
        for _warm_up in range(3):
            variant.call()
    gc.collect()
    gc.freeze()
    # A collection would fall into some variant's calls by chance.
    gc.disable()
    _tell("instrumentation", "on")
    sys.stdout.write(json.dumps({variant.name: _per_call(variant.call) for variant in chosen}))
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
