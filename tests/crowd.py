"""A crowd that keeps a server busy with access tokens, and remembers which were accepted and when.

`python -m tests.crowd DIRECTORY NUMBER` is one process of it, with some connections that are kept open.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import mmap
import random
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.delays import Delays
from tests.web import PROJECT

CONNECTIONS = 4
ANSWER = struct.Struct("<ddIi")
NUMBER = struct.Struct("<q")
# So many around the one that is being ended now get most of the requests.
NEAR = 150


class Answer(NamedTuple):
    """One request: when it was sent and answered, which token it carried, and its status (0: cut off)."""

    sent_at: float
    answered_at: float
    token: int
    status: int


class Crowd:
    """Some processes that send requests, each with a token at random; mostly of those that end just now."""

    def __init__(
        self, directory: Path, *, origin: str, tokens: Sequence[str], ending: int, processes: int = 2
    ):
        directory.mkdir()
        self.directory, self._processes = directory, processes
        told = {"origin": origin, "tokens": tokens, "ending": ending}
        (directory / "told").write_text(json.dumps(told))
        (directory / "shared").write_bytes(bytes(NUMBER.size * (2 + processes)))
        self._shared = _Shared(directory)
        self._running: list[subprocess.Popen[bytes]] = []

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """They send for as long as this lasts."""
        command = [sys.executable, "-m", "tests.crowd", str(self.directory)]
        try:
            self._running = [
                subprocess.Popen([*command, str(number)], cwd=PROJECT) for number in range(self._processes)
            ]
            yield
        finally:
            self._shared.put(1, 1)
            for process in self._running:
                process.wait(30)

    def turn(self, token: int) -> None:
        """Tell them which token's turn it is."""
        self._shared.put(0, token)

    def sent(self) -> int:
        """How many requests have been answered so far."""
        return sum(self._shared.get(2 + number) for number in range(self._processes))

    def answers(self) -> list[Answer]:
        """All, once it is no longer busy."""
        data = b"".join(
            (self.directory / f"answers-{number}").read_bytes() for number in range(self._processes)
        )
        self._shared.close()
        return [Answer(*one) for one in ANSWER.iter_unpack(data)]


def delays(answers: Sequence[Answer], ended_at: dict[int, float]) -> Delays:
    """For each ended token that was sent after its end: how long after it a request was still accepted."""
    last: dict[int, float] = {}
    for one in answers:
        ended = ended_at.get(one.token)
        if ended is not None and one.sent_at > ended:
            delay = one.sent_at - ended if one.status == 200 else 0.0
            last[one.token] = max(delay, last.get(one.token, 0.0))
    return Delays(last.values())


class _Shared:
    """Whole numbers that all processes see: whose turn it is, whether to stop, what each has sent."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / "shared").open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 0)

    def get(self, place: int) -> int:
        return int(NUMBER.unpack_from(self._map, place * NUMBER.size)[0])

    def put(self, place: int, number: int) -> None:
        NUMBER.pack_into(self._map, place * NUMBER.size, number)

    def close(self) -> None:
        self._map.close()
        self._file.close()


class _Visitors:
    """The connections of one process."""

    def __init__(self, directory: Path, number: int) -> None:
        told: dict[str, Any] = json.loads((directory / "told").read_text())
        self._tokens: list[str] = told["tokens"]
        self._ending: int = told["ending"]
        self._address = urlsplit(told["origin"])
        self._shared, self._place = _Shared(directory), 2 + number
        self._answers: list[bytes] = []

    def run(self) -> bytes:
        visitors = [threading.Thread(target=self._visit) for _ in range(CONNECTIONS)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        return b"".join(self._answers)

    def _visit(self) -> None:
        connection = http.client.HTTPConnection(str(self._address.hostname), self._address.port, timeout=20)
        while not self._shared.get(1):
            token, sent_at = self._choice(), time.time()
            try:
                connection.request(
                    "GET", "/api/me/", headers={"Authorization": f"Bearer {self._tokens[token]}"}
                )
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            self._answers.append(ANSWER.pack(sent_at, time.time(), token, status))
            self._shared.put(self._place, len(self._answers))
        connection.close()

    def _choice(self) -> int:
        if (chance := random.random()) < 0.7:
            turn = self._shared.get(0) + random.randint(-NEAR, NEAR // 2)
            return max(0, min(turn, self._ending - 1))
        first = self._ending if chance < 0.9 else 0
        return random.randrange(first, len(self._tokens))


if __name__ == "__main__":
    here, own = Path(sys.argv[1]), int(sys.argv[2])
    (here / f"answers-{own}").write_bytes(_Visitors(here, own).run())
