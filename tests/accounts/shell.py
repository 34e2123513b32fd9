"""`manage.py logins` as tests call it: inside this process, or as a program of its own, with a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.accounts.another import database_url
from tests.servers import wait_until
from tests.web import PROJECT


class Screen(io.StringIO):
    """A terminal, as far as a command asks."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """It says it is one."""
        return True


def said(*arguments: str, out: io.StringIO | None = None, err: io.StringIO | None = None) -> str:
    """What the command writes for a program."""
    out = out or io.StringIO()
    call_command("logins", *arguments, stdout=out, stderr=err or io.StringIO())
    return out.getvalue()


def told(*arguments: str) -> list[dict[str, Any]]:
    """The JSON objects that it writes, one a line."""
    return [json.loads(line) for line in said(*arguments, "--json").splitlines()]


def ids(*arguments: str) -> list[str]:
    """The first column of what it writes for a program."""
    return [line.split("\t")[0] for line in said(*arguments).splitlines()]


def refused(*arguments: str) -> tuple[str, int]:
    """What it says and its exit code, where it refuses."""
    with pytest.raises(CommandError) as found:
        said(*arguments)
    return str(found.value), found.value.returncode


def program(*arguments: str) -> list[str]:
    """Its command line."""
    return [sys.executable, "manage.py", "logins", *arguments]


def environment(**variables: str) -> dict[str, str]:
    """On the database of this test, unless it is told another."""
    return {**os.environ, "DATABASE_URL": database_url(str(connection.settings_dict["NAME"])), **variables}


def hear_ctrl_c() -> None:
    """In a new program, before it starts: a shell that has the tests run behind it has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _at_the_terminal() -> None:
    hear_ctrl_c()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program of its own from its start to its end, without a terminal."""
    return subprocess.run(
        program(*arguments),
        cwd=PROJECT, env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


class Terminal:
    """Somebody sits before it: sees what is written, types, presses Ctrl-C."""

    def __init__(self, *arguments: str, columns: int = 100, **variables: str) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        own = {name: value for name, value in environment(**variables).items() if name != "COLUMNS"}
        self.process = subprocess.Popen(
            program(*arguments),
            cwd=PROJECT, env=own, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
            preexec_fn=_at_the_terminal,
        )  # fmt: skip
        os.close(follower)
        os.set_blocking(self._leader, False)
        self.seen = ""

    def look(self) -> str:
        """Everything that was written so far."""
        # A terminal that nobody writes to any more is an error on Linux.
        with contextlib.suppress(BlockingIOError, OSError):
            while piece := os.read(self._leader, 65_536):
                self.seen += piece.decode()
        return self.seen

    def see(self, text: str) -> None:
        """Wait until this was written."""
        wait_until(lambda: text in self.look(), what=text, seconds=30)

    def type(self, text: str) -> None:
        """As on its keyboard."""
        os.write(self._leader, text.encode())

    def ended(self) -> int:
        """Its exit code, once it has one."""
        wait_until(lambda: (self.look(), self.process.poll())[1] is not None, what="the end", seconds=30)
        self.look()
        return self.process.returncode

    def close(self) -> None:
        """Leave."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        os.close(self._leader)


@contextmanager
def terminal(*arguments: str, columns: int = 100, **variables: str) -> Iterator[Terminal]:
    """A terminal in which the command runs."""
    here = Terminal(*arguments, columns=columns, **variables)
    try:
        yield here
    finally:
        here.close()
