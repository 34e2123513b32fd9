"""The Redis that the lab may stop: it is there while the command is, and does as it is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.test import override_settings

from authdemo.conf import Lab
from authdemo.lab.page import switch
from tests import programs
from tests.programs import MissingService
from tests.servers import wait_until
from tests.stores import Stores, give_up
from tests.web import PROJECT

pytestmark = [pytest.mark.nodb, pytest.mark.redis]

# The command says what it was given, and waits.
TELL = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read(); sys.exit(7)"


class Beside:
    """A command of ours beside its Redis."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        command = [sys.executable, "-m", "authdemo.lab.page.with_redis", "--", sys.executable, "-c", TELL]
        path = f"{programs.redis_server().parent}{os.pathsep}{os.environ['PATH']}"
        # What ignores it, as under nohup, hands that on.
        hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": str(directory), "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        signal.signal(signal.SIGHUP, hangup)
        assert self.process.stdout
        told = json.loads(self.process.stdout.readline())
        self.url, self.switch = told["REDIS_URL"], told["LAB_REDIS"]

    def answers(self) -> bool:
        """Whether its Redis does."""
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def end(self) -> int:
        """Let the command end by itself; how the whole has ended."""
        self.process.communicate()
        return self.process.returncode


@pytest.fixture
def beside(stores: Stores) -> Iterator[Beside]:
    """One that runs, with the lab told of it."""
    try:
        programs.redis_server()
    except MissingService as error:
        give_up(error)
    made = Beside(stores.directory / "beside")
    with override_settings(LAB=Lab(is_on=True, redis_switch=made.switch)):
        yield made
    made.process.kill()
    made.process.communicate()
    shutil.rmtree(stores.directory / "beside")


def test_it_stops_and_starts_as_it_is_told_and_goes_with_the_command(beside: Beside) -> None:
    assert beside.answers()

    assert (switch.turn("stop"), beside.answers()) == ("stopped", False)
    assert (switch.turn("start"), beside.answers()) == ("running", True)
    assert (switch.turn("nonsense"), beside.answers()) == ("running", True)

    assert beside.end() == 7
    assert not beside.answers()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_ends_the_command_and_redis(beside: Beside, number: int) -> None:
    beside.process.send_signal(number)

    # It still has something to read.
    assert beside.process.wait(timeout=20) == 128 + number
    assert not beside.answers()


def test_redis_does_not_outlive_it_even_if_it_is_killed(beside: Beside) -> None:
    beside.process.kill()

    wait_until(lambda: not beside.answers(), what="Redis is gone")


def test_nobody_else_on_the_machine_may_turn_the_switch(beside: Beside) -> None:
    directory = Path(beside.switch).parent

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert beside.end() == 7


def test_whoever_says_nothing_keeps_nobody_else_from_it(beside: Beside) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(beside.switch)

    assert switch.turn("state") == "running"
    assert beside.end() == 7


def test_where_there_is_no_switch_or_nobody_at_it_that_is_told(tmp_path: Path) -> None:
    for place in ("", str(tmp_path / "nobody")):
        with override_settings(LAB=Lab(is_on=True, redis_switch=place)), pytest.raises(switch.NoSwitch):
            switch.turn("stop")


def test_without_redis_it_says_how_to_get_one(tmp_path: Path) -> None:
    code = "from authdemo.lab.page import with_redis as w; w.BUNDLED = (); raise SystemExit(w.run(['true']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "no redis-server on the PATH" in done.stderr
