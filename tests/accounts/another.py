"""A second process on the test's database that does what it is told, for promises across processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.web import PROJECT

if TYPE_CHECKING:
    from typing_extensions import Self


class AnotherProcess:
    """Seen from the test: `ask` waits for the answer; `tell` and `answer` are its halves."""

    def __init__(self, *, database: str, **variables: str) -> None:
        self.environment = {**os.environ, "DATABASE_URL": database_url(database), **variables}
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.accounts.another"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PROJECT,
            env=self.environment,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process
        with self.process as process:  # closes both pipes, at which it ends, and waits for it
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()

    def tell(self, verb: str, *arguments: object) -> None:
        """Have it begin."""
        assert self.process
        assert self.process.stdin
        self.process.stdin.write(json.dumps([verb, *arguments], default=str) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """What it has to say when it is done; its own errors come out here."""
        assert self.process
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the other process has died"
        said = json.loads(line)
        assert "error" not in said, said["error"]
        return said["answer"]

    def ask(self, verb: str, *arguments: object) -> Any:
        """Have it done and hear the answer."""
        self.tell(verb, *arguments)
        return self.answer()


def database_url(database: str) -> str:
    """The DATABASE_URL of this run, with another database."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{database}{query}"


def begin_anew() -> None:
    """Know nothing, as a process that has just started."""
    from accounts import standing
    from tests.accounts import another_feed

    standing.stop()
    another_feed.forget()


def check(login: str, user: str, version: int = 1) -> str:
    """What a request here would be told."""
    from accounts import standing

    standing.freshen()
    return standing.check(UUID(login), user=UUID(user), version=version).value


def await_ended(login: str, user: str) -> float:
    """The instant from which a request here would be refused."""
    from django.db import connection

    deadline = time.monotonic() + 10
    # Within the budget nothing is asked, so only what the reader has found out can end this.
    with connection.execute_wrapper(_nobody_asks):
        while check(login, user) != "ended":
            assert time.monotonic() < deadline
            time.sleep(0.002)
    return time.time()


def _nobody_asks(_execute: Any, sql: str, *_args: Any) -> Any:
    raise AssertionError(f"a request asked the ledger: {sql}")


def end(*ids: str) -> int:
    """End these Logins here."""
    from accounts import logins
    from accounts.logins import EndReason

    return logins.end(map(UUID, ids), reason=EndReason.REVOKED_BY_OPERATOR)


def step(ending: str, *, seconds: float = 0) -> int:
    """Take one step of an act that ends many Logins."""
    from accounts import endings
    from accounts.endings import Ending

    return endings.work(Ending.objects.get(pk=ending), seconds=seconds).ended


def work(ending: str) -> int:
    """Go on with it, ten Logins a step as in the tests of it, to the end."""
    from accounts import batches, endings

    for name in ("FEWEST", "FIRST", "MOST"):
        setattr(batches, name, 10)
    endings.MOST_ENDS_EACH_SECOND = endings.SQLITE_MOST_ENDS_EACH_SECOND = 1_000_000
    return step(ending, seconds=60)


def see(login: str) -> None:
    """Have the use of a Login written at once."""
    from accounts import logins

    logins._write_seen([UUID(login)])


def make_operator(user: str) -> None:
    """Change what both flows carry of a person."""
    from accounts.models import User

    User.objects.filter(pk=user).update(is_staff=True)


def publish(topic: str) -> None:
    """Something of which every process keeps a copy has changed."""
    from accounts import feed

    feed.publish(topics=[topic])


def reader() -> dict[str, Any]:
    """Whose standing this process uses."""
    from accounts import standing

    mine = standing.here()
    return {"process": os.getpid(), "standing": mine.pid, "reads": mine.reads, "age": mine.age()}


def fork() -> str:
    """From now on a forked child answers, until it is told to leave."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return "parent"
    _say({"answer": "child"})
    serve()
    os._exit(0)


def of_the_feed(verb: str, *arguments: object) -> object:
    """What a process does that follows the feed."""
    from tests.accounts import another_feed

    return another_feed.VERBS[verb](*arguments)


def of_receipts(verb: str, *arguments: object) -> object:
    """What a process does that says what it knows."""
    from tests.accounts import another_receipt

    return another_receipt.VERBS[verb](*arguments)


VERBS: dict[str, Callable[..., object]] = {
    "feed": of_the_feed,
    "receipt": of_receipts,
    "begin anew": begin_anew,
    "check": check,
    "await ended": await_ended,
    "end": end,
    "see": see,
    "step": step,
    "work": work,
    "make operator": make_operator,
    "publish": publish,
    "reader": reader,
    "fork": fork,
}


def serve() -> None:
    """Do what standard input says, a line at a time, until it ends or says to leave."""
    while line := sys.stdin.readline():
        verb, *arguments = json.loads(line)
        if verb == "leave":
            return
        try:
            _say({"answer": VERBS[verb](*arguments)})
        except BaseException as error:
            _say({"error": f"{type(error).__name__}: {error}"})


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import django

    django.setup()
    serve()
