"""The process that asks until it is refused (`authdemo.lab.asking`), seen from the one that ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    """When the last request began that was let in (monotonic nanoseconds), and whether one was refused."""

    last: int
    refused: bool


class Asker:
    """The other process, seen from here."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def begin(self, sent: Sequence[tuple[str, str]]) -> None:
        """Have it ask at these doors with these tokens or keys; returns once each was let in."""
        self._say(["ask", sent])
        self._hear()

    def finish(self, *, patience: float) -> list[Asked]:
        """What it has seen when all are refused, or so many seconds from now; it asks once more at least."""
        self._say(["finish", patience])
        return [Asked(**one) for one in self._hear()]

    def added(
        self, user: Any, names: Sequence[str], *, rounds: int, calls: int
    ) -> dict[str, tuple[float, float, float]]:
        """What these variants add there, in µs: the lowest, the median and the highest that may be true."""
        self._say(["measure", str(user.pk), names, rounds, calls])
        return {name: tuple(three) for name, three in self._hear().items()}

    def _say(self, order: Any) -> None:
        _pipe(self._process.stdin).write(json.dumps(order).encode() + b"\n")

    def _hear(self) -> Any:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the process that asks has ended: {self._process.wait()}")
        return json.loads(line)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("not a pipe")
    return pipe


@contextmanager
def asker(environment: Mapping[str, str]) -> Iterator[Asker]:
    """One on the database that the environment names; it starts while others go on."""
    command = [sys.executable, "-m", "authdemo.lab.asking"]
    # Our own interpreter and our own module; nothing of it comes from outside.
    process = subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    try:
        yield Asker(process)
    finally:
        for pipe in (process.stdin, process.stdout):
            _pipe(pipe).close()
        process.kill()
        process.wait()
