"""A third party's app, whose view does to a request what a test says; and requests held on their way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Event, Thread
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from authdemo import urls
from authdemo.urls import handler400, handler403, handler404, handler500
from sessions_stateful import conf

__all__ = ["handler400", "handler403", "handler404", "handler500"]

Act = Callable[[Any], Any]
Browser = Client | AsyncClient

PATIENCE_SECONDS = 20
BOOKKEEPING = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")

_numbers = count(1)
_acts: dict[int, Act] = {}


def view(request: HttpRequest, number: int) -> HttpResponse:
    """Does what this visit is for; what it returns is the answer's text, or the answer itself."""
    done = _acts[number](request)
    return done if isinstance(done, HttpResponse) else HttpResponse(str(done))


@transaction.non_atomic_requests  # Django refuses any other async view under ATOMIC_REQUESTS
async def async_view(request: HttpRequest, number: int) -> HttpResponse:
    """As `view`, for acts that are awaited."""
    done = await _acts[number](request)
    return done if isinstance(done, HttpResponse) else HttpResponse(str(done))


urlpatterns = [
    path("their/<int:number>/", view),
    # While a request is held, others write: on SQLite a transaction around it would keep them waiting.
    path("their/held/<int:number>/", transaction.non_atomic_requests(view)),
    path("their/async/<int:number>/", async_view),
    *urls.urlpatterns,
]


def _kept(act: Act) -> int:
    number = next(_numbers)
    _acts[number] = act
    return number


def visit(browser: Client, act: Act) -> Any:
    """GET a view that calls `act(request)`."""
    return browser.get(f"/their/{_kept(act)}/")


def held_visit(browser: Client, act: Act) -> Any:
    """As `visit`, for a request that is held on its way."""
    return browser.get(f"/their/held/{_kept(act)}/")


def put(browser: Client, **data: Any) -> Any:
    """Have a view put this into the session."""
    return visit(browser, lambda request: request.session.update(data))


def async_visit(browser: AsyncClient, act: Callable[[Any], Awaitable[Any]]) -> Any:
    """GET an async view that awaits `act(request)`."""
    return async_to_sync(browser.get)(f"/their/async/{_kept(act)}/")


def who(browser: Browser) -> str | None:
    """The address of whoever a request of this browser speaks for, or None for nobody."""
    answer = tab(browser).get("/api/me/")
    email: str | None = answer.json().get("email") if answer.status_code == 200 else None
    return email


def key(browser: Browser) -> str:
    """The session key that this browser holds."""
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def holding(session_key: str) -> Client:
    """A browser that holds this key."""
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = session_key
    return browser


def tab(browser: Browser) -> Client:
    """The same browser as it is now; what later answers do to its cookies, the other one does not see."""
    other = Client()
    other.cookies.load({name: morsel.value for name, morsel in browser.cookies.items()})
    return other


def touches_cookie(answer: Any) -> bool:
    """Whether an answer sets or deletes the session cookie."""
    return settings.SESSION_COOKIE_NAME in answer.cookies


class Held:
    """A request on its way; `answer` is there once it was let go."""

    answer: Any = None

    def __init__(self) -> None:
        self.arrived, self.go = Event(), Event()

    def wait(self) -> None:
        """Called on the request's way: here it is held."""
        self.arrived.set()
        assert self.go.wait(PATIENCE_SECONDS)


@contextmanager
def beside(work: Callable[[Held], Any]) -> Iterator[Held]:
    """`work` in a thread of its own, held where it calls `wait()`; it goes on when the block ends."""
    held = Held()

    def run() -> None:
        try:
            held.answer = work(held)
        finally:
            held.arrived.set()
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    assert held.arrived.wait(PATIENCE_SECONDS)
    try:
        yield held
    finally:
        held.go.set()
        thread.join(PATIENCE_SECONDS)


@contextmanager
def held_request(browser: Client, act: Act) -> Iterator[Held]:
    """A request that has loaded its session and is held before `act(request)`."""

    def hold(held: Held) -> Any:
        def held_act(request: Any) -> Any:
            _ = request.session.items(), bool(request.user)
            held.wait()
            return act(request)

        return held_visit(tab(browser), held_act)

    with beside(hold) as held:
        yield held


@contextmanager
def statements(number: int, *, with_copy: int | None = None) -> Iterator[None]:
    """Exactly so many SQL statements, those apart that begin and end transactions.

    `with_copy` is how many they are where Redis holds a copy of the session.
    """
    if with_copy is not None and conf.current().redis_url:
        number = with_copy
    with CaptureQueriesContext(connection) as captured:
        yield
    sent = [query["sql"] for query in captured if not query["sql"].startswith(BOOKKEEPING)]
    assert len(sent) == number, "\n".join(sent)
