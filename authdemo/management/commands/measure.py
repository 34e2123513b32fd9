"""`manage.py measure`: what authentication costs here, ours beside simplejwt's and Django's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, connections

LAB = "authdemo.lab.settings"


class Command(BaseCommand):
    """Works on a database that it makes and removes; yours is not touched."""

    help = "Measures what authentication costs: statements, and time added over the same view without."

    def add_arguments(self, parser: CommandParser) -> None:
        """How long."""
        parser.add_argument("--rounds", type=int, default=60, help="rounds of interleaved calls (default 60)")

    def handle(self, *_args: Any, rounds: int, **_options: Any) -> None:
        """Start again with the peers installed, then measure."""
        if os.environ.get("DJANGO_SETTINGS_MODULE") != LAB:
            environment = {**os.environ, "DJANGO_SETTINGS_MODULE": LAB}
            command = [sys.executable, "manage.py", "measure", "--rounds", str(rounds)]
            # Our own interpreter and our own command; nothing of it comes from outside.
            sys.exit(subprocess.call(command, cwd=settings.BASE_DIR, env=environment))  # noqa: S603
        with tempfile.TemporaryDirectory() as directory:
            old = connection.settings_dict["NAME"]
            if connection.vendor == "sqlite":
                connection.settings_dict["TEST"]["NAME"] = str(Path(directory) / "measure.sqlite3")
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            try:
                self._measure(rounds)
            finally:
                connections.close_all()
                connection.creation.destroy_test_db(old, verbosity=0)

    def _measure(self, rounds: int) -> None:
        from accounts import standing
        from authdemo.lab import measure, variants

        user = get_user_model().objects.create_user("alice@example.com", "a password for measuring")
        try:
            self.stdout.write(f"{measure.where()}\n\nBearer token, DRF view\n")
            self.stdout.write(measure.table(measure.measure(variants.token_variants(user), rounds=rounds)))
            self.stdout.write("\nSession cookie, plain view\n")
            self.stdout.write(measure.table(measure.measure(variants.session_variants(user), rounds=rounds)))
        finally:
            standing.stop()
