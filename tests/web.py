"""The project as `make run` serves it, in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers import Server, free_port

PROJECT = Path(__file__).resolve().parent.parent
SECRET_KEY = "a-secret-of-the-tests-that-guards-nothing-but-is-long-enough"


class WebServer(Server):
    """Granian with several worker processes on a free port, on a database that was prepared."""

    def __init__(self, directory: Path, *, variables: Mapping[str, str], workers: int = 2) -> None:
        super().__init__(directory)
        self.working_directory = PROJECT
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self.variables = {"PUBLIC_ORIGIN": self.origin, **variables}

    def command(self) -> Sequence[str | Path]:
        return serving(port=self.port, workers=self.workers)

    def environment(self) -> Mapping[str, str]:
        return environment(self.variables)

    def answers(self) -> bool:
        # All workers: one that is told to stop while it starts does not hear it, and is killed seconds later.
        if self.logged().rpartition("Starting granian")[2].count("Started worker-") < self.workers:
            return False
        return self.healthy()

    def healthy(self) -> bool:
        """True when one of its processes answers."""
        try:
            with urllib.request.urlopen(f"{self.origin}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def another(self, name: str, *, workers: int = 1) -> WebServer:
        """One more, not started yet: processes of its own on the same database, Redis and origin."""
        return WebServer(self.directory / name, variables=self.variables, workers=workers)

    def manage(self, *arguments: str) -> str:
        """What `manage.py` prints in the same environment; RuntimeError with all of it when it fails."""
        return manage(*arguments, variables=self.variables)

    def logged(self) -> str:
        """Everything that its processes have written so far."""
        return self.log.read_text(errors="replace")


def serving(*, port: int, workers: int) -> Sequence[str]:
    """The command line of `make run`; a test holds the two together."""
    address = ["--host", "127.0.0.1", "--port", str(port)]
    processes = ["--workers", str(workers), "--blocking-threads", "4", "--respawn-failed-workers"]
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    return [*granian, *address, *processes, "--workers-kill-timeout", "5", "authdemo.wsgi:application"]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """A bare environment with `variables`, as a new machine would have it."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
    if atomic := os.environ.get("ATOMIC_REQUESTS"):
        # Only the tests' settings know it.
        kept |= {"ATOMIC_REQUESTS": atomic, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return {**kept, "DEBUG": "1", "EMAIL_URL": "console:", "SECRET_KEY": SECRET_KEY, **variables}


def manage(*arguments: str, variables: Mapping[str, str]) -> str:
    """What `manage.py` prints in that environment; RuntimeError with all of it when it fails."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment(variables), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout
