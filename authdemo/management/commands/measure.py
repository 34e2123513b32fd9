"""`manage.py measure`: what authentication costs here, ours beside simplejwt's, knox's and Django's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, connections

if TYPE_CHECKING:
    from authdemo.lab.targets import Run

LAB = "authdemo.lab.settings"
PARTS = ("instructions", "time", "sessions", "sign-in", "http", "ended", "delay", "crowded")
# Take some or ten minutes, so they are done only when they are asked for.
LONG_PARTS = ("cleaning", "console")
PASSWORD = "a password for measuring"  # noqa: S105 - of a database that is removed again


class Command(BaseCommand):
    """Works on a database that it makes and removes; yours is not touched."""

    run: Run
    parts: Sequence[str]

    help = "Measures what authentication costs, beside simplejwt, knox and Django; how soon an end is known."

    def add_arguments(self, parser: CommandParser) -> None:
        """How long, and what."""
        parser.add_argument("--rounds", type=int, default=60, help="rounds of interleaved calls (default 60)")
        parser.add_argument(
            "--only", choices=PARTS + LONG_PARTS, action="append", help="only this part; may be repeated"
        )

    def handle(self, *_args: Any, rounds: int, only: list[str] | None, **_options: Any) -> None:
        """Start again with the peers installed, then measure."""
        if os.environ.get("DJANGO_SETTINGS_MODULE") != LAB:
            environment = {**os.environ, "DJANGO_SETTINGS_MODULE": LAB}
            parts = [f"--only={part}" for part in only or ()]
            command = [sys.executable, "manage.py", "measure", "--rounds", str(rounds), *parts]
            # Our own interpreter and our own command; nothing of it comes from outside.
            sys.exit(subprocess.call(command, cwd=settings.BASE_DIR, env=environment))  # noqa: S603
        with tempfile.TemporaryDirectory() as directory:
            old = connection.settings_dict["NAME"]
            if connection.vendor == "sqlite":
                connection.settings_dict["TEST"]["NAME"] = str(Path(directory) / "measure.sqlite3")
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            try:
                self._measure(rounds, only or PARTS, Path(directory))
            finally:
                connections.close_all()
                connection.creation.destroy_test_db(old, verbosity=0)

    def _measure(self, rounds: int, parts: Sequence[str], directory: Path) -> None:
        from accounts import standing
        from authdemo.lab import measure, targets

        self.run, self.parts = targets.Run(), parts
        user = get_user_model().objects.create_user("alice@example.com", PASSWORD)
        self.stdout.write(f"{measure.where()}\n")
        try:
            for part in parts:
                getattr(self, f"_{part.replace('-', '_')}")(user, rounds, directory)
        finally:
            standing.stop()
        self.stdout.write("\nTargets\n\n" + targets.table(self.run, is_whole=set(PARTS) <= set(parts)))

    def _instructions(self, _user: Any, _rounds: int, directory: Path) -> None:
        from authdemo.lab import instructions

        if not instructions.available():
            self.stdout.write("No instructions are counted: there is no valgrind on the PATH.\n")
            return
        self.run.instructions = instructions.count(_environment(), directory=directory)
        if "time" not in self.parts:  # whose tables show them, too
            self.stdout.write("\nInstructions\n\n" + instructions.table(self.run.instructions))

    def _time(self, user: Any, rounds: int, _directory: Path) -> None:
        from authdemo.lab import measure, variants, ways

        counted = self.run.instructions
        self.run.tokens = tokens = measure.measure(variants.token_variants(user), rounds=rounds)
        self.stdout.write("\nToken, DRF view\n\n" + measure.table(tokens, instructions=counted))
        by_name = {result.name: result for result in tokens}
        peers = [result for result in tokens if result.name.startswith(("simplejwt", "knox"))]
        self.stdout.write("\n" + measure.against(by_name[ways.BEFORE], peers))
        self.stdout.write("\n" + measure.against(by_name[ways.FIRST], peers))

    def _sessions(self, user: Any, rounds: int, _directory: Path) -> None:
        from authdemo.lab import measure, variants

        counted = self.run.instructions
        chosen = variants.session_variants(user)
        self.run.sessions = found = measure.measure(chosen, rounds=rounds)
        ours = next(variant for variant in chosen if variant.name == variants.SESSION)
        self.run.round_trips = measure.round_trips(ours.call)
        self.stdout.write("\nSession cookie, plain view\n\n" + measure.table(found, instructions=counted))
        by_name = {result.name: result for result in found}
        peers = [result for result in found if result.name.startswith("Django")]
        self.stdout.write("\n" + measure.against(by_name[variants.SESSION], peers))

    def _sign_in(self, user: Any, rounds: int, _directory: Path) -> None:
        from authdemo.lab import measure, variants

        found = measure.measure(variants.sign_in_variants(user, PASSWORD), rounds=rounds, calls=1)
        self.run.sign_in = found
        self.stdout.write("\nSign-in\n\n" + measure.table(found))

    def _crowded(self, user: Any, rounds: int, _directory: Path) -> None:
        from authdemo.lab import crowded

        self.run.crowded, room = crowded.compare(user, rounds=rounds)
        self.stdout.write("\n1,000 and 1,000,000 signed in\n\n" + crowded.table(self.run.crowded, room))

    def _http(self, user: Any, rounds: int, directory: Path) -> None:
        from authdemo.lab import http, ways

        found = ways.ways()
        before = next(way for way in found if way.name == ways.BEFORE)
        with http.serving(_environment(), directory=directory) as port:
            results = http.throughput(port, found, user, rounds=max(3, rounds // 4))
            self.run.sessions_over_http = http.session_throughput(port, user, rounds=max(3, rounds // 4))
            self.run.hit_rate = rate = http.hit_rate(port, before, user)
        self.run.over_http = results
        self.stdout.write(f"\nOver HTTP, granian, {http.WORKERS} workers\n\n" + http.table(results))
        self.stdout.write("\nSessions\n\n" + http.table(self.run.sessions_over_http))
        self.stdout.write(f"\nTokens that the worker knew, of 50 tokens used 40 times each: {rate:.1%}.")

    def _delay(self, user: Any, _rounds: int, directory: Path) -> None:
        from authdemo.lab import delay

        self.stdout.write("\nFrom an end to its refusal\n")
        if connection.vendor == "sqlite":
            self.run.delay_bound = 0
        elif settings.REDIS_URL:
            self.run.delay_bound = 5
        else:
            self.stdout.write("Without Redis, by reading the ledger alone; with REDIS_URL, by the feed.")
        self.run.delay = delay.measure(user, _environment(), directory=directory)
        self.stdout.write(delay.told(self.run.delay))

    def _ended(self, _user: Any, _rounds: int, _directory: Path) -> None:
        from authdemo.lab import ended

        self.run.ended = results = [ended.measure(minutes=minutes) for minutes in (1, 7)]
        self.stdout.write("\nWhat a process knows of ended Logins\n\n" + ended.table(results))

    def _cleaning(self, _user: Any, _rounds: int, _directory: Path) -> None:
        from authdemo.lab import cleaning

        self.stdout.write("\nCleaning\n\n" + cleaning.measure(_environment()))

    def _console(self, user: Any, rounds: int, _directory: Path) -> None:
        from authdemo.lab import console

        self.run.console = found = console.measure(user, rounds=max(3, rounds // 10))
        self.stdout.write("\nThe console at a million Logins\n\n" + console.table(found))


def _environment() -> dict[str, str]:
    """The environment of a process that works on the database that was made for this."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        url = f"sqlite:///{quote(name)}"
    else:
        url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    return {**os.environ, "DATABASE_URL": url}
