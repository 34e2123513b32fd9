"""What cleaning costs at a million rows: rows a second, memory, and how long others wait who write beside it.

Two processes of their own: one cleans, the other signs people in and marks them as seen, without an end.
"""

from __future__ import annotations

import json
import os
import resource
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import django

from authdemo.lab.tables import Table

ROWS = 1_000_000
PAUSE_SECONDS = 0.005
ALONE_SECONDS = 20.0
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """One step: its rows, how long it took, and the longest batch with the pause after it; seconds."""

    name: str
    rows: int
    seconds: float
    longest: float


@dataclass(frozen=True, kw_only=True)
class Waits:
    """So many writes, and how long they took: milliseconds."""

    count: int
    median: float
    ninety_nine: float
    longest: float


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """What cleaning did, how long others waited alone and beside it, and its memory at first and at most."""

    rows: int
    filled_seconds: float
    steps: Sequence[Cleaned]
    alone: Waits
    beside: Waits
    first_megabytes: float
    megabytes: float


def fill(rows: int) -> None:
    """So many Logins: six tenths long ended, and a tenth each of ended, over, idle and live; and events."""
    from authdemo.lab import million

    tenth = rows // 10
    million.logins(6 * tenth, flow="session", seen_ago=100 * DAY, expires_in=-99 * DAY, ended_ago=100 * DAY)
    million.logins(tenth, flow="token", seen_ago=10 * DAY, expires_in=-9 * DAY, ended_ago=10 * DAY)
    million.logins(tenth, flow="session", seen_ago=DAY, expires_in=timedelta())
    million.logins(tenth, flow="token", seen_ago=15 * DAY, expires_in=14 * DAY, idle_timeout=14 * DAY)
    million.logins(tenth, flow="token", seen_ago=timedelta(), expires_in=14 * DAY, idle_timeout=14 * DAY)
    million.carriers()
    million.sessions(tenth, expires_in=timedelta())
    million.events(rows, ago=100 * DAY)
    million.analyze()


def measure(environment: Mapping[str, str], *, rows: int = ROWS) -> Cleaning:
    """Fill the database, and clean it beside somebody who writes; takes five to twelve minutes."""
    began = time.monotonic()
    fill(rows)
    filled = time.monotonic() - began
    with _process("write", environment) as alone:
        time.sleep(ALONE_SECONDS)
        undisturbed = json.loads(alone.communicate(b"enough")[0])
    with _process("write", environment) as writer, _process("clean", environment) as cleaner:
        cleaned = json.loads(cleaner.communicate()[0])
        disturbed = json.loads(writer.communicate(b"enough")[0])
    return Cleaning(
        rows=rows,
        filled_seconds=filled,
        steps=[
            Cleaned(name=name, rows=count, seconds=seconds, longest=longest)
            for name, count, seconds, longest in cleaned["steps"]
        ],
        alone=Waits(**undisturbed),
        beside=Waits(**disturbed),
        first_megabytes=cleaned["first_megabytes"],
        megabytes=cleaned["megabytes"],
    )


def tables(found: Cleaning) -> list[Table]:
    """The steps, and the writes of others."""
    steps = [
        [
            one.name,
            f"{one.rows:,}",
            f"{one.rows / max(one.seconds, 0.001):,.0f}",
            f"{one.longest * 1e3:.0f} ms",
        ]
        for one in found.steps
    ]
    writes = [
        [name, f"{one.count:,}", f"{one.median:.1f} ms", f"{one.ninety_nine:.0f} ms", f"{one.longest:.0f} ms"]
        for name, one in (("alone", found.alone), ("beside cleaning", found.beside))
    ]
    notes = [
        f"{found.rows:,} Logins and as many events were written in {found.filled_seconds:.0f} s.",
        f"The process that cleans had {found.first_megabytes:.0f} MB when it began and "
        f"{found.megabytes:.0f} MB at the most.",
    ]
    return [
        Table(
            title="Cleaning", columns=("step", "rows", "a second", "longest batch"), rows=steps, notes=notes
        ),
        Table(
            title="Writes of others, meanwhile",
            columns=("writes", "number", "half within", "99 %", "longest"),
            rows=writes,
        ),
    ]


def _process(what: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Our own interpreter and our own module; nothing of it comes from outside.
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "authdemo.lab.cleaning", what],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def clean() -> dict[str, Any]:
    """Clean without the limit of ends in a second, which would only make this last for half an hour."""
    from accounts import cleaning

    cleaning.MOST_ENDS_EACH_SECOND = None
    told, first = [], _megabytes()
    for step in cleaning.steps():
        count, longest, began = 0, 0.0, time.monotonic()
        last = began
        for rows in step.batches:
            now = time.monotonic()
            count, longest, last = count + rows, max(longest, now - last), now
        told.append((step.done, count, time.monotonic() - began, longest))
    return {"steps": told, "first_megabytes": first, "megabytes": _megabytes()}


def _megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write() -> dict[str, Any]:
    """Sign in and be seen, again and again until somebody says enough."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import RequestFactory
    from django.utils import timezone

    from accounts import conf, logins
    from accounts.logins import Login
    from authdemo.lab.million import PERSON

    settings.ACCOUNTS = replace(conf.current(), mail_notices=False)
    request, user = RequestFactory().post("/"), get_user_model().objects.get(email=PERSON)
    waits = []
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        began = time.monotonic()
        login = logins.start(request, user, flow="token", idle_timeout=DAY, absolute_timeout=DAY)
        signed_in = time.monotonic()
        Login.objects.filter(pk=login.pk).update(seen_at=timezone.now())
        waits += [signed_in - began, time.monotonic() - signed_in]
    ordered = sorted(wait * 1e3 for wait in waits)
    return {
        "count": len(ordered),
        "median": statistics.median(ordered),
        "ninety_nine": ordered[int(len(ordered) * 0.99)],
        "longest": ordered[-1],
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authdemo.lab.settings")
    django.setup()
    sys.stdout.write(json.dumps({"clean": clean, "write": write}[sys.argv[1]]()))
