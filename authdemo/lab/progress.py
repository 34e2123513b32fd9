"""How far a run is, and about how long it still takes: one line of a terminal, else a line for each part."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.core.management.base import OutputWrapper

from accounts import terminal

EVERY_SECONDS = 1.0


class Progress:
    """Says on `stderr` where a run of these parts is, each of which takes about so many seconds."""

    def __init__(self, stderr: OutputWrapper, *, parts: Sequence[tuple[str, float]]) -> None:
        self._stderr, self._parts = stderr, parts
        self._done = 0
        # What the parts that are done were to take, and took.
        self._foretold = self._took = 0.0
        self._part_began = time.monotonic()

    @contextmanager
    def part(self) -> Iterator[None]:
        """The next one is being done meanwhile."""
        self._part_began = time.monotonic()
        over = threading.Event()
        line = threading.Thread(target=self._rewrite, args=(over,), daemon=True)
        if self._stderr.isatty():
            line.start()
        try:
            yield
        finally:
            over.set()
            if line.is_alive():
                line.join()
            self._clear()
        took = time.monotonic() - self._part_began
        self._foretold, self._took = self._foretold + self._parts[self._done][1], self._took + took
        self._done += 1
        if not self._stderr.isatty():
            self._write(f"{self._where(self._done)}: {took:.1f} s{self._left(0)}\n")

    def _where(self, number: int) -> str:
        return f"part {number} of {len(self._parts)}, {self._parts[number - 1][0]}"

    def _left(self, passed: float) -> str:
        """About how long it still takes, if the rest differs from what was foretold as what is done did."""
        if self._done == len(self._parts):
            return ""
        pace = self._took / self._foretold if self._foretold else 1.0
        first, *rest = (seconds * pace for _name, seconds in self._parts[self._done :])
        return f", about {max(0.0, first - passed) + sum(rest):.0f} s left"

    def _rewrite(self, over: threading.Event) -> None:
        # Once a second: what is measured here meanwhile waits for it less than a thousandth of the time.
        while not over.wait(EVERY_SECONDS):
            took = time.monotonic() - self._part_began
            said = f"{self._where(self._done + 1)}: {took:.0f} s{self._left(took)}"
            self._write(f"\r\x1b[K{terminal.fit(said, max(1, terminal.width() - 1)).rstrip()}")

    def _clear(self) -> None:
        if self._stderr.isatty():
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        # Not red, as Django's commands write what has failed.
        self._stderr.write(text, style_func=str, ending="")
        self._stderr.flush()
