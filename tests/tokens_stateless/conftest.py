"""Fixtures for the tests of the token flow: somebody signed in, what was noted, threads, another process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts import logins, standing
from accounts.logins import Login
from accounts.testing import alice
from tests import web
from tests.stores import Stores
from tests.tokens_stateless import doors
from tokens_stateless import issue, keys

T = TypeVar("T")
Reasons = Callable[[Mapping[Any, str]], dict[Any, str]]
Aside = Callable[[Callable[[], Any]], Future[Any]]
# What ATOMIC_REQUESTS puts around each view.
BRACKETS = ("BEGIN", "COMMIT", "ROLLBACK")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What somebody holds who has signed in, and the Login that it carries."""

    access: str
    refresh: str
    user: Any

    @property
    def login(self) -> Login:
        """The row as it is now."""
        return Login.objects.get(pk=self.refresh.partition(".")[0])


@pytest.fixture
def held() -> Held:
    """Alice has just signed in, with a Firefox at 203.0.113.9."""
    request = RequestFactory().post("/api/token/", headers={"User-Agent": FIREFOX}, REMOTE_ADDR="203.0.113.9")
    user = alice()
    pair = issue.sign_in(request, user)
    return Held(access=pair["access"], refresh=pair["refresh"], user=user)


@contextmanager
def statements(number: int) -> Iterator[None]:
    """So many statements are asked inside, besides the beginning and end of a request's transaction."""
    with CaptureQueriesContext(connection) as captured:
        yield
    asked = [query["sql"] for query in captured if not query["sql"].startswith(BRACKETS)]
    assert len(asked) == number, asked


def settle(held: Held) -> None:
    """Have this process know all there is to know, and nothing wait to be written."""
    doors.me(held.access)
    logins.writer.flush()
    standing.here()._read()
    doors.me(held.access)


class Noted(logging.Handler):
    """The events that were written to the log."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep its name and its fields."""
        self.events.append({"name": record.getMessage(), **record.event})  # type: ignore[attr-defined]

    @property
    def reasons(self) -> list[str]:
        """Why tokens were refused, in order."""
        return [event["reason"] for event in self.events if event["name"] == "authn_token_refused"]


@pytest.fixture
def noted() -> Iterator[Noted]:
    """What the log of events was told during this test."""
    handler, logger = Noted(), logging.getLogger("accounts.events")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def reasons(held: Held, noted: Noted) -> Reasons:
    """`reasons({name: token, …})` sends each bad token to every door and says why it was refused.

    The log alone may tell: the doors' answers are the same for all, and nobody is signed out by them.
    """

    def why(token: str) -> str:
        noted.events.clear()
        refused = [doors.me(token), doors.verify(token), doors.refresh(token)]
        assert [answer.status_code for answer in refused] == [401, 401, 401]
        assert {answer.json()["code"] for answer in refused} == {"token_not_valid"}
        assert {answer.headers["WWW-Authenticate"] for answer in refused} == {doors.REFUSED}
        assert doors.revoke(token).status_code == 200
        by_header, by_body, _as_refresh, at_end = noted.reasons
        assert by_header == by_body == at_end
        return by_header

    def each(tokens: Mapping[Any, str]) -> dict[Any, str]:
        found = {name: why(token) for name, token in tokens.items()}
        assert held.login.ended_at is None
        return found

    return each


@pytest.fixture
def aside() -> Iterator[Callable[[Callable[[], T]], Future[T]]]:
    """`aside(job)` runs it in a thread with database connections of its own."""
    with ThreadPoolExecutor(50) as pool:

        def run(job: Callable[[], T]) -> Future[T]:
            def own() -> T:
                try:
                    return job()
                finally:
                    connections.close_all()

            return pool.submit(own)

        yield run


@pytest.fixture
def elsewhere(stores: Stores) -> Callable[..., str]:
    """`elsewhere("verb", …, SECRET_KEY=…)` runs manage.py in its own process, on this test's database."""
    name = str(connection.settings_dict["NAME"])
    url = stores.postgres.url(name) if stores.postgres else f"sqlite:///{name}"

    def run(*arguments: str, **variables: str) -> str:
        return web.manage(
            *arguments, variables={"DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, **variables}
        )

    return run


@pytest.fixture
def atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request in a transaction, as ATOMIC_REQUESTS=1 has it."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)


@pytest.fixture(autouse=True)
def _nothing_known_from_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """The keys of an earlier test are gone, and its last uses must not be written in this one."""
    keys.forget()
    yield
    if request.node.get_closest_marker("django_db"):
        logins.writer.flush()
    logins._last_put.clear()
