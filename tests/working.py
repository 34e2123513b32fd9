"""People who work while something happens: half with a session, half with tokens, each answer remembered."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from authdemo.demo import PASSWORD
from tests.visitor import Answer, Visitor

PAUSE_SECONDS = 0.05
# An access token lives for five minutes.
FRESH_SECONDS = 200.0


class Work(NamedTuple):
    """One request of somebody: when it was sent, how long it took, its status (0: cut off)."""

    sent_at: float
    seconds: float
    status: int


class Worker:
    """Somebody who has signed in at `origin`, and works with the process that listens `at` another place."""

    def __init__(self, origin: str, email: str, *, flow: str, at: str | None = None) -> None:
        self._visitor, self._at = Visitor(origin), at
        self._refresh = ""
        typed = {"email": email, "password": PASSWORD}
        if flow == "session":
            assert self._visitor.post("/login/", typed).status == 302
        else:
            self._take(self._visitor.send("POST", "/api/token/", typed))

    def _take(self, answer: Answer) -> int:
        if answer.status == 200:
            pair = answer.json()
            self._access, self._refresh, self._taken_at = pair["access"], pair["refresh"], time.monotonic()
        return answer.status

    def status(self, *, at: str | None = None) -> int:
        """What their next request gets, at another process if one is named; 0 where nobody answers.

        An access token that is about to expire is refreshed first.
        """
        at = at or self._at
        try:
            if not self._refresh:
                return self._visitor.get("/api/me/", at=at).status
            if time.monotonic() - self._taken_at > FRESH_SECONDS:
                old = {"refresh": self._refresh}
                if (refused := self._take(self._visitor.send("POST", "/api/token/refresh/", old))) != 200:
                    return refused
            return self._visitor.bearer(self._access, at=at).status
        except OSError:
            return 0


class Working:
    """Several of them at once, with a pause after each request."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = workers
        self.done: list[Work] = []
        self._over = threading.Event()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """They work for as long as this lasts."""
        threads = [threading.Thread(target=self._work, args=[worker]) for worker in self.workers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _work(self, worker: Worker) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            began, at = time.monotonic(), time.time()
            status = worker.status()
            self.done.append(Work(at, time.monotonic() - began, status))


def quantiles(done: Sequence[Work]) -> str:
    """The median and the slowest hundredth, in milliseconds."""
    times = sorted(one.seconds * 1000 for one in done)
    if not times:
        return "nothing"
    half, most = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    return f"p50 {half:.1f} ms, p99 {most:.1f} ms, {len(times)} requests"
