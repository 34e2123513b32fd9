"""Both flows behind a pooler in transaction mode: nothing relies on what was left on a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from authdemo.demo import PASSWORD
from tests.pooler import Pooler
from tests.servers import wait_until
from tests.stores import Stores
from tests.visitor import Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow, pytest.mark.postgres]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}


@pytest.fixture
def pooler(stores: Stores) -> Iterator[Pooler]:
    """Before the PostgreSQL of this run."""
    if not stores.postgres:
        pytest.skip("a pooler stands before PostgreSQL")
    with Pooler(stores.postgres.directory) as between:
        yield between


@pytest.fixture
def server(pooler: Pooler, prepared_database: Callable[[], str], tmp_path: Path) -> Iterator[WebServer]:
    """The project behind it, in two processes; without Redis, so that the reader has to find all."""
    database = urlsplit(prepared_database()).path.removeprefix("/")
    with WebServer(tmp_path / "web", variables={"DATABASE_URL": pooler.url(database)}) as serving:
        yield serving


def signed_in(server: WebServer) -> tuple[Visitor, dict[str, Any]]:
    """Alice in a browser, and what she holds with the token flow."""
    browser = Visitor(server.origin)
    assert browser.post("/login/", {"email": CREDENTIALS["email"], "password": PASSWORD}).status == 302
    answer = Visitor(server.origin).send("POST", "/api/token/", CREDENTIALS)
    assert answer.status == 200
    return browser, answer.json()


def test_both_flows_live_and_end_and_every_process_hears_of_it(server: WebServer, pooler: Pooler) -> None:
    browser, pair = signed_in(server)
    visitor = Visitor(server.origin)
    access = visitor.send("POST", "/api/token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
    seen = [browser.get("/api/me/").json(), visitor.bearer(access).json()]

    for path in ("end-others/", f"{seen[1]['login']}/"):
        method = "DELETE" if path.startswith(seen[1]["login"]) else "POST"
        visitor.send(method, f"/api/logins/{path}", {}, Authorization=f"Bearer {access}")

    assert [one["flow"] for one in seen] == ["session", "token"]
    assert browser.get("/api/me/").status == 401
    wait_until(lambda: {visitor.bearer(access).status for _ in range(10)} == {401}, what="refused")
    assert sorted(pooler.used.values())[-4] > 5, "transactions were spread over the connections"


def test_cleaning_works_behind_it(server: WebServer) -> None:
    signed_in(server)

    assert "0 logins had timed out" in server.manage("prune")
    assert "0 expired sessions" in server.manage("clearsessions")
