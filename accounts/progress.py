"""Runs cleaning for a command: shows how far it is, and stops between two batches when it is told to."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from accounts.cleaning import Step

EVERY_SECONDS = 0.2


class Told:
    """Which signal has asked for the end, if any."""

    signal: int | None = None


def run(steps: Iterable[Step], *, stdout: OutputWrapper, verbosity: int) -> None:
    """Do all steps and say how many rows there were; on a terminal also meanwhile, with verbosity 0 nothing.

    Ctrl-C (and SIGTERM) lets the batch that has begun be committed, says where it stood, and raises
    CommandError with the exit status that shells expect. A second one ends it at once: the batch that has
    begun is rolled back, and nothing is half done. A signal that was ignored at the start stays so (a shell
    does that to what it runs in the background).
    """
    with _told_to_stop() as told:
        for step in steps:
            count = _do(step, told, stdout=stdout, verbosity=verbosity)
            if told.signal:
                stood = f"Stopped when {count} {step.done}. That stays done; run it again to go on."
                raise CommandError(stood, returncode=128 + told.signal)
            if verbosity:
                stdout.write(f"{count} {step.done}")


def _do(step: Step, told: Told, *, stdout: OutputWrapper, verbosity: int) -> int:
    shown = verbosity > 0 and stdout.isatty()
    count, began = 0, time.monotonic()
    due = began + EVERY_SECONDS
    for rows in step.batches:
        count += rows
        if shown and (now := time.monotonic()) >= due:
            stdout.write(f"\r\x1b[K{count:,} {step.done} ({count / (now - began):,.0f} a second)", ending="")
            stdout.flush()
            due = now + EVERY_SECONDS
        if told.signal:
            break
    if shown and due > began + EVERY_SECONDS:
        stdout.write("\r\x1b[K", ending="")
    return count


@contextmanager
def _told_to_stop() -> Iterator[Told]:
    told = Told()
    former: dict[signal.Signals, Any] = {}

    def tell(number: int, _frame: FrameType | None) -> None:
        told.signal = number
        _restore(former)

    # Only the main thread may; elsewhere somebody else answers for the process.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                former[number] = signal.signal(number, tell)
    try:
        yield told
    finally:
        _restore(former)


def _restore(former: dict[signal.Signals, Any]) -> None:
    for number, handler in former.items():
        signal.signal(number, handler)
