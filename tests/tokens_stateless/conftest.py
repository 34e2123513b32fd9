"""Fixtures for the tests of the token flow: somebody signed in, what was noted, threads, another process."""

from __future__ import annotations

import logging
import socket
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
from tests.doors import unnamed
from tests.stores import Stores
from tests.tokens_stateless import doors
from tests.tokens_stateless.callers import API, Party, party
from tests.tokens_stateless.every_door import Door, every_door
from tokens_stateless import conf, issue, keys
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import TokenNotValid

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
    return Held(access=str(pair.access), refresh=pair.refresh, user=user)


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


@contextmanager
def listening() -> Iterator[Noted]:
    """What the log of events is told meanwhile."""
    handler, logger = Noted(), logging.getLogger("accounts.events")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


@pytest.fixture
def noted() -> Iterator[Noted]:
    """What the log of events was told during this test."""
    with listening() as handler:
        yield handler


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch, stores: Stores) -> list[object]:
    """Where anything of this process tried to connect or looked up an address, besides our own Redis."""
    found: list[object] = []
    ours = [("127.0.0.1", stores.redis.port)] if stores.redis else []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: Any) -> None:
        found.extend([address] if address not in ours else [])
        connect(self, address)

    def looking_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        found.extend([host] if (host, port) not in ours else [])
        return look_up(host, port, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    return found


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a door answered, how many statements that took, and what was noted."""

    answer: Any
    statements: int
    events: list[dict[str, Any]]

    @property
    def told(self) -> tuple[object, ...]:
        """All that the bearer can see, and the price."""
        told = self.answer
        return *unnamed(told), told.cookies.output(), self.statements


def outcome(door: Door, token: str) -> Outcome:
    """Send a token to a door."""
    with listening() as noted, CaptureQueriesContext(connection) as captured:
        answer = door.send(token)
    asked = [query for query in captured if not query["sql"].startswith(BRACKETS)]
    return Outcome(answer=answer, statements=len(asked), events=noted.events)


@pytest.fixture
def caller() -> Party:
    """A client that may call all there is, about tokens for the API and for ourselves."""
    return party(audiences=(API, conf.current().audience))


@pytest.fixture
def reasons(held: Held, caller: Party, reached: list[object]) -> Reasons:
    """`reasons({name: token, …})` sends each bad token to every door and says why it was refused.

    The log alone may tell, in one event. At each door the answer is, to the byte, that to the letter x, and
    costs as many statements (none for the token: test_tokens.py). No address is asked for anything, and
    nobody is signed out.
    """

    every = every_door(caller)

    def why(token: str, usual: dict[str, Outcome]) -> str:
        found = {name: outcome(door, token) for name, door in every.items()}
        assert {name: at.told for name, at in found.items()} == {name: at.told for name, at in usual.items()}
        assert {len(at.events) for at in found.values()} == {1}
        assert {at.events[0]["name"] for at in found.values()} == {"authn_token_refused"}
        noted = {name: at.events[0]["reason"] for name, at in found.items()}
        # To the door of refresh tokens an access token is none at all, however good.
        assert {noted.pop(name) for name in every if every[name].takes == "refresh"} <= {"form", "signature"}
        (reason,) = set(noted.values())
        return str(reason)

    def each(tokens: Mapping[Any, str]) -> dict[Any, str]:
        settle(held)
        usual = {name: outcome(door, "x") for name, door in every.items()}
        found = {name: why(token, usual) for name, token in tokens.items()}
        assert (reached, held.login.ended_at) == ([], None)
        return found

    return each


def unread(token: str) -> str | None:
    """Why our reader refuses this token; None if it does not. Where there are too many for all the doors."""
    try:
        AccessToken(token.encode())  # type: ignore[arg-type]
    except TokenNotValid as error:
        return error.reason
    return None


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
    logins._next_put.clear()
