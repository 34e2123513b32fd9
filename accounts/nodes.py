"""Where Redis is: connections to it that tell which server process has answered.

The third-party client's own pools are made for commands of all kinds; here one short question at a time is on
the path of a request, so a connection is lent, asked and given back, and nothing else is done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from redis import ConnectionPool
from redis import asyncio as aredis
from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface
from redis.retry import Retry

RUN_ID = b"run_id:"
# Connections of one event loop, which asks for the answers one by one in any case.
MOST_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection, and the `run_id` of the server process at its other end."""

    connection: Any
    node: str


def _limits(patience_seconds: float) -> dict[str, Any]:
    # One try and short waits: what Redis makes quicker must not be slower than without it.
    return {
        "socket_timeout": patience_seconds,
        "socket_connect_timeout": patience_seconds,
        "socket_keepalive": True,
    }


class Nodes:
    """The connections of one process to one Redis; safe for threads."""

    def __init__(self, url: str, *, patience_seconds: float) -> None:
        limits = _limits(patience_seconds)
        self._pool = ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **limits)
        # The third protocol pushes what nobody asked for between the answers.
        self._pool.connection_kwargs["protocol"] = 2
        self._idle: deque[Link] = deque()

    def lend(self) -> tuple[Link, bool]:
        """A connection, and whether it is new: an older one may have been closed at the other end."""
        try:
            return self._idle.pop(), False
        except IndexError:
            return self._open(), True

    def give_back(self, link: Link) -> None:
        """Keep a connection that was answered for whoever comes next."""
        self._idle.append(link)

    def hang_up(self, link: Link) -> None:
        """Close a connection that is of no more use."""
        link.connection.disconnect()

    def close(self) -> None:
        """Hang up all that are not lent."""
        while self._idle:
            self.hang_up(self._idle.pop())

    def _open(self) -> Link:
        # Not of the pool's own: it counts what it makes, and this may be tried each second for days.
        connection: ConnectionInterface = self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            connection.connect()  # type: ignore[no-untyped-call]
            connection.send_command("INFO", "server")  # type: ignore[no-untyped-call]
            return Link(connection, _run_id(connection.read_response(disable_decoding=True)))
        except BaseException:
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise


class AsyncNodes:
    """As `Nodes`, for one event loop; hangs up when that ends."""

    def __init__(self, url: str, *, patience_seconds: float) -> None:
        limits = _limits(patience_seconds)
        self._pool = aredis.ConnectionPool.from_url(url, **limits)
        self._pool.connection_kwargs["protocol"] = 2
        self._idle: deque[Link] = deque()
        self._end: AsyncGenerator[None, None] | None = None
        # Whoever asks takes a turn. Waiting for it takes none of the patience that Redis is given.
        self.turn = asyncio.Semaphore(MOST_AT_ONCE)

    async def lend(self) -> tuple[Link, bool]:
        """As `Nodes.lend`."""
        try:
            return self._idle.pop(), False
        except IndexError:
            return await self._open(), True

    def give_back(self, link: Link) -> None:
        """As `Nodes.give_back`."""
        self._idle.append(link)

    async def hang_up(self, link: Link) -> None:
        """As `Nodes.hang_up`."""
        await link.connection.disconnect(nowait=True)

    async def close(self) -> None:
        """As `Nodes.close`."""
        while self._idle:
            await self._idle.pop().connection.disconnect()

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        # A loop closes its generators when it ends. An async view under WSGI has a loop of its own for each
        # request, and each would leave an open connection behind.
        try:
            yield
        finally:
            # Both may hold their loop, which is to be forgotten.
            self._end, self.turn = None, asyncio.Semaphore(MOST_AT_ONCE)
            await self.close()

    async def _open(self) -> Link:
        if self._end is None:
            self._end = self._until_the_end()
            await self._end.__anext__()
        connection = self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("INFO", "server")
            return Link(connection, _run_id(await connection.read_response(disable_decoding=True)))
        except BaseException:
            await connection.disconnect(nowait=True)
            raise


def _run_id(info: bytes) -> str:
    found = next(line for line in info.splitlines() if line.startswith(RUN_ID))
    return found.removeprefix(RUN_ID).decode()
