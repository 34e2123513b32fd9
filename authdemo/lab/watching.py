"""Processes that ask the same again and again until the answer is another, while somebody changes something.

So it is told, for each process, how long after the commit of a change a request was answered as before.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

PROCESSES = 2
PATIENCE_SECONDS = 60.0
# Between two requests of a process that is not busy.
REST_SECONDS = 0.001
Slots = Any  # a memoryview of 64-bit numbers, which Python 3.10 cannot name


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is asked for: at which door, with which header; and the change, to be made in a transaction.

    Busy processes ask without a pause, the others rest a millisecond after each request. It counts as a
    change that nobody notices when a request still got the old answer that began so many seconds of
    `patience` after it.
    """

    door: str
    header: tuple[str, str]
    change: Callable[[], object]
    busy: bool = True
    patience: float = PATIENCE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Of a case, by process: milliseconds from the commit to the start of the last request answered as
    before (0: none began after it), and whether another answer came while it was asked for.

    `committed_at` is in seconds, as `time.time()`.
    """

    committed_at: float
    late: Sequence[float]
    changed: Sequence[bool]


def watch(
    cases: Sequence[Case],
    environment: Mapping[str, str],
    *,
    directory: Path,
) -> list[Seen]:
    """Make one change after the other, each while every process asks for just that, and see who noticed."""
    told = [(case.door, case.header, 0 if case.busy else REST_SECONDS) for case in cases]
    (directory / "cases").write_text(json.dumps(told))
    # For each case until when it is asked for, 0 before the commit; then the case that each process is at.
    (directory / "board").write_bytes(array("q", [0] * len(cases) + [-1] * PROCESSES).tobytes())
    command = [sys.executable, "-m", "authdemo.lab.watching", str(directory)]
    workers = [
        # Our own interpreter and our own module; nothing of it comes from outside.
        subprocess.Popen([*command, str(number)], env=environment, stdout=subprocess.PIPE)  # noqa: S603
        for number in range(PROCESSES)
    ]
    try:
        with _board(directory) as slots:
            commits = [_make(case, at, slots, workers) for at, case in enumerate(cases)]
        answers = [json.loads(worker.communicate(timeout=PATIENCE_SECONDS)[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            with worker:  # closes its pipe, and waits for it
                pass
    return [
        Seen(
            committed_at=committed_at,
            late=[max(0, last - commit) / 1e6 for last, _changed in each],
            changed=[changed for _last, changed in each],
        )
        for (commit, committed_at), each in zip(commits, zip(*answers, strict=True), strict=True)
    ]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; they are in order."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@contextmanager
def _board(directory: Path) -> Iterator[Slots]:
    with ExitStack() as stack:
        file = stack.enter_context((directory / "board").open("r+b"))
        octets = stack.enter_context(memoryview(stack.enter_context(mmap.mmap(file.fileno(), 0))))
        # A number is written at once, so nobody reads half of one.
        yield stack.enter_context(octets.cast("q"))


def _make(case: Case, at: int, slots: Slots, workers: Sequence[subprocess.Popen[bytes]]) -> tuple[int, float]:
    """Change it once all processes ask for it; when that was committed, on the clock that they share."""
    from django.db import transaction

    deadline = time.monotonic() + PATIENCE_SECONDS
    while min(slots[-PROCESSES:].tolist()) < at:
        if time.monotonic() > deadline or any(worker.poll() is not None for worker in workers):
            raise TimeoutError(f"a process that asks does not get on, at {case.door}")
        time.sleep(0.0005)
    time.sleep(random.uniform(0.002, 0.01))  # noqa: S311 - guards nothing
    commits: list[tuple[int, float]] = []
    with transaction.atomic():
        # The first to hear of the commit; the feed comes after.
        transaction.on_commit(lambda: commits.append((time.monotonic_ns(), time.time())))
        case.change()
    slots[at] = commits[0][0] + int(case.patience * 1e9)
    return commits[0]


def _ask(
    view: Callable[[Any], Any], header: tuple[str, str], slots: Slots, at: int, place: int, rest: float
) -> Any:
    """Ask until the answer is another: when the last one as the first began, and whether another came."""
    from django.test import RequestFactory

    factory, headers, first, last = RequestFactory(), dict([header]), None, 0
    while True:
        until, began = slots[at], time.monotonic_ns()
        answer = _answer(view(factory.get("/", headers=headers)))
        if first is None:
            if answer[0] != 200:
                raise RuntimeError(f"refused from the first: {answer}")
            first = answer
        elif answer != first:
            return last, True
        elif until and began > until:
            return began, False
        last = began
        slots[place] = at
        if rest:
            time.sleep(rest)


def _answer(response: Any) -> tuple[int, bytes]:
    if hasattr(response, "render"):
        response.render()
    return response.status_code, response.content


def main(directory: Path, number: int) -> None:
    """A process that asks for each case in turn, and then prints what it saw."""
    django.setup()
    from authdemo.lab import doors

    views = {door.slug: door.view for door in doors.doors()}
    cases, told = json.loads((directory / "cases").read_text()), []
    with _board(directory) as slots:
        for at, (door, (name, value), rest) in enumerate(cases):
            told.append(_ask(views[door], (name, value), slots, at, len(cases) + number, rest))
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    # Without waiting for the threads that write behind: the database is about to go.
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
