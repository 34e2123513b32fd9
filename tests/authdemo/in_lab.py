"""A process in the lab's settings, with the peers that are installed: measures, and prints it as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django

from tests.web import PROJECT, environment


def asked(what: str, *, variables: Mapping[str, str]) -> Any:
    """What it found, on a database that has been prepared; RuntimeError with what it wrote when it fails."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.authdemo.in_lab", what],
        cwd=PROJECT,
        env={**environment(variables), "DJANGO_SETTINGS_MODULE": "authdemo.lab.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{what}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def peers(user: Any) -> Any:
    """How many statements each variant takes, and where the sessions of allauth are."""
    from authdemo.lab import dialled, headless, measure, variants, ways

    between = [dialled.asking(), dialled.remembering(0), dialled.remembering(300)]
    chosen = [
        *variants.token_variants(user, [*ways.ways(), *between]),
        *variants.session_variants(user),
    ]
    found = {one.name: one.statements for one in measure.measure(chosen, rounds=1, calls=1)}
    return {"statements": found, "engine": headless.engine() if headless.is_installed() else None}


def dial(user: Any) -> Any:
    """The dial, with a compromise that is waited for a second at most; and its table."""
    from authdemo.lab import dial
    from authdemo.lab.setup import Setup
    from authdemo.lab.tables import markdown

    here = Setup(user=user, password="", environment=os.environ, directory=Path(), rounds=2)
    found = dial.measure(here, longest=1, samples=3)
    return {**asdict(found), "table": markdown(dial.tables(found)[0])}


def main(what: str) -> None:
    """Ask, after the tables of the peers were made."""
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from accounts import standing

    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create_user("dora@example.com", "a password of the lab")
    try:
        found = {"peers": peers, "dial": dial}[what](user)
    finally:
        standing.stop()
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
