"""Visitors with session cookies who count, look whether anything went back, and remember each answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from tests.crowd import Answer

VISITORS = 6
COUNTING = 0.3


class Counters:
    """Some threads; each counts under a name of its own, in any of the sessions that are kept."""

    def __init__(self, origin: str, *, keys: Sequence[str], kept: int) -> None:
        self._address, self._keys, self._kept = urlsplit(origin), keys, kept
        self._over = threading.Event()
        self.answers: list[Answer] = []
        self.faults: list[str] = []
        self.saved: dict[tuple[int, str], int] = {}

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """They come and go for as long as this lasts."""
        visitors = [threading.Thread(target=self._visit, args=(f"count{one}",)) for one in range(VISITORS)]
        for visitor in visitors:
            visitor.start()
        try:
            yield
        finally:
            self._over.set()
            for visitor in visitors:
                visitor.join(30)

    def look(self, session: int) -> tuple[int, dict[str, int]]:
        """What is in this session now, asked over a new connection."""
        with contextlib.closing(self._connected()) as connection:
            return self._ask(connection, session, "/counted/")

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(str(self._address.hostname), self._address.port, timeout=20)

    def _visit(self, name: str) -> None:
        seen: dict[tuple[int, str], int] = {}
        with contextlib.closing(self._connected()) as connection:
            while not self._over.is_set():
                self._step(connection, name, seen)

    def _step(
        self, connection: http.client.HTTPConnection, name: str, seen: dict[tuple[int, str], int]
    ) -> None:
        if random.random() < COUNTING:
            session = random.randrange(self._kept)
            value = self.saved.get((session, name), 0) + 1
            status, found = self._ask(connection, session, f"/counted/{name}/{value}/")
            if status == 200:
                self.saved[session, name] = value
        else:
            session = random.randrange(len(self._keys))
            status, found = self._ask(connection, session, "/counted/")
        if status == 200:
            self._compare(session, name, found, seen)

    def _compare(
        self, session: int, name: str, found: dict[str, int], seen: dict[tuple[int, str], int]
    ) -> None:
        if found.get(name, 0) != self.saved.get((session, name), 0):
            self.faults.append(
                f"{session}: {name} is {found.get(name)}, not {self.saved.get((session, name))}"
            )
        for other, value in found.items():
            if value < seen.get((session, other), 0):
                self.faults.append(f"{session}: {other} went back to {value} from {seen[session, other]}")
            seen[session, other] = value

    def _ask(
        self, connection: http.client.HTTPConnection, session: int, path: str
    ) -> tuple[int, dict[str, int]]:
        sent_at = time.time()
        connection.request("GET", path, headers={"Cookie": f"sid={self._keys[session]}"})
        answer = connection.getresponse()
        body = answer.read()
        cookie_touched = answer.getheader("Set-Cookie") or ""
        if "Max-Age=0" in cookie_touched:
            self.faults.append(f"{session}: its cookie was deleted")
        self.answers.append(Answer(sent_at, time.time(), session, answer.status))
        return answer.status, json.loads(body) if answer.status == 200 else {}
