"""Receipts in every way in which the project is served: WSGI and ASGI workers, and Django's own server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accounts import statements
from accounts.statements import Process
from authdemo.demo import PASSWORD
from tests.authdemo.test_feed_servers import KINDS
from tests.servers import RedisServer, wait_until
from tests.stores import Stores
from tests.visitor import Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow, pytest.mark.redis]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}
PROGRAMS = {"wsgi": "granian", "asgi": "granian", "runserver": "manage.py runserver"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """How it is served."""
    return str(request.param)


@pytest.fixture
def server(
    kind: str, stores: Stores, prepared_database: Callable[[], str], redis_server: RedisServer, tmp_path: Path
) -> Iterator[WebServer]:
    """The project on PostgreSQL with a Redis of its own, served in this way."""
    if not stores.postgres:
        pytest.skip("SQLite needs no feed")
    variables = {"DATABASE_URL": prepared_database(), "REDIS_URL": redis_server.url()}
    with KINDS[kind](tmp_path / "web", variables=variables, workers=2) as serving:
        yield serving


def ended(visitor: Visitor) -> dict[str, object]:
    """The receipt of one Login that is ended now."""
    kept, lost = (visitor.send("POST", "/api/token/", CREDENTIALS).json()["access"] for _ in range(2))
    name = visitor.bearer(lost).json()["login"]
    asked = {"Authorization": f"Bearer {kept}", "Prefer": "return=representation, wait=1"}
    told: dict[str, object] = visitor.send("DELETE", f"/api/logins/{name}/", {}, **asked).json()
    return told


def there(redis_server: RedisServer) -> list[Process]:
    """Who has said that they are there, by name."""
    with redis_server.client() as client:
        found = client.hgetall(statements.name_of_processes("authdemo:feed"))
    words = [value[statements.MAC_BYTES :] for field, value in found.items() if len(field) == 16]
    return [statements.read_presence(word).process for word in words]


def test_each_process_of_the_server_counts_by_name_and_takes_its_leave(
    server: WebServer, kind: str, redis_server: RedisServer
) -> None:
    visitor, workers = Visitor(server.origin), 1 if kind == "runserver" else 2
    told: list[dict[str, object]] = []

    def all_have_served() -> bool:
        told.append(ended(visitor))
        return bool(told[-1]["settled"] and told[-1]["processes"] == workers)

    wait_until(all_have_served, what=f"{workers} processes know")
    names = there(redis_server)
    server.stop()

    assert (told[-1]["ended"], told[-1]["known"]) == (1, workers)
    assert [name.kind for name in names] == [PROGRAMS[kind]] * workers
    # Django's own server kills the process that serves.
    assert there(redis_server) == (names if kind == "runserver" else [])
