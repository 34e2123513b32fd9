"""No affinity: each request of one browser, and of one program, goes to another process than the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle

import pytest

from authdemo.demo import PASSWORD
from tests.servers import wait_until
from tests.visitor import Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}


@pytest.fixture(scope="module")
def origins(serve: Callable[..., WebServer]) -> Iterator[list[str]]:
    """Three processes that share nothing but their stores."""
    first = serve(workers=1)
    with ExitStack() as stack:
        others = [stack.enter_context(first.another(name)) for name in ("second", "third")]
        yield [first.origin, *(server.origin for server in others)]


def test_a_session_goes_from_process_to_process_through_all_its_life(origins: list[str]) -> None:
    """Signed in at one, used at the next, changed, given a new key, ended: whoever is asked knows it."""
    here, page, other = cycle(origins), Visitor(origins[0]), Visitor(origins[0])
    other.post("/login/", CREDENTIALS, at=next(here))
    ended = other.get("/api/me/", at=next(here)).json()["login"]

    assert page.post("/login/", CREDENTIALS, at=next(here)).status == 302
    assert {page.get("/api/me/", at=next(here)).status for _ in range(7)} == {200}
    assert page.post(f"/logins/{ended}/end/", {}, at=next(here)).status == 302
    assert {other.get("/api/me/", at=next(here)).status for _ in range(3)} == {401}
    assert "That sign-in has ended." in page.get("/logins/", at=next(here)).text
    assert "That sign-in has ended." not in page.get("/logins/", at=next(here)).text
    old = dict(page.cookies)
    assert page.post("/login/again/", {"password": PASSWORD}, at=next(here)).status == 302
    assert page.cookies["sid"] != old["sid"]
    assert {page.get("/api/me/", at=next(here)).status for _ in range(3)} == {200}
    new, page.cookies = dict(page.cookies), old
    assert {page.get("/api/me/", at=next(here)).status for _ in range(3)} == {401}
    page.cookies = dict(new)
    assert page.post("/logout/", {}, at=next(here)).status == 302
    page.cookies = new
    assert {page.get("/api/me/", at=next(here)).status for _ in range(3)} == {401}


def test_a_program_goes_from_process_to_process_as_well(origins: list[str]) -> None:
    """Signed in at one, refreshed at the next, ended at a third."""
    here, program = cycle(origins), Visitor(origins[0])
    given = program.send("POST", "/api/token/", CREDENTIALS, at=next(here)).json()
    assert {program.bearer(given["access"], at=next(here)).status for _ in range(4)} == {200}

    for _refresh in range(4):
        refresh = {"refresh": given["refresh"]}
        given |= program.send("POST", "/api/token/refresh/", refresh, at=next(here)).json()
        assert {program.bearer(given["access"], at=next(here)).status for _ in range(2)} == {200}
    login = program.bearer(given["access"], at=next(here)).json()["login"]
    bearer = {"Authorization": f"Bearer {given['access']}"}
    assert program.send("DELETE", f"/api/logins/{login}/", None, at=next(here), **bearer).status == 204

    def refused() -> bool:
        return {program.bearer(given["access"], at=next(here)).status for _ in range(3)} == {401}

    wait_until(refused, what="each has heard", seconds=5)
    refresh = {"refresh": given["refresh"]}
    assert program.send("POST", "/api/token/refresh/", refresh, at=next(here)).status == 401
