"""The database of a run goes with it, whoever is still connected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.accounts import shell
from tests.accounts.another import database_url
from tests.stores import Stores
from tests.web import PROJECT

# What is connected and stays so is our own process's, on a connection that nobody closes.
CODE = """
import sys
import django
django.setup()
from pathlib import Path
import psycopg
from django.db import connection
from authdemo.lab import database
from tests.accounts.another import database_url
with database.of_its_own(Path(sys.argv[1]), name=sys.argv[2]):
    name = str(connection.settings_dict["NAME"])
    kept = psycopg.connect(database_url(name)) if connection.vendor == "postgresql" else connection.cursor()
print(name)
"""


@pytest.mark.nodb
def test_what_is_still_in_use_is_removed(stores: Stores, tmp_path: Path) -> None:
    own = f"lab_kept_{os.getpid()}"
    variables = shell.environment(DJANGO_SETTINGS_MODULE="authdemo.lab.settings", DEBUG="1")

    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), own],
        cwd=PROJECT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    if stores.postgres:
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(database_url(own))
    else:
        assert list(tmp_path.iterdir()) == []
