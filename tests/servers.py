"""Real servers for the tests, of their own and thrown away: started in a moment, stopped, killed, emptied."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg
import redis
from psycopg import sql
from redis.backoff import NoBackoff
from redis.retry import Retry
from typing_extensions import Self

from tests import programs

# A server must not outlive its starter, not even one that died of SIGKILL. The shell turns into the server;
# its child waits for the end of a pipe that the starter alone holds open, then ends the whole process group.
# (As descriptor 3, because what runs in the background reads from /dev/null.)
WATCHED = """
exec 3<&0 </dev/null
{ trap '' TERM; read -r _ <&3; kill -TERM 0; sleep 3; kill -KILL 0; } &
exec "$@" 3<&-
"""


def wait_until(ready: Callable[[], object], *, what: str, seconds: float = 20) -> None:
    """Return as soon as `ready()` is true, asked every 10 ms; TimeoutError says what did not come."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One server process with a directory of its own. A subclass says how it starts and when it answers."""

    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL
    identity: programs.Identity = {}

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = self.working_directory = directory
        self.log = directory / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self) -> Sequence[str | Path]:
        """The program and its arguments."""
        raise AssertionError("for a subclass to say")

    def answers(self) -> bool:
        """True when a client would be served."""
        raise AssertionError("for a subclass to say")

    def environment(self) -> Mapping[str, str]:
        """What the program finds in its environment."""
        return os.environ

    def start(self) -> None:
        """Start, and return when it answers; RuntimeError with the end of its log when it died instead."""
        shell = ["/bin/sh", "-c", WATCHED, "sh", *map(str, self.command())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                shell,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.working_directory,
                env=self.environment(),
                start_new_session=True,
                **self.identity,
            )
        try:
            wait_until(self._settled, what=f"{shell[4]} answers")
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in good order; what is stopped already stays so."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it as a power cut would: no time to write anything."""
        self._end(self.kill_signal)

    def restart(self) -> None:
        """Stop and start again at the same address, with what stopping has kept."""
        self.stop()
        self.start()

    def _settled(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError("died while starting:\n" + self.log.read_text(errors="replace")[-2000:])
        return self.answers()

    def _end(self, signal_number: int) -> None:
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin:
            process.stdin.close()


class RedisServer(Server):
    """A Redis in memory. `stop(keep=True)` writes what it holds for the next start; otherwise it is lost."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.program = programs.redis_server()
        self.port = free_port()

    def url(self, database: int = 0) -> str:
        """The REDIS_URL of one of its 16 numbered databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def command(self) -> Sequence[str | Path]:
        address = ["--bind", "127.0.0.1", "--port", str(self.port)]
        return [self.program, *address, "--dir", self.directory, "--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        # Whoever else took the port meanwhile must not pass for this one.
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return bool(self.process and client.info("server")["process_id"] == self.process.pid)
        return False

    def stop(self, *, keep: bool = False) -> None:
        dump = self.directory / "dump.rdb"
        dump.unlink(missing_ok=True)
        if keep and self.process:
            with self.client() as client:
                client.save()
        super().stop()

    def kill(self) -> None:
        (self.directory / "dump.rdb").unlink(missing_ok=True)
        super().kill()

    def empty(self, *, database: int = 0) -> None:
        """Remove everything in one of its 16 numbered databases."""
        with self.client(database) as client:
            client.flushdb()

    def client(self, database: int = 0) -> redis.Redis:
        """A client of one of its databases that reports a failure at once (redis-py retries for seconds)."""
        return redis.Redis(port=self.port, db=database, socket_timeout=5, retry=Retry(NoBackoff(), 0))


class PostgresServer(Server):
    """A PostgreSQL on a Unix socket in its own directory; it keeps its data. As root it runs as `nobody`."""

    stop_signal = signal.SIGINT  # "fast": sessions are cut off, all is written
    kill_signal = signal.SIGQUIT  # "immediate": nothing is written; after SIGKILL it might not start again

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        self.programs = programs.postgresql(copy=directory / "programs", identity=self.identity)
        self.data = directory / "data"
        if len(f"{directory}/.s.PGSQL.5432") >= 107:
            raise ValueError(f"too long a path for a Unix socket: {directory}")

    def url(self, database: str) -> str:
        """The DATABASE_URL of a database here."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    def command(self) -> Sequence[str | Path]:
        # A power cut may ruin it: nobody needs these data tomorrow. A killed server loses nothing.
        fast = ["-c", "fsync=off", "-c", "full_page_writes=off"]
        only_here = ["-c", "listen_addresses=", "-k", str(self.directory)]
        return [self.programs / "postgres", "-D", self.data, *only_here, *fast]

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self._admin():
            return True
        return False

    def start(self) -> None:
        if not self.data.exists():
            self._initdb()
        super().start()

    def create(self, database: str, *, template: str = "template1") -> str:
        """Make an empty database, or a copy of `template`, and return its URL."""
        with self._admin() as admin:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            admin.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))
        return self.url(database)

    def empty(self, database: str) -> None:
        """Replace a database by an empty one; whoever is connected to it is cut off."""
        with self._admin() as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
        self.create(database)

    def _initdb(self) -> None:
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [self.programs / "initdb", "-D", self.data, *options],
            check=True,
            capture_output=True,
            cwd=self.directory,
            **self.identity,
        )

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.directory), user="postgres", dbname="postgres", autocommit=True)
