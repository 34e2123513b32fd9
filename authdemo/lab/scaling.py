"""One, two and four server processes without affinity: what they answer, and whom they do not know.

No process is preferred for anybody: each request comes on a new connection, to whichever process takes it.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from uuid import uuid4

from django.contrib.auth import get_user_model

from authdemo.lab import doors, http
from authdemo.lab.doors import Held
from authdemo.lab.measure import interval
from authdemo.lab.setup import Setup
from authdemo.lab.tables import Table
from authdemo.lab.visiting import HOST, Visitor

WORKERS = (1, 2, 4)
ROUNDS = 3
SECONDS = 0.1
ASKED = 48
# Whose requests a second are counted; all are asked whom they know.
SERVED = (doors.TOKEN, doors.SESSION, doors.DB, doors.DEFAULT)
# So many connections are open at a time, so that it is not always the same process that has nothing to do.
AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Requests a second with so many processes, and how many times those of one in the same round."""

    door: str
    workers: int
    a_second: float
    times: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Strangers:
    """Requests that came to another process than the one that had signed them in, and those it refused.

    With `dropped` of its refusals it also told the browser to forget its cookie, which signs out everywhere.
    `home` came to the process itself, which refused `home_refused` of them.
    """

    door: str
    workers: int
    asked: int
    refused: int
    dropped: int
    home: int
    home_refused: int

    @property
    def share(self) -> float:
        """Of the requests that came to another process, so many were refused."""
        return self.refused / self.asked if self.asked else 0.0


@dataclass(frozen=True, kw_only=True)
class _Answer:
    process: int
    refused: bool
    dropped: bool


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Both, and how many cores there are: more processes than that prove that it works, not its speed."""

    cores: int
    rates: Sequence[Rate]
    strangers: Sequence[Strangers]


def measure(setup: Setup, *, rounds: int = ROUNDS, seconds: float = SECONDS, asked: int = ASKED) -> Scaling:
    """Serve with each number of processes side by side, and ask them in turns. About 10 s."""
    found = doors.by_slug()
    with ExitStack() as stack:
        ports = {}
        for workers in WORKERS:
            serving = http.serving(setup.environment, directory=setup.directory, workers=workers)
            ports[workers] = stack.enter_context(serving)
        for workers, port in ports.items():
            http.memory(port, workers=workers)  # until each of them has answered
        person = get_user_model().objects.create_user(f"{uuid4().hex}@example.com", setup.password)
        held: dict[str, Held] = {}
        stack.callback(lambda: doors.forget([person], held.values()))
        held |= {slug: found[slug].sign_in(person) for slug in SERVED}
        rates = _rates(ports, held, rounds=rounds, seconds=seconds)
        credentials = {"email": person.email, "password": setup.password}
        strangers = [
            _strangers(Visitor(port), slug, workers, credentials, asked=asked)
            for workers, port in ports.items()
            if workers > 1
            for slug in found
        ]
    return Scaling(cores=os.cpu_count() or 1, rates=rates, strangers=strangers)


def tables(found: Scaling) -> list[Table]:
    """What they answer, and whom they do not know."""
    counts = sorted({one.workers for one in found.rates})
    rates = {(one.door, one.workers): one for one in found.rates}
    speed = [
        [
            doors.NAMES[door],
            f"{rates[door, counts[0]].a_second:.0f}",
            *(_times(rates[door, workers]) for workers in counts[1:]),
        ]
        for door in dict.fromkeys(one.door for one in found.rates)
    ]
    known = [
        [
            doors.NAMES[one.door],
            *map(str, (one.workers, one.asked, one.refused)),
            f"{one.share:.0%}",
            f"{one.dropped}",
        ]
        for one in found.strangers
    ]
    processes = [f"{workers} processes" for workers in counts[1:]]
    return [
        Table(
            title="More processes",
            columns=["way", "requests a second, 1 process", *processes],
            rows=speed,
            notes=[
                f"As multiples of one process, of the same round. There are {found.cores} cores here, and "
                "who asks needs a share of them: more processes than that show that it works, not how fast.",
            ],
        ),
        Table(
            title="At another process than the one that signed in",
            columns=["way", "processes", "asked", "refused", "share", "and signed out"],
            rows=known,
        ),
    ]


def _times(rate: Rate) -> str:
    return f"{rate.times:.2f} × ({rate.low:.2f} to {rate.high:.2f})"


def _rates(ports: Mapping[int, int], held: Mapping[str, Held], *, rounds: int, seconds: float) -> list[Rate]:
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    pairs = [(slug, workers) for slug in held for workers in ports]
    for number in range(rounds + 1):
        for slug, workers in random.sample(pairs, len(pairs)):
            request = http.request(f"doors/{slug}", ": ".join(held[slug].header))
            a_second = http.rate(ports[workers], [request], seconds=seconds)
            if number:  # the first round is for warming up
                found[slug, workers].append(a_second)
    rates = []
    for slug, workers in pairs:
        mine, one = found[slug, workers], found[slug, min(ports)]
        low, times, high = interval([here / there for here, there in zip(mine, one, strict=True)])
        a_second = interval(mine)[1]
        rates.append(Rate(door=slug, workers=workers, a_second=a_second, times=times, low=low, high=high))
    return rates


def _strangers(
    visitor: Visitor, slug: str, workers: int, credentials: Mapping[str, str], *, asked: int
) -> Strangers:
    """Sign in over HTTP, at whichever process takes it, and ask all of them."""
    home, (name, value) = visitor.post(f"/doors/{slug}/enter/", form=credentials).json()
    answers: list[_Answer] = []
    while len(answers) < asked:
        answers += _ask(visitor.port, slug, {name: value})
    if slug == doors.DB:
        doors.db_store()(value.partition("=")[2]).delete()
    others = [one for one in answers if one.process != home]
    own = [one for one in answers if one.process == home]
    return Strangers(
        door=slug,
        workers=workers,
        asked=len(others),
        refused=sum(one.refused for one in others),
        dropped=sum(one.dropped for one in others),
        home=len(own),
        home_refused=sum(one.refused for one in own),
    )


def _ask(port: int, slug: str, headers: Mapping[str, str]) -> list[_Answer]:
    """Some requests at once, each on a connection of its own."""
    links = [HTTPConnection(HOST, port, timeout=20) for _link in range(AT_ONCE)]
    for link in links:
        link.connect()
    for link in links:
        link.request("GET", f"/doors/{slug}/", headers={**headers, "Connection": "close"})
    return [_answer(link, slug) for link in links]


def _answer(link: HTTPConnection, slug: str) -> _Answer:
    answer = link.getresponse()
    answer.read()
    link.close()
    if answer.status not in (200, 401):
        raise RuntimeError(f"{slug}: {answer.status}")
    return _Answer(
        process=int(answer.headers["X-Process"]),
        refused=answer.status == 401,
        dropped="Max-Age=0" in answer.headers.get("Set-Cookie", ""),
    )
