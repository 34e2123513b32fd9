"""An experiment of the lab in a process of its own: in the lab's settings, on a database made for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.web import PROJECT

PASSWORD = "a password for measuring"


def found(name: str, **options: Any) -> Any:
    """What `authdemo.lab.<name>` measures with these options, as JSON; as "left", which rows stayed."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.authdemo.experiments", name, json.dumps(options)],
        cwd=PROJECT,
        env={**os.environ, "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "authdemo.lab.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def main(name: str, options: dict[str, Any]) -> None:
    """Make a database, measure, and print it."""
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.db import connection

    from authdemo.lab import database
    from authdemo.lab.setup import Setup
    from tests.accounts.another import database_url

    with tempfile.TemporaryDirectory() as place, database.of_its_own(Path(place), name=f"lab_{os.getpid()}"):
        user = get_user_model().objects.create_user("alice@example.com", PASSWORD)
        before = rows()
        url = database_url(str(connection.settings_dict["NAME"]))
        setup = Setup(
            user=user,
            password=PASSWORD,
            environment={**os.environ, "DATABASE_URL": url},
            directory=Path(place),
            rounds=4,
        )
        measured = import_module(f"authdemo.lab.{name}").measure(setup, **options)
        told = [asdict(one) for one in measured] if isinstance(measured, list) else asdict(measured)
        after = rows()
        left = {table: after[table] - count for table, count in before.items() if after[table] != count}
        sys.stdout.write(json.dumps({"found": told, "left": left}))


def rows() -> dict[str, int]:
    """How many rows each table has in which an experiment might leave some."""
    from django.apps import apps

    names = ["accounts.User", "accounts.Login", "accounts.Event", "sessions_stateful.Session"]
    names += ["tokens_stateless.Family", "tokens_stateless.Client", "sessions.Session"]
    names += ["token_blacklist.OutstandingToken", "token_blacklist.BlacklistedToken"]
    return {name: apps.get_model(name)._base_manager.count() for name in names}


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
