"""How long after its end was committed a Login is still accepted somewhere, while every process is busy.

Workers are processes that ask with one Login's token after the other, without a pause, until each is refused.
Each says when the last request began that was accepted, and whoever ends a Login when that was committed.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

WORKERS = 2
LOGINS = 300
PATIENCE_SECONDS = 60
PLACE = struct.Struct("=q")


@dataclass(frozen=True, kw_only=True)
class Delay:
    """Milliseconds over all pairs of a Login and a worker; how many accepted a request that began later."""

    pairs: int
    late: int
    median: float
    ninety_nine: float
    longest: float


def measure(user: Any, environment: Mapping[str, str], *, directory: Path, logins: int = LOGINS) -> Delay:
    """End so many Logins, one after the other, while the workers ask."""
    tokens = _sign_in(user, logins)
    (directory / "tokens").write_text("\n".join(token for _login, token in tokens))
    progress = directory / "progress"
    progress.write_bytes(PLACE.pack(-1) * WORKERS)
    command = [sys.executable, "-m", "authdemo.lab.delay", str(directory)]
    workers = [
        # Our own interpreter and our own module; nothing of it comes from outside.
        subprocess.Popen([*command, str(number)], env=environment, stdout=subprocess.PIPE)  # noqa: S603
        for number in range(WORKERS)
    ]
    try:
        with progress.open("r+b") as file, mmap.mmap(file.fileno(), 0) as places:
            committed = [_end(login, number, places) for number, (login, _token) in enumerate(tokens)]
        accepted = [json.loads(worker.communicate(timeout=PATIENCE_SECONDS)[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    return _result(committed, accepted)


def told(delay: Delay) -> str:
    """The result as a sentence."""
    return (
        f"{WORKERS} busy processes, {delay.pairs} times asked: the last accepted request began at most "
        f"{delay.longest:.2f} ms after the end was committed; 99 % within {delay.ninety_nine:.2f} ms, half "
        f"within {delay.median:.2f} ms. In {delay.pairs - delay.late} cases none began after it."
    )


def _sign_in(user: Any, count: int) -> list[tuple[Any, str]]:
    from django.test import RequestFactory

    from tokens_stateless import issue

    pairs = [issue.sign_in(RequestFactory().post("/api/token/"), user) for _login in range(count)]
    return [(pair.access.login_id, str(pair.access)) for pair in pairs]


def _end(login: Any, number: int, places: mmap.mmap) -> int:
    """End it once all workers ask for it; the instant of the commit, on the clock that processes share."""
    from django.db import transaction

    from accounts import logins
    from accounts.logins import EndReason

    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(place < number for (place,) in PLACE.iter_unpack(places[:])):
        if time.monotonic() > deadline:
            raise TimeoutError("a worker does not get on")
        time.sleep(0.001)
    time.sleep(random.uniform(0.002, 0.02))  # noqa: S311 - guards nothing
    at: list[int] = []
    with transaction.atomic():
        # The first to hear of the commit; the feed comes after.
        transaction.on_commit(lambda: at.append(time.monotonic_ns()))
        logins.end([login], reason=EndReason.REVOKED_BY_OPERATOR)
    return at[0]


def _result(committed: Sequence[int], accepted: Sequence[Sequence[int]]) -> Delay:
    late = sorted(
        max(0, last - commit) / 1e6 for one in accepted for commit, last in zip(committed, one, strict=True)
    )
    return Delay(
        pairs=len(late),
        late=sum(value > 0 for value in late),
        median=late[len(late) // 2],
        ninety_nine=late[int(len(late) * 0.99)],
        longest=late[-1],
    )


def main(directory: Path, number: int) -> None:
    """A worker: prints, for each token, when the last accepted request began."""
    django.setup()
    from django.test import RequestFactory

    from authdemo.lab import ways

    way = next(way for way in ways.ways() if way.name == ways.BEFORE)
    ask, factory, last = ways.view(way), RequestFactory(), []
    with (directory / "progress").open("r+b") as file, mmap.mmap(file.fileno(), 0) as places:
        for place, token in enumerate((directory / "tokens").read_text().split()):
            status, began, accepted = 200, 0, 0
            while status == 200:
                request = factory.get("/", headers={"Authorization": f"Bearer {token}"})
                accepted, began = began, time.monotonic_ns()
                status = ask(request).status_code
                PLACE.pack_into(places, number * PLACE.size, place)
            last.append(accepted)
    sys.stdout.write(json.dumps(last))
    sys.stdout.flush()
    # Without waiting for the threads that write behind: the database is about to go.
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
