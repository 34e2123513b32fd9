"""A Redis of the test's own in front of the database, and what stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client

from sessions_stateful import conf, copies, keys
from tests.proxy import Proxy
from tests.servers import RedisServer
from tests.sessions_stateful.third_party import key, who

SCRIPTS = ("cmdstat_evalsha", "cmdstat_eval")


class Copied:
    """The copies of one test: the server, the way to it, and looks into it from aside."""

    def __init__(self, server: RedisServer, proxy: Proxy) -> None:
        self.server, self.proxy = server, proxy

    def cut_off(self) -> None:
        """This process does not reach Redis any more; Redis keeps what it has."""
        self.proxy.refuses()

    def back(self) -> None:
        """This process reaches Redis again, and tries at once."""
        self.proxy.passes()
        held = copies.here()
        assert held
        held._quiet = dict.fromkeys(held._quiet, 0.0)

    def raw(self, browser: Client) -> bytes | None:
        """What stands under the key of this browser."""
        with self.server.client() as client:
            value: bytes | None = client.get(self.name(browser))
        return value

    def put_raw(self, name: str, value: bytes, *, px: int = 600_000) -> None:
        """Have this stand under a name of Redis."""
        with self.server.client() as client:
            client.set(name, value, px=px)

    def name(self, browser: Client) -> str:
        """The name in Redis of the session of this browser."""
        return f"{conf.current().redis_prefix}{{{keys.hashed(key(browser))}}}"

    def left_ms(self, browser: Client) -> int:
        """How long the copy still stays."""
        with self.server.client() as client:
            return int(client.pttl(self.name(browser)))

    def set_left_ms(self, browser: Client, left: int) -> None:
        """Have the copy stay for so long."""
        with self.server.client() as client:
            client.pexpire(self.name(browser), left)

    def names(self) -> list[str]:
        """All that Redis holds of sessions."""
        with self.server.client() as client:
            return [name.decode() for name in client.keys(f"{conf.current().redis_prefix}*")]

    def trips(self) -> int:
        """How many scripts Redis has run so far."""
        with self.server.client() as client:
            stats: dict[str, Any] = client.info("commandstats")
        return sum(stats[name]["calls"] for name in SCRIPTS if name in stats)

    @contextmanager
    def round_trips(self, number: int) -> Iterator[None]:
        """Exactly so many round trips for sessions."""
        before = self.trips()
        yield
        made = self.trips() - before
        assert made == number, made


def warm(browser: Client) -> Client:
    """The same browser, once its session has a copy."""
    assert who(browser)
    return browser
