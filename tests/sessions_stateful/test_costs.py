"""What each step of the cookie flow costs, in round trips to Redis and in statements, in each set-up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncRequestFactory, Client
from django.test.utils import override_settings

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.testing import PASSWORD, alice
from sessions_stateful import conf
from sessions_stateful.middleware import AuthenticationMiddleware, SessionMiddleware
from tests.sessions_stateful.copied import Copied, warm
from tests.sessions_stateful.third_party import key, put, statements, visit

pytestmark = [pytest.mark.redis, pytest.mark.urls("tests.sessions_stateful.third_party")]

Step = Callable[[Client], Any]


def signed_in() -> Client:
    browser = Client()
    browser.force_login(alice())
    return browser


def load(browser: Client) -> None:
    visit(browser, lambda request: (request.user.email, request.session.get("colour"), request.login_id))


def save(browser: Client) -> None:
    put(browser, colour="red")


def new_key(browser: Client) -> None:
    visit(browser, lambda request: request.session.cycle_key())


def end(browser: Client) -> None:
    logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)


def sign_out(browser: Client) -> None:
    browser.post("/logout/")


def sign_in(browser: Client) -> None:
    browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})


# Statements without Redis; round trips and statements with it.
COSTS: dict[str, tuple[Step, int, int, int]] = {
    "load": (load, 1, 1, 0),
    "save": (save, 2, 3, 1),
    # Also through the ledger: no copy of the old key is good, whoever puts it there.
    "a new key": (new_key, 3, 4, 3),
    # Ask which, lock, end, kill, tell.
    "end": (end, 5, 1, 6),
    "sign out": (sign_out, 6, 2, 6),
}


@pytest.mark.parametrize("step", COSTS)
def test_a_step_costs_so_many_statements(step: str) -> None:
    do, number, *_with_redis = COSTS[step]

    with override_settings(SESSIONS_STATEFUL=replace(conf.current(), redis_url="")):
        browser = warm(signed_in())
        with statements(number):
            do(browser)


@pytest.mark.parametrize("step", COSTS)
def test_a_step_costs_so_many_round_trips(copied: Copied, step: str) -> None:
    do, _without, trips, number = COSTS[step]
    other = warm(signed_in())
    save(other)
    new_key(other)
    logins.end(list(Login.objects.values_list("pk", flat=True)), reason=EndReason.LOGOUT)
    Login.objects.all().remove()
    browser = Client()
    sign_in(browser)
    warm(browser)

    with statements(number), copied.round_trips(trips):
        do(browser)


def test_the_first_request_after_a_sign_in_asks_the_database_once(copied: Copied) -> None:
    warm(signed_in())
    browser = Client()
    with copied.round_trips(0):
        sign_in(browser)

    with statements(1), copied.round_trips(2):
        load(browser)
    with statements(0), copied.round_trips(1):
        load(browser)


class NoThreads(asyncio.SelectorEventLoop):
    """An event loop that asks no other thread."""

    def run_in_executor(self, *_asked: Any) -> Any:  # type: ignore[override] # whatever it is asked
        raise AssertionError("another thread was asked")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="the glance at SQLite's file needs a thread")
def test_an_async_request_asks_no_other_thread(copied: Copied) -> None:
    browser = warm(signed_in())
    factory = AsyncRequestFactory()
    factory.cookies[settings.SESSION_COOKIE_NAME] = key(browser)
    request = factory.get("/")

    async def view(request: Any) -> HttpResponse:
        return HttpResponse(f"{(await request.auser()).email} {await request.session.aget('colour')}")

    chain: Any = SessionMiddleware(AuthenticationMiddleware(view))
    with closing(NoThreads()) as loop, copied.round_trips(2):
        answers = [loop.run_until_complete(chain(request)) for _visit in range(2)]

    assert [answer.content for answer in answers] == [b"alice@example.com None"] * 2
