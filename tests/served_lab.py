"""The project with its lab as `make lab` serves it, and what its own counters and tables say."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis
from django.test import override_settings

from authdemo.lab.page import kept
from tests import leaks, web
from tests.web import WebServer

# What a request asks: one script for each look at a session, one more to put a copy. A new connection says
# what client it is (which Redis 6 counts among all CLIENT …), and asks who is there.
ASKED = ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_info", "cmdstat_client", "cmdstat_client|setinfo")
KEPT = re.compile(rb'"lab": ?"(gAAAA[A-Za-z0-9_=-]+)"')


class LabServer(WebServer):
    """Granian's processes beside a Redis that the page can stop."""

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "authdemo.lab.page.with_redis", "--", *super().command()]

    def environment(self) -> dict[str, str]:
        # Where Redis listens, so that it can be asked.
        place = self.directory / "r"
        place.mkdir(exist_ok=True)
        return {**super().environment(), "TMPDIR": str(place)}

    @property
    def redis_url(self) -> str:
        """Where its Redis is."""
        [socket] = (self.directory / "r").glob("authdemo-lab-*/redis.sock")
        return f"unix://{socket}"


class Counters:
    """A Redis that says how often it was asked."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._looks = 0
        self.trips()

    def trips(self) -> int:
        """How many round trips to it were made, our own looks left out."""
        stats: dict[str, Any] = self._client.info("commandstats")
        made = sum(int(stats[name]["calls"]) for name in ASKED if name in stats)
        self._looks += 1
        return made - self._looks

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def rows(server: WebServer, statement: str) -> list[tuple[Any, ...]]:
    """What the database of a served project answers."""
    url = server.variables["DATABASE_URL"]
    if url.startswith("sqlite:///"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            return file.execute(statement).fetchall()
    with psycopg.connect(url.partition("&pool")[0]) as postgres:
        return postgres.execute(statement).fetchall()


def held(server: WebServer) -> Iterator[dict[str, Any]]:
    """What the lab keeps for each of its visitors; holds secrets."""
    with override_settings(SECRET_KEY=web.SECRET_KEY):
        for (data,) in rows(server, "SELECT data FROM sessions_stateful_session"):
            for sealed in KEPT.findall(bytes(data)):
                yield kept.opened(sealed.decode())


def remember(server: WebServer) -> int:
    """Have every page and row searched for the credentials that the panes hold now; returns for how many."""
    found = 0
    for state in held(server):
        secrets = {
            "session key": state["session"]["cookies"].get("sid"),
            "access token": state["token"]["access"],
            "refresh token": state["token"]["refresh"],
        }
        for kind, secret in secrets.items():
            if secret:
                found += 1
                leaks.now[0].remember(kind, secret)
                leaks.served[0].remember(kind, secret)
    return found
