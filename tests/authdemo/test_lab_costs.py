"""What the server says of the cost of a request: the truth, to the lab alone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.logins import Login
from accounts.testing import PASSWORD, alice
from authdemo.conf import Lab
from authdemo.lab.page import costs
from authdemo.lab.page.costs import Cost, CostMiddleware
from tests.stores import Stores

ME = "/api/me/"
# Where each request is in a transaction: on SQLite Django sends its beginning as a statement.
BEGUN = int(connection.vendor == "sqlite" and connection.settings_dict["ATOMIC_REQUESTS"])


def told(answer: Any) -> Cost | None:
    """What an answer says of its cost."""
    return Cost.read(answer.headers.get(costs.TOLD, ""))


def proven(method: str, path: str) -> dict[str, Any]:
    """A request of the lab has these headers."""
    return {"headers": {costs.HEADER: costs.proof(method, path)}}


@pytest.fixture
def browser() -> Client:
    """Alice's, signed in; this process has read in the ledger what that has written."""
    browser = Client()
    browser.force_login(alice())
    for _time in range(2):
        browser.get(ME)
    return browser


@pytest.mark.parametrize("path", [ME, "/api/logins/", "/api/logins/?state=all"])
def test_the_statements_are_those_that_were_made(browser: Client, path: str) -> None:
    with CaptureQueriesContext(connection) as made:
        answer = browser.get(path, **proven("GET", path.partition("?")[0]))

    cost = told(answer)
    assert cost
    marks = {"COMMIT"} if BEGUN else {"BEGIN", "COMMIT"}
    assert cost.statements == len([one for one in made if one["sql"] not in marks])


def test_a_session_costs_a_round_trip_where_there_is_redis_and_else_a_statement(
    browser: Client, stores: Stores
) -> None:
    cost = told(browser.get(ME, **proven("GET", ME)))

    assert cost
    assert (cost.statements, cost.trips) == ((BEGUN, 1) if stores.redis else (BEGUN + 1, 0))


def test_what_the_ledger_is_asked_for_is_counted_too(browser: Client) -> None:
    """On SQLite: on a connection that Django's list of connections does not know."""
    if connection.vendor != "sqlite":
        return
    credentials = {"email": "alice@example.com", "password": PASSWORD}
    given = browser.post("/api/token/", credentials, "application/json").json()["access"]
    headers = {**proven("GET", ME)["headers"], "Authorization": f"Bearer {given}"}

    def statements() -> int:
        cost = told(Client().get(ME, headers=headers))
        assert cost
        return cost.statements

    statements()
    before = statements()
    Login.objects.update(device="another")

    assert (before, statements() > BEGUN, statements()) == (BEGUN, True, BEGUN)


def test_whoever_proves_nothing_is_told_nothing() -> None:
    for given in ("", "1.00", f"{int(time.time())}.{'0' * 32}"):
        assert costs.TOLD not in Client().get(ME, headers={costs.HEADER: given}).headers
    assert costs.TOLD not in Client().get(ME).headers


def test_a_proof_is_for_one_request_and_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    given = proven("GET", ME)
    assert told(Client().get(ME, **given))

    assert not told(Client().post(ME, **given))
    assert not told(Client().get("/", **given))
    monkeypatch.setattr(costs, "GOOD_FOR_SECONDS", -1)
    assert not told(Client().get(ME, **given))


@pytest.mark.nodb
def test_where_the_lab_is_off_nothing_looks_at_a_request() -> None:
    with override_settings(LAB=Lab()), pytest.raises(MiddlewareNotUsed):
        CostMiddleware(lambda request: request)


@pytest.mark.nodb
def test_what_is_told_can_be_read_and_nothing_else() -> None:
    cost = Cost(statements=3, trips=2, ms=1.25, worker=4711)

    assert Cost.read(cost.told()) == cost
    assert Cost.read("app;dur=3") is None


@pytest.mark.nodb
def test_under_asgi_a_request_passes_uncounted() -> None:
    async def answer(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    request = RequestFactory().get(ME, **proven("GET", ME))
    middleware: Any = CostMiddleware(answer)

    assert costs.TOLD not in asyncio.run(middleware(request)).headers
