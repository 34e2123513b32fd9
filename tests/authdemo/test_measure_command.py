"""`manage.py measure`: what is asked of it is understood or refused at once, and what it finds is read."""

from __future__ import annotations

import io
import json
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from authdemo.lab import parts, targets, ways
from authdemo.lab.crowded import MANY, Crowd, Step
from authdemo.lab.progress import Progress
from authdemo.lab.run import Run
from authdemo.management.commands import measure
from tests.accounts import shell
from tests.accounts.shell import Screen
from tests.servers import wait_until
from tests.web import PROJECT

SECRET_KEY = "a key of this test alone, which must not be found in what was measured"


def measured(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command as a program of its own, on servers of this run and a database of its own."""
    own = shell.environment(SECRET_KEY=SECRET_KEY, **variables)
    own.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "manage.py", "measure", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=own, capture_output=True, text=True, check=False)


@pytest.mark.nodb
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nonsense"], "invalid choice: 'nonsense'"),
        (["--rounds", "7"], "no number of at least 8"),
        (["--rounds", "many"], "no number of at least 8"),
        (["--json", "/there/is/no/such/directory"], "Cannot write /there/is/no/such/directory: No such file"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_measured(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("measure", *arguments)


@pytest.mark.nodb
def test_a_run_leaves_out_what_is_long_unless_it_is_wanted_or_named() -> None:
    def names(*only: str, is_long: bool) -> set[str]:
        return {part.name for part in parts.chosen(only, is_long=is_long)}

    long = {"cleaning", "console"}
    assert names(is_long=True) - names(is_long=False) == long
    assert names("console", "delay", is_long=False) == {"console", "delay"}


@pytest.mark.nodb
def test_every_part_is_in_the_documentation() -> None:
    documentation = (PROJECT / "docs/measurements.md").read_text()

    assert [name for name in parts.NAMES if f"`{name}`" not in documentation] == []


@pytest.mark.nodb
def test_a_whole_run_is_foretold_to_take_less_than_two_minutes() -> None:
    assert sum(part.about(is_long=False) for part in parts.chosen((), is_long=False)) < 115


@pytest.mark.nodb
def test_without_a_terminal_each_part_that_is_done_is_a_line() -> None:
    file = io.StringIO()
    progress = Progress(OutputWrapper(file), parts=[("tokens", 1.0), ("sessions", 1.0)])

    for _part in range(2):
        with progress.part():
            pass

    said = file.getvalue().splitlines()
    assert said == ["part 1 of 2, tokens: 0.0 s, about 0 s left", "part 2 of 2, sessions: 0.0 s"]


@pytest.mark.nodb
def test_on_a_terminal_one_line_is_written_over_and_then_away() -> None:
    screen = Screen()
    progress = Progress(OutputWrapper(screen), parts=[("tokens", 60.0)])

    with progress.part():
        wait_until(lambda: "part 1 of 1, tokens" in screen.getvalue(), what="a line")

    assert "about 5" in screen.getvalue()
    assert "\n" not in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


@pytest.mark.nodb
def test_a_run_that_breaks_a_bound_ends_with_an_error_that_says_which() -> None:
    steps = [
        Step(name=ways.BEFORE, people=many, added=us, low=us, high=us) for many, us in ((1, 10), (MANY, 13))
    ]

    with pytest.raises(CommandError, match=r"1,000,000 signed in: at most 1.2 .* 1.30 ×") as found:
        measure.Command()._hand_over(Run(crowded=Crowd(steps=steps)), None, None)

    assert found.value.returncode == 1
    # Of a request that takes ten times as long, the same is a thirtieth.
    slower = Crowd(steps=[replace(step, floor=90) for step in steps])
    assert targets.broken(Run(crowded=slower)) == []


@pytest.mark.nodb
def test_every_process_of_a_run_finds_the_key_wherever_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres:///x")
    monkeypatch.setenv("SECRET_KEY_FILE", ".secret-key")

    assert Path(measure._environment()["SECRET_KEY_FILE"]).is_absolute()


@pytest.mark.slow
def test_what_was_found_is_json_and_tells_no_secret_no_path_and_no_host(tmp_path: Path) -> None:
    file = tmp_path / "found.json"

    done = measured("--only=sessions", "--only=remembered", "--rounds=8", f"--json={file}")

    assert done.returncode == 0, done.stderr
    text = file.read_text()
    found: dict[str, Any] = json.loads(text)
    assert {
        "machine",
        "versions",
        "began_at",
        "seconds",
        "sessions",
        "targets",
        "conclusions",
    } <= found.keys()
    assert found["conclusions"]["plain view, nobody asked, against itself"] == "no difference"
    assert [name for name in (SECRET_KEY, platform.node(), str(PROJECT)) if name in text] == []
    assert "## Targets" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("part 2 of 2, what a process remembers")


@pytest.mark.slow
def test_json_to_stdout_stands_there_alone() -> None:
    done = measured("--only=remembered", "--json=-")

    assert json.loads(done.stdout)["remembered"]["token_bytes"] > 500
