"""Each flow alone in a project that is not ours, with its own settings, process and database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web import PROJECT

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


@pytest.mark.parametrize("project", ["sessions_only", "tokens_only"])
def test_the_contract_holds_in_a_foreign_project(project: str, tmp_path: Path) -> None:
    """S17 for sessions_only: its people have another primary key."""
    package = Path(__file__).parent / project
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
    options = ["-q", "--stores=sqlite", f"--ds=tests.foreign.{project}.settings", "-p", "no:cacheprovider"]

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, package / "contract.py"],
        cwd=PROJECT,
        env={**kept, "FOREIGN_DATABASE": str(tmp_path / "db.sqlite3")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
