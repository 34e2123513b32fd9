"""The commands that the README promises, as far as they can be seen without a new virtual environment."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests import web

pytestmark = pytest.mark.nodb


def test_bare_make_lists_every_command_with_a_line_about_it() -> None:
    listed = dict(line.split(maxsplit=2)[1:] for line in make().stdout.splitlines())

    assert list(listed) == ["help", "run", "lab", "test", "check", "texts", "measure"]


def test_make_run_serves_exactly_what_the_tests_serve(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for stamp in ("made", "requirements"):
        (tmp_path / stamp).touch()

    planned = make("--dry-run", "run", f"VENV={tmp_path}", "PORT=8123", "WORKERS=3").stdout

    _, *options = web.serving(port=8123, workers=3)
    last = planned.replace("\\\n", " ").splitlines()[-1]
    assert last.split() == [f"{tmp_path}/bin/python", *options]


def test_make_lab_serves_the_same_beside_a_redis_of_its_own(tmp_path: Path) -> None:
    for stamp in ("made", "requirements"):
        (tmp_path / stamp).touch()

    run, lab = (
        make("--dry-run", target, f"VENV={tmp_path}").stdout.replace("\\\n", " ").splitlines()[-1].split()
        for target in ("run", "lab")
    )

    beside = [run[0], "-m", "authdemo.lab.page.with_redis", "--"]
    assert lab == [*beside, *run]


def test_newer_requirements_leave_the_secret_key_as_it_is(tmp_path: Path) -> None:
    for name in ("made", "requirements", "requirements.txt", ".secret-key"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".secret-key", (0, 0))

    planned = make(
        "--dry-run", "-C", str(tmp_path), "-f", str(web.PROJECT / "Makefile"), "run", "VENV=."
    ).stdout

    assert "manage.py migrate" in planned
    assert "token_urlsafe" not in planned


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("#!/bin/sh\nexit 1", "needs Python 3.10 or later"),
        ("#!/bin/sh\ncase $2 in *ensurepip*) exit 1;; esac", "apt install python3-venv"),
    ],
)
def test_a_python_that_will_not_do_is_told_in_one_line(tmp_path: Path, python: str, message: str) -> None:
    (tmp_path / "python").write_text(python)
    (tmp_path / "python").chmod(0o755)

    done = make("run", f"PYTHON={tmp_path / 'python'}", f"VENV={tmp_path / 'venv'}")

    assert done.returncode != 0
    assert message in done.stdout
    assert not (tmp_path / "venv").exists()


def test_the_pinned_versions_are_pins() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (web.PROJECT / name).read_text().splitlines():
            assert re.match(r"$|#|-r |[\w-]+(\[[\w,]+\])?==[\w.]+(; .+)?$", line), line


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make` does with these arguments in the project's directory."""
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=web.PROJECT, env=web.environment({}), capture_output=True, text=True, check=False
    )
