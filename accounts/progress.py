"""Long work of a command: shows how far it is, and stops between two batches when it is told to."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from accounts import events, terminal
from accounts.cleaning import Step

EVERY_SECONDS = 0.2
BAR_CELLS = 24


class Told:
    """Which signal has asked for the end, if any."""

    signal: int | None = None


def run(steps: Iterable[Step], *, stdout: OutputWrapper, verbosity: int, is_json: bool = False) -> None:
    """Do all steps and say how many rows there were; on a terminal also meanwhile, with verbosity 0 nothing.

    In JSON, an object for each step, whatever the verbosity; of the one in which it was stopped as well.

    Ctrl-C (and SIGTERM) lets the batch that has begun be committed, says where it stood, and raises
    CommandError with the exit status that shells expect. A second one ends it at once: the batch that has
    begun is rolled back, and nothing is half done. A signal that was ignored at the start stays so (a shell
    does that to what it runs in the background).
    """
    with told_to_stop() as told, untorn(stdout):
        for step in steps:
            count = _do(step, told, stdout=stdout, verbosity=0 if is_json else verbosity)
            if is_json:
                terminal.put_json(stdout, {"done": step.done, "rows": count})
            if told.signal:
                stood = f"Stopped when {count} {step.done}. That stays done; run it again to go on."
                raise CommandError(stood, returncode=128 + told.signal)
            if verbosity and not is_json:
                stdout.write(f"{count} {step.done}")


def _do(step: Step, told: Told, *, stdout: OutputWrapper, verbosity: int) -> int:
    count, line = 0, Line(stdout, verbosity=verbosity)
    for rows in step.batches:
        count += rows
        line.show(f"{count:,} {step.done}", count=count)
        if told.signal:
            break
    line.clear()
    return count


class Line:
    """The line of a terminal that tells how far somebody is; nothing where there is no terminal."""

    def __init__(self, stdout: OutputWrapper, *, verbosity: int) -> None:
        self._stdout = stdout if verbosity > 0 and stdout.isatty() else None
        self._began = time.monotonic()
        self._due = self._began + EVERY_SECONDS
        self._is_there = False

    def show(self, text: str, *, count: int, share: float | None = None) -> None:
        """Say this now, if nothing was said for a while: after so many rows, and so much of the whole."""
        if self._stdout is None or (now := time.monotonic()) < self._due:
            return
        passed = now - self._began
        pace = f"{count / passed:,.0f} a second"
        if share is not None:
            # The share of ids that were passed, and not of rows; the more of them, the better it foretells.
            left = f", {passed / share * (1 - share):,.0f} s left" if share > 0.02 else ""
            full = int(share * BAR_CELLS)
            text, pace = f"[{'#' * full:.<{BAR_CELLS}}] {share:4.0%}  {text}", pace + left
        # The last cell stays free: some terminals would begin a new line.
        line = terminal.fit(f"{text} ({pace})", max(1, terminal.width() - 1)).rstrip()
        self._stdout.write(f"\r\x1b[K{line}", ending="")
        self._stdout.flush()
        self._due, self._is_there = now + EVERY_SECONDS, True

    def clear(self) -> None:
        """Take the line away, before something is said that stays."""
        if self._stdout is not None and self._is_there:
            self._stdout.write("\r\x1b[K", ending="")
            self._is_there = False


@contextmanager
def untorn(stdout: OutputWrapper) -> Iterator[None]:
    """Keep the log of events out of the terminal in which a line is shown; the ledger has them as rows.

    Whatever else the log is written to has them too: only what goes to a terminal is held back.
    """
    shown = [
        handler
        for handler in (*events.logger.handlers, *logging.getLogger().handlers)
        if isinstance(handler, logging.StreamHandler) and _is_terminal(handler.stream)
    ]
    shown = shown if stdout.isatty() else []
    for handler in shown:
        handler.addFilter(_is_no_event)
    try:
        yield
    finally:
        for handler in shown:
            handler.removeFilter(_is_no_event)


def _is_terminal(stream: Any) -> bool:
    return bool(getattr(stream, "isatty", bool)())


def _is_no_event(record: logging.LogRecord) -> bool:
    return record.name != events.logger.name or record.levelno > logging.INFO


@contextmanager
def told_to_stop() -> Iterator[Told]:
    """Meanwhile Ctrl-C and SIGTERM are written down once; the second one ends the command at once."""
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
