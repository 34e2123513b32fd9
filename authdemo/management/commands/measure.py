"""`manage.py measure`: what authentication costs here, ours beside the peers' and Django's own."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from authdemo.lab import claims, conclusions, database, parts, peers, tables, targets
from authdemo.lab.progress import Progress
from authdemo.lab.run import Run
from authdemo.lab.setup import Setup

LAB = "authdemo.lab.settings"
PASSWORD = "a password for measuring"  # noqa: S105 - of a database that is removed again
STDOUT = "-"
FEWEST_ROUNDS = 8


class Command(BaseCommand):
    """Works on a database that it makes and removes; yours is not touched."""

    help = "Measures what authentication costs, beside Django and its packages; how soon an end is known."

    def add_arguments(self, parser: CommandParser) -> None:
        """What, how thoroughly, and where to."""
        parser.add_argument(
            "--only", choices=parts.NAMES, action="append", help="only this part; may be repeated"
        )
        parser.add_argument(
            "--long",
            action="store_true",
            help="also what needs a million rows, and all instructions: 15 minutes instead of two",
        )
        parser.add_argument(
            "--rounds",
            type=_rounds,
            default=Setup.rounds,
            help=f"rounds of interleaved calls (default {Setup.rounds}, at least {FEWEST_ROUNDS})",
        )
        parser.add_argument(
            "--json",
            metavar="FILE",
            help="write all that was found here, as JSON; - is stdout, without tables",
        )
        parser.add_argument(
            "--html",
            metavar="FILE",
            help="write one page to be read alone here, with charts",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Start again with the peers installed, then measure."""
        file, page = _writable(options["json"]), _writable(options["html"])
        if page == STDOUT:
            raise CommandError("--html needs the name of a file.")
        if page and not find_spec("matplotlib"):
            raise CommandError(
                "--html draws with matplotlib, of requirements-measure.txt. `make measure` installs it."
            )
        if os.environ.get("DJANGO_SETTINGS_MODULE") != LAB:
            _again(options, file, page)
        # As Ctrl-C does, so that the database goes.
        signal.signal(signal.SIGTERM, lambda *_told: sys.exit(128 + signal.SIGTERM))
        try:
            with tempfile.TemporaryDirectory() as directory, database.of_its_own(Path(directory)):
                run = self._run(options, Path(directory), is_quiet=file == STDOUT)
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=128 + signal.SIGINT) from None
        self._hand_over(run, file, page)

    def _hand_over(self, run: Run, file: str | None, page: str | None) -> None:
        """Write the record where it was wanted; CommandError where the run breaks a bound."""
        if file:
            found = {
                **run.as_json(),
                "targets": targets.as_json(run),
                "claims": claims.as_json(claims.rows(run)),
                "conclusions": conclusions.drawn(run),
            }
            text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
            if file == STDOUT:
                self.stdout.write(text)
            else:
                Path(file).write_text(f"{text}\n", encoding="utf-8")
        if page:
            self._write_page(run, Path(page))
        if broken := targets.broken(run):
            raise CommandError("A bound is broken. " + "; ".join(broken))

    def _run(self, options: dict[str, Any], directory: Path, *, is_quiet: bool) -> Run:
        setup = Setup(
            user=get_user_model().objects.create_user("alice@example.com", PASSWORD),
            password=PASSWORD,
            environment=_environment(),
            directory=directory,
            rounds=options["rounds"],
            is_long=options["long"],
        )
        chosen, run = (
            parts.chosen(options["only"] or (), is_long=setup.is_long),
            Run.begun(is_long=setup.is_long),
        )
        about = [(part.title, part.about(is_long=setup.is_long)) for part in chosen]
        progress, began = Progress(self.stderr, parts=about), time.monotonic()
        if missing := peers.missing():
            packages = " and ".join(missing)
            self.stderr.write(f"Not installed, so not measured: {packages} (requirements-measure.txt).")
        if not is_quiet:
            self.stdout.write(run.where())
        beside: dict[str, Future[Any]] = {}
        for part in chosen:
            part_began = time.monotonic()
            if not part.is_timed and not beside:
                beside = _begun(chosen, setup)
            with progress.part():
                found = beside[part.name].result() if part.name in beside else part.measure(setup)
            run.take(part.name, found, seconds=time.monotonic() - part_began)
            if not is_quiet:
                self._show(part.tables(found))
        run.took_seconds = time.monotonic() - began
        if not is_quiet:
            self._show(targets.tables(run, is_whole=not options["only"]))
            self._show(claims.tables(claims.rows(run), is_whole=not options["only"]))
        return run

    def _write_page(self, run: Run, page: Path) -> None:
        # Loads what draws, which nothing else needs.
        from authdemo.lab import report

        page.write_text(report.page(run), encoding="utf-8")
        self.stderr.write(f"The report, with the dial drawn: {page}")

    def _show(self, found: list[tables.Table]) -> None:
        for table in found:
            if table.rows:
                self.stdout.write(f"\n{tables.markdown(table)}")


def _begun(chosen: Sequence[parts.Part], setup: Setup) -> dict[str, Future[Any]]:
    """Those that work beside others, in processes of their own, by name."""
    pool = ThreadPoolExecutor()
    begun = {part.name: pool.submit(part.measure, setup) for part in chosen if part.is_beside}
    pool.shutdown(wait=False)
    return begun


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < FEWEST_ROUNDS:
        raise ArgumentTypeError(
            f"{text!r} is no number of at least {FEWEST_ROUNDS}: fewer rounds have no interval of 99 %"
        )
    return int(text)


def _writable(file: str | None) -> str | None:
    """Where to write, wherever the process then works; CommandError before anything is measured."""
    if file is None or file == STDOUT:
        return file
    path = Path(file).absolute()
    try:
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise CommandError(f"Cannot write {file}: {error.strerror}.") from None
    return str(path)


def _again(options: dict[str, Any], file: str | None, page: str | None) -> NoReturn:
    """Become the same command with the lab's settings: the settings of a process are read once."""
    words = [f"--only={part}" for part in options["only"] or ()]
    words += ["--long"] if options["long"] else []
    words += [f"--json={file}"] if file else []
    words += [f"--html={page}"] if page else []
    command = [sys.executable, "manage.py", "measure", f"--rounds={options['rounds']}", *words]
    os.chdir(settings.BASE_DIR)
    sys.stdout.flush()
    # Our own interpreter and our own command; nothing of it comes from outside.
    os.execve(sys.executable, command, {**os.environ, "DJANGO_SETTINGS_MODULE": LAB})  # noqa: S606


def _environment() -> dict[str, str]:
    """The environment of a process that works on the database that was made for this."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        url = f"sqlite:///{quote(name)}"
    else:
        url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    # Some of the processes work in a directory of their own.
    file = os.environ.get("SECRET_KEY_FILE")
    key = {"SECRET_KEY_FILE": str(Path(file).absolute())} if file else {}
    return {**os.environ, **key, "DATABASE_URL": url}
