"""Connections to Redis that tell which server process has answered, and lead to the one that has the key.

The third-party client's own pools are made for commands of all kinds; here one short question at a time is on
the path of a request, so a connection is lent, asked and given back, and nothing else is done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from redis import asyncio as aredis
from redis.connection import ConnectionInterface
from redis.exceptions import AskError, ClusterDownError, MovedError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as HungUp

from accounts.whereabouts import Address, Nowhere, Whereabouts, limits, pool_of

T = TypeVar("T")

RUN_ID = b"run_id:"
TURNS = 3
# Connections of one event loop, which asks for the answers one by one in any case.
MOST_AT_ONCE = 16
# What a server answers that is no master any more, or is cut off from its replicas or its Cluster; a script
# hears the same in the middle of a sentence.
DEMOTED = (ReadOnlyError, ClusterDownError)
DEMOTED_WORDS = ("READONLY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN")


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection, and the `run_id` of the server process at its other end."""

    connection: Any
    node: str
    address: Address
    # Of a slot that is just being moved here: each command must say that it knows.
    is_guest: bool = False

    def ask(self, *command: Any) -> Any:
        """Send a command and return its answer; the client's errors pass."""
        if self.is_guest:
            self.connection.send_command("ASKING")
            self.connection.read_response(disable_decoding=True)
        self.connection.send_command(*command)
        return self.connection.read_response(disable_decoding=True)

    def ask_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send all in one piece and return their answers; an error leaves the rest unread."""
        if self.is_guest:
            return [self.ask(*command) for command in commands]
        self.connection.send_packed_command(self.connection.pack_commands(commands))
        return [self.connection.read_response(disable_decoding=True) for _command in commands]

    async def aask(self, *command: Any) -> Any:
        """As `ask`, for a connection of a loop."""
        if self.is_guest:
            await self.connection.send_command("ASKING")
            await self.connection.read_response(disable_decoding=True)
        await self.connection.send_command(*command)
        return await self.connection.read_response(disable_decoding=True)


def _is_lost(error: Exception) -> bool:
    """Whether the server is not there, or is not what it was: its other connections are of no use either."""
    if isinstance(error, DEMOTED) or not isinstance(error, ResponseError):
        return True
    return any(word in str(error) for word in DEMOTED_WORDS)


class _Question:
    """What became of one question so far, and whether to ask it again."""

    __slots__ = ("_turns_left", "_where", "guest_at")

    def __init__(self, where: Whereabouts) -> None:
        self._where, self._turns_left = where, TURNS
        self.guest_at: Address | None = None

    def may_be_asked_again(self, error: Exception, link: Link, *, is_new: bool) -> bool:
        """Whether another connection may answer; else who asked hears of the error."""
        self.guest_at = None
        if isinstance(error, MovedError):
            self._where.moved(error, said_by=link.address)
        elif isinstance(error, AskError):
            host, port = error.node_addr
            self.guest_at = (host or link.address[0], port)
        elif isinstance(error, HungUp) and not is_new:
            # It was closed while nobody used it, perhaps.
            return True
        elif not isinstance(error, ResponseError) or not _is_lost(error):
            return False
        self._turns_left -= 1
        return self._turns_left > 0


class _Links:
    """The connections that nobody uses now, by address."""

    def __init__(self, where: Whereabouts) -> None:
        self.where = where
        self._idle: dict[Address, deque[Link]] = {}

    def doubt(self) -> None:
        """Ask where the keys are before the next connection is lent."""
        self.where.doubt()

    def _kept(self, address: Address | None) -> Link | None:
        try:
            return self._idle[address].pop()  # type: ignore[index]
        except (IndexError, KeyError):
            return None

    def _keep(self, link: Link) -> None:
        self._idle.setdefault(link.address, deque()).append(link)

    def _taken(self, gone: Iterable[Address]) -> list[Link]:
        return [link for address in gone for link in self._idle.pop(address, ())]

    def _out_of_use(self) -> list[Link]:
        return self._taken(set(self._idle) - self.where.addresses())

    def _address(self, key: str) -> Address:
        address = self.where.address(key)
        if address is None:
            self.where.doubt()
            raise Nowhere
        return address


class Nodes(_Links):
    """The connections of one process to one Redis, of however many servers; safe for threads."""

    def __init__(self, where: Whereabouts) -> None:
        super().__init__(where)
        self._pool = pool_of(where.told.url, patience_seconds=where.patience_seconds)

    def at(self, key: str, ask: Callable[[Link], T]) -> tuple[T, str]:
        """What the server that has the key answers, and its `run_id`. The client's errors pass."""
        question: _Question | None = None
        while True:
            link, is_new = self._lend(key, question.guest_at if question else None)
            try:
                answer = ask(link)
            except Exception as error:
                self.hang_up(link)
                if _is_lost(error):
                    self._forget(link.address)
                question = question or _Question(self.where)
                if not question.may_be_asked_again(error, link, is_new=is_new):
                    raise
                continue
            except BaseException:
                self.hang_up(link)
                raise
            if link.is_guest:
                self.hang_up(link)
            else:
                self._keep(link)
            return answer, link.node

    def open(self, key: str) -> Link:
        """A connection of the caller's own to the server that has the key. The client's errors pass."""
        self._learn()
        return self._open(self._address(key))

    def run_ids(self) -> dict[Address, str]:
        """The `run_id` of each server that has keys, those left out that are not there, unless none is."""
        self._learn()
        found = {address: self._run_id_of(address) for address in self.where.addresses()}
        answered = {address: run_id for address, run_id in found.items() if run_id}
        if not answered:
            raise Nowhere
        return answered

    def reach(self) -> None:
        """Have each server that has keys answer over a new connection. The client's errors pass."""
        self._learn()
        for address in self.where.addresses() or {self._address("")}:
            link = self._open(address)
            try:
                link.ask("PING")
            finally:
                self.hang_up(link)

    def hang_up(self, link: Link) -> None:
        """Close a connection that is of no more use."""
        link.connection.disconnect()

    def close(self) -> None:
        """Hang up all that are not lent."""
        for link in self._taken(list(self._idle)):
            self.hang_up(link)

    def _lend(self, key: str, guest_at: Address | None) -> tuple[Link, bool]:
        """A connection, and whether it is new: an older one may have been closed at the other end."""
        if guest_at:
            return self._open(guest_at, is_guest=True), True
        if self.where.in_doubt:
            self._learn()
        link = self._kept(self.where.address(key))
        return (link, False) if link else (self._open(self._address(key)), True)

    def _run_id_of(self, address: Address) -> str:
        try:
            link = self._kept(address) or self._open(address)
        except Exception:
            return ""
        self._keep(link)
        return link.node

    def _learn(self) -> None:
        if self.where.in_doubt:
            self.where.learn()
            for link in self._out_of_use():
                self.hang_up(link)

    def _forget(self, address: Address) -> None:
        self.where.doubt()
        for link in self._taken([address]):
            self.hang_up(link)

    def _open(self, address: Address, *, is_guest: bool = False) -> Link:
        # Not of the pool's own: it counts what it makes, and this may be tried each second for days.
        connection: ConnectionInterface = self._pool.connection_class(
            **{**self._pool.connection_kwargs, **self.where.reached_by(address)}
        )
        link = Link(connection, "", address)
        try:
            connection.connect()  # type: ignore[no-untyped-call]
            run_id = _run_id(link.ask("INFO", "server"))
            if self.where.must_be_master:
                _be_master(link.ask("ROLE"))
        except BaseException:
            self.hang_up(link)
            self._forget(address)
            raise
        return replace(link, node=run_id, is_guest=is_guest)


class AsyncNodes(_Links):
    """As `Nodes`, for one event loop; hangs up when that ends."""

    def __init__(self, where: Whereabouts) -> None:
        super().__init__(where)
        waits = limits(where.told.url, patience_seconds=where.patience_seconds)
        self._pool = aredis.ConnectionPool.from_url(where.told.url, **waits)
        self._pool.connection_kwargs["protocol"] = 2
        self._end: AsyncGenerator[None, None] | None = None
        # Whoever asks takes a turn. Waiting for it takes none of the patience that Redis is given.
        self._turn = asyncio.Semaphore(MOST_AT_ONCE)

    async def at(self, key: str, ask: Callable[[Link], Awaitable[T]]) -> tuple[T, str]:
        """As `Nodes.at`."""
        async with self._turn:
            return await self._at(key, ask)

    async def close(self) -> None:
        """As `Nodes.close`."""
        for link in self._taken(list(self._idle)):
            await link.connection.disconnect()

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        # A loop closes its generators when it ends. An async view under WSGI has a loop of its own for each
        # request, and each would leave an open connection behind.
        try:
            yield
        finally:
            # Both may hold their loop, which is to be forgotten.
            self._end, self._turn = None, asyncio.Semaphore(MOST_AT_ONCE)
            await self.close()

    async def _at(self, key: str, ask: Callable[[Link], Awaitable[T]]) -> tuple[T, str]:
        question: _Question | None = None
        while True:
            link, is_new = await self._lend(key, question.guest_at if question else None)
            try:
                answer = await ask(link)
            except Exception as error:
                await self._hang_up(link)
                if _is_lost(error):
                    await self._forget(link.address)
                question = question or _Question(self.where)
                if not question.may_be_asked_again(error, link, is_new=is_new):
                    raise
                continue
            except BaseException:
                await self._hang_up(link)
                raise
            if link.is_guest:
                await self._hang_up(link)
            else:
                self._keep(link)
            return answer, link.node

    async def _lend(self, key: str, guest_at: Address | None) -> tuple[Link, bool]:
        if guest_at:
            return await self._open(guest_at, is_guest=True), True
        if self.where.in_doubt:
            # Another thread asks: that is once, and after a failure.
            await asyncio.to_thread(self.where.learn)
            for gone in self._out_of_use():
                await self._hang_up(gone)
        link = self._kept(self.where.address(key))
        return (link, False) if link else (await self._open(self._address(key)), True)

    async def _hang_up(self, link: Link) -> None:
        await link.connection.disconnect(nowait=True)

    async def _forget(self, address: Address) -> None:
        self.where.doubt()
        for link in self._taken([address]):
            await self._hang_up(link)

    async def _open(self, address: Address, *, is_guest: bool = False) -> Link:
        if self._end is None:
            self._end = self._until_the_end()
            await self._end.__anext__()
        connection = self._pool.connection_class(
            **{**self._pool.connection_kwargs, **self.where.reached_by(address)}
        )
        link = Link(connection, "", address)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            run_id = _run_id(await link.aask("INFO", "server"))
            if self.where.must_be_master:
                _be_master(await link.aask("ROLE"))
        except BaseException:
            await self._hang_up(link)
            await self._forget(address)
            raise
        return replace(link, node=run_id, is_guest=is_guest)


def _run_id(info: bytes) -> str:
    found = next(line for line in info.splitlines() if line.startswith(RUN_ID))
    return found.removeprefix(RUN_ID).decode()


def _be_master(role: list[Any]) -> None:
    if role[0] != b"master":
        raise HungUp("The server that was named as the master is none.")
