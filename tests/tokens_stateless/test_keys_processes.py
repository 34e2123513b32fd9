"""Several real processes under load while the ring is rotated and a key is revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from authdemo.demo import PASSWORD
from tests.servers import wait_until
from tests.stores import Stores
from tests.tokens_stateless import forge
from tests.visitor import Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}
ROTATE = """
from django.core.management import call_command
from tokens_stateless.models import SigningKey
SigningKey.objects.filter(state="standby").update(created_at="2026-01-01T00:00Z")
call_command("signing_keys", "rotate")
"""

# On PostgreSQL; on SQLite it is the next request.
BOUND_SECONDS = 1.0


class Caller:
    """A client of some processes that calls each in turn, and refreshes when it is told that it must."""

    def __init__(self, origins: list[str]) -> None:
        self.origins = origins
        self.visitor = Visitor(origins[0])
        self.pair = self._json("/api/token/", CREDENTIALS, at=origins[0])
        self.failures: list[tuple[str, int]] = []
        self.signed_by: set[str] = set()

    def go_on(self, over: Event, *, refreshing: bool) -> None:
        """Call until it is over; refresh and sign in now and then, or only when a token was refused."""
        number = 0
        while not over.is_set():
            number += 1
            at = self.origins[number % len(self.origins)]
            if refreshing and number % 5 == 0:
                self._refresh(at)
            status = self._call(at)
            if status == 401 and not refreshing:
                self._refresh(at)
                status = self._call(at)
            if status != 200:
                self.failures.append((at, status))

    def _call(self, at: str) -> int:
        return self.visitor.bearer(self.pair["access"], at=at).status

    def _refresh(self, at: str) -> None:
        self.pair = self._json("/api/token/refresh/", {"refresh": self.pair["refresh"]}, at=at)
        self.signed_by.add(kid_of(self.pair["access"]))

    def _json(self, path: str, body: dict[str, str], *, at: str) -> dict[str, str]:
        answer = self.visitor.send("POST", path, body, at=at)
        assert answer.status == 200, (path, answer.status, answer.body)
        told: dict[str, str] = answer.json()
        return told


@contextmanager
def calling(origins: list[str], *, refreshing: bool) -> Iterator[list[Caller]]:
    """Four callers at once, for as long as the block lasts; each call of theirs must have been answered."""
    over, callers = Event(), [Caller(origins) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(caller.go_on, over, refreshing=refreshing) for caller in callers]
        try:
            yield callers
        finally:
            over.set()
        for work in working:
            work.result()
    assert [failure for caller in callers for failure in caller.failures] == []


def kid_of(token: str) -> str:
    return str(forge.read(token)[0]["kid"])


def rotated(server: WebServer) -> str:
    """Rotate as if the standby had been published for long; the id of the key that signs now."""
    return server.manage("shell", "--verbosity", "0", "-c", ROTATE).strip().rpartition(" ")[2]


@pytest.fixture(scope="module")
def origins(serve: Callable[..., WebServer]) -> Iterator[tuple[WebServer, list[str]]]:
    """Three processes at two addresses, with one ring."""
    server = serve(workers=2)
    with server.another("keys-second") as second:
        yield server, [server.origin, second.origin]


def test_a_rotation_under_load_fails_no_request(origins: tuple[WebServer, list[str]]) -> None:
    server, addresses = origins
    with calling(addresses, refreshing=True) as callers:
        early = dict(callers[0].pair)
        new = [rotated(server), rotated(server)]
        wait_until(lambda: all(new[1] in caller.signed_by for caller in callers), what="the new key signs")

        answers = [callers[0].visitor.bearer(early["access"], at=at).status for at in addresses * 4]

    assert answers == [200] * 8
    assert kid_of(early["access"]) not in new


def test_a_revoked_key_is_refused_by_every_process_and_nobody_else_is(
    origins: tuple[WebServer, list[str]], stores: Stores
) -> None:
    """At the next request on SQLite, within a second on PostgreSQL; clients refresh and go on."""
    server, addresses = origins
    with calling(addresses, refreshing=False) as callers:
        leaked = dict(callers[0].pair)
        visitor = Visitor(server.origin)
        server.manage("signing_keys", "revoke", kid_of(leaked["access"]))

        def refused() -> bool:
            return {visitor.bearer(leaked["access"], at=at).status for at in addresses * 4} == {401}

        if stores.postgres:
            everywhere = "refused by every process"
            wait_until(lambda: all(refused() for _ in range(5)), what=everywhere, seconds=BOUND_SECONDS)
        assert [refused() for _ in range(5)] == [True] * 5

        wait_until(lambda: all(caller.signed_by for caller in callers), what="every client has refreshed")
    assert not any(kid_of(leaked["access"]) in caller.signed_by for caller in callers)
