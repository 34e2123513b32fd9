"""The feed in every way in which the project is served: WSGI and ASGI workers, and Django's own server."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from authdemo.demo import PASSWORD
from tests.delays import Delays
from tests.servers import RedisServer, wait_until
from tests.stores import Stores
from tests.visitor import Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow, pytest.mark.redis]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}


class AsynchronousServer(WebServer):
    """Granian with ASGI workers."""

    def command(self) -> Sequence[str | Path]:
        return ["asgi" if part == "wsgi" else part.replace("wsgi:", "asgi:") for part in self._threaded()]

    def _threaded(self) -> Iterator[str]:
        parts = iter(map(str, super().command()))
        for part in parts:
            if part == "--blocking-threads":
                next(parts)  # those of ASGI workers are Django's own
            else:
                yield part


class DevelopmentServer(WebServer):
    """`manage.py runserver`, which starts itself once more to watch the files."""

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "manage.py", "runserver", f"127.0.0.1:{self.port}"]

    def answers(self) -> bool:
        return self.healthy()


KINDS = {"wsgi": WebServer, "asgi": AsynchronousServer, "runserver": DevelopmentServer}


@pytest.fixture(params=KINDS)
def server(
    request: pytest.FixtureRequest,
    stores: Stores,
    prepared_database: Callable[[], str],
    redis_server: RedisServer,
    tmp_path: Path,
) -> Iterator[WebServer]:
    """The project on PostgreSQL with a Redis of its own, served in one of these ways."""
    if not stores.postgres:
        pytest.skip("SQLite needs no feed")
    variables = {"DATABASE_URL": prepared_database(), "REDIS_URL": redis_server.url()}
    with KINDS[request.param](tmp_path / "web", variables=variables, workers=2) as serving:
        yield serving


def accepted(server: WebServer, access: str) -> float | None:
    """When this request was sent, if it was accepted."""
    began = time.time()
    status = Visitor(server.origin).bearer(access).status
    assert status in (200, 401)
    return began if status == 200 else None


def test_what_one_process_ends_the_others_refuse_at_once(server: WebServer) -> None:
    """Feed 1, 3: whatever serves, every process of it follows."""
    visitor, delays = Visitor(server.origin), []
    for _ in range(20):  # so that each has served, and follows
        wait_until(lambda: visitor.get("/readyz").json()["feed_followed"], what="followed", seconds=5)

    for _ in range(10):
        kept, lost = (visitor.send("POST", "/api/token/", CREDENTIALS).json()["access"] for _ in range(2))
        name = visitor.bearer(lost).json()["login"]
        visitor.send("DELETE", f"/api/logins/{name}/", {}, Authorization=f"Bearer {kept}")
        ended_at = time.time()
        last = [began for _ in range(20) if (began := accepted(server, lost))]
        delays.append(max(last, default=ended_at) - ended_at)
        assert accepted(server, kept)

    print(f"\nover HTTP an ended login is accepted for {Delays(delays)}")  # noqa: T201 - a figure to read
    assert accepted(server, lost) is None
    assert Delays(delays).p50 < 0.1
