"""A request has one id: in its answer, in a problem, in each line of the log, in the rows of its events."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import AsyncClient, Client, override_settings

from accounts import events, present
from accounts.conf import Accounts
from accounts.events import Event
from accounts.logs import JSONFormatter
from accounts.testing import PASSWORD, alice

OURS = re.compile(r"[0-9a-f]{32}")
behind_a_proxy = override_settings(ACCOUNTS=Accounts(trusted_proxies=("10.0.0.0/8",)))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged by anybody, as JSON."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JSONFormatter())
    loggers = [events.logger, logging.getLogger("django")]
    for logger in loggers:
        logger.addHandler(handler)
    yield written
    for logger in loggers:
        logger.removeHandler(handler)


def named(said: str | None, *, peer: str = "10.0.0.1") -> str:
    """The id of a request that its sender calls so."""
    headers = {} if said is None else {"X-Request-ID": said}
    return str(Client().get("/healthz", headers=headers, REMOTE_ADDR=peer).headers["X-Request-ID"])


def test_every_request_has_an_id_of_its_own() -> None:
    first, second = named(None), named(None)

    assert OURS.fullmatch(first)
    assert OURS.fullmatch(second)
    assert first != second


@behind_a_proxy
@pytest.mark.parametrize("said", ["a", "7f3c-22.b_9", "A" * 64])
def test_a_trusted_proxy_may_name_it(said: str) -> None:
    assert named(said) == said


@behind_a_proxy
def test_nobody_else_may() -> None:
    assert OURS.fullmatch(named("chosen-by-a-visitor", peer="203.0.113.9"))


@behind_a_proxy
@pytest.mark.parametrize(
    "said", ["", "-a", "a b", "a\tb", 'a"b', "a\u202eb", "é", "A" * 65, "a" * 100_000, "a\x1b[2J", "a\nb"]
)
def test_a_name_that_is_not_sane_is_replaced(said: str) -> None:
    assert OURS.fullmatch(named(said))


def test_it_stands_in_the_lines_the_row_and_the_answer(lines: io.StringIO) -> None:
    answer = Client().post("/login/", {"email": alice().email, "password": PASSWORD})

    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    started = next(line for line in said if line.get("event") == "authn_login_success")
    row = Event.objects.get(name="authn_login_success")
    assert {started["request"], row.request_id} == {answer.headers["X-Request-ID"]}


def test_it_stands_in_what_django_logs_and_in_the_problem(lines: io.StringIO) -> None:
    answer = Client().get("/api/nowhere/")

    line = json.loads(lines.getvalue().splitlines()[-1])
    assert (line["logger"], line["level"]) == ("django.request", "WARNING")
    assert line["request"] == answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_the_page_of_an_error_tells_it() -> None:
    answer = Client().get("/nowhere/", headers={"Accept": "text/html"})

    assert f"<code>{answer.headers['X-Request-ID']}</code>" in answer.content.decode()


def test_after_the_request_there_is_none() -> None:
    Client().get("/healthz")

    events.record("login_ended")

    assert (Event.objects.get().request_id, present.request()) == ("", None)


def test_parallel_requests_of_one_loop_keep_their_own(lines: io.StringIO) -> None:
    async def both() -> list[Any]:
        client = AsyncClient()
        return list(await asyncio.gather(*(client.get(f"/api/nowhere/{n}/") for n in range(2))))

    answers = asyncio.run(both())

    told = {json.loads(line)["request"] for line in lines.getvalue().splitlines()}
    assert told == {answer.headers["X-Request-ID"] for answer in answers}
    assert len(told) == 2


def test_it_costs_no_sql(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        Client().get("/healthz")
