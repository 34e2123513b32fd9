"""The copies of sessions in Redis: three short scripts, one round trip each, and a pause when it is away.

A value is `idle end version copy` (milliseconds, milliseconds since 1970, a number, sealed bytes). Who is
about to change a session puts `mark …` in its place: whoever meets it asks the database, and puts no copy.
After a change of which there is no copy, `from version` says which copies may be put again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from redis.exceptions import ConnectionError as HungUp
from redis.exceptions import NoScriptError, ResponseError

from accounts import events
from accounts.nodes import AsyncNodes, Link, Nodes
from sessions_stateful import conf

PATIENCE_SECONDS = 0.25
PAUSE_SECONDS = 1.0
# A copy is put at most this long after it was read. What forbids it stays for longer, and a mark for longer
# than any save takes: so no copy from before a change comes after it.
PUT_WITHIN_MS = 60_000
FROM_MS = 2 * PUT_WITHIN_MS
MARK_MS = 600_000
# Whatever it is: what is no Redis may answer anything, and a session needs none.
FAILURES = Exception


class Script(NamedTuple):
    """A Lua script and the SHA-1 by which a server that has seen it knows it."""

    text: str
    sha: str


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

# Read, and slide the idle time of this session, never past its end.
LOAD = _script(
    NOW
    + """
local held = redis.call('GET', KEYS[1])
if not held then return false end
local idle, last = string.match(held, '^(%d+) (%d+) %d+ ')
if not idle then
  if string.match(held, '^from ') then return false end
  return 'marked'
end
local left = math.min(tonumber(idle), tonumber(last) - now)
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return false
end
redis.call('PEXPIRE', KEYS[1], left)
return held
"""
)

# ARGV: the mark, and for how long it stays.
MARK = _script("redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 'marked'")

# ARGV: our mark or '', version, until when it may be put, for how long it stays, the value.
PUT = _script(
    NOW
    + """
local held = redis.call('GET', KEYS[1])
local version = held and (string.match(held, '^%d+ %d+ (%d+) ') or string.match(held, '^from (%d+)'))
if now > tonumber(ARGV[3]) then return 0 end
if held and not version and held ~= ARGV[1] then return 0 end
if version and tonumber(version) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[4])
return 1
"""
)

# ARGV: version, the value. In place of a copy alone, which goes on to lie idle.
RENEW = _script(
    """
local held = redis.call('GET', KEYS[1])
local version = held and string.match(held, '^%d+ %d+ (%d+) ')
if not version or tonumber(version) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
"""
)


REMOVE = _script("redis.call('UNLINK', KEYS[1]) return 1")


class Away(Exception):
    """Redis did not answer, or is left alone because a moment ago it did not."""


class Found(NamedTuple):
    """What stood under a key (None: nothing; else a copy or a mark), and the server that said so."""

    copy: bytes | None
    is_marked: bool
    node: str


class Copies:
    """The Redis of one process."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self._url, self._prefix = url, prefix
        self._nodes = Nodes(url, patience_seconds=PATIENCE_SECONDS)
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncNodes] = WeakKeyDictionary()
        self._is_away = False
        self._quiet_until = 0.0

    def load(self, key_hash: str) -> Found:
        """What stands there; slides its idle time. Raises Away."""
        return _found(*self._call(LOAD, key_hash))

    async def aload(self, key_hash: str) -> Found:
        """As `load`, without another thread."""
        self._try()
        try:
            found = await self._aasked(LOAD, key_hash)
        except FAILURES as error:
            raise self._lost(error) from None
        self._answered()
        return _found(*found)

    def mark(self, key_hash: str) -> str:
        """Put a mark there and return it. Raises Away."""
        mark = f"mark {secrets.token_hex(8)}"
        try:
            self._call(MARK, key_hash, mark, MARK_MS)
        except Away:
            # One that is full has no room for a mark, but lets go of the copy: until the other processes have
            # heard of the change they would serve it.
            with suppress(Away):
                self.remove([key_hash])
            raise
        return mark

    def put(
        self, key_hash: str, value: bytes, *, version: int, stays_ms: int, until_ms: int, mark: str = ""
    ) -> None:
        """Put a copy there, unless a newer one or somebody else's mark is there. Raises Away."""
        self._call(PUT, key_hash, mark, version, until_ms, stays_ms, value)

    def settle(self, key_hash: str, *, version: int, mark: str) -> None:
        """Have copies of this version and later ones put there again, instead of our mark. Raises Away."""
        until = int(time.time() * 1000) + PUT_WITHIN_MS
        self._call(PUT, key_hash, mark, version, until, FROM_MS, f"from {version}")

    def renew(self, key_hash: str, value: bytes, *, version: int) -> None:
        """Put a copy in place of one that is not newer. Raises Away."""
        self._call(RENEW, key_hash, version, value)

    def remove(self, key_hashes: Iterable[str]) -> None:
        """Have nothing there. Raises Away."""
        for key_hash in key_hashes:
            self._call(REMOVE, key_hash)

    def node(self) -> str:
        """The server to which a copy would be written now. Raises Away."""
        self._try()
        try:
            link, _new = self._nodes.lend()
        except FAILURES as error:
            raise self._lost(error) from None
        self._nodes.give_back(link)
        return link.node

    def close(self) -> None:
        """Hang up."""
        self._nodes.close()

    def _call(self, script: Script, key_hash: str, *arguments: Any) -> tuple[Any, str]:
        self._try()
        try:
            answer = self._asked(script, key_hash, *arguments)
        except FAILURES as error:
            if script is not LOAD and isinstance(error, ResponseError):
                # It is full, say. What it holds can still be read.
                raise Away from None
            raise self._lost(error) from None
        self._answered()
        return answer

    def _asked(self, script: Script, key_hash: str, *arguments: Any) -> tuple[Any, str]:
        key = self._key(key_hash)
        while True:
            link, is_new = self._nodes.lend()
            try:
                try:
                    reply = _ask(link, "EVALSHA", script.sha, 1, key, *arguments)
                except NoScriptError:
                    reply = _ask(link, "EVAL", script.text, 1, key, *arguments)
            except ResponseError:
                # One that may not write has become a replica: the next connection leads to its master.
                self._nodes.hang_up(link)
                raise
            except HungUp:
                if is_new:
                    raise
                # It was closed while nobody used it; so are the others, perhaps.
                continue
            self._nodes.give_back(link)
            return reply, link.node

    async def _aasked(self, script: Script, key_hash: str) -> tuple[Any, str]:
        loop = asyncio.get_running_loop()
        nodes = self._loops.get(loop) or self._loops.setdefault(
            loop, AsyncNodes(self._url, patience_seconds=PATIENCE_SECONDS)
        )
        async with nodes.turn:
            return await self._aanswered(nodes, script, self._key(key_hash))

    async def _aanswered(self, nodes: AsyncNodes, script: Script, key: str) -> tuple[Any, str]:
        while True:
            link, is_new = await nodes.lend()
            try:
                try:
                    reply = await _aask(link, "EVALSHA", script.sha, 1, key)
                except NoScriptError:
                    reply = await _aask(link, "EVAL", script.text, 1, key)
            except ResponseError:
                await nodes.hang_up(link)
                raise
            except HungUp:
                if is_new:
                    raise
                continue
            nodes.give_back(link)
            return reply, link.node

    def _key(self, key_hash: str) -> str:
        # In braces: a cluster places a key by what stands in them.
        return f"{self._prefix}{{{key_hash}}}"

    def _try(self) -> None:
        if self._is_away:
            now = time.monotonic()
            if now < self._quiet_until:
                raise Away
            # This one tries; the others do not wait for what it finds.
            self._quiet_until = now + PAUSE_SECONDS

    def _lost(self, error: Exception) -> Away:
        self._quiet_until = time.monotonic() + PAUSE_SECONDS
        if not self._is_away:
            self._is_away = True
            events.note("session_copies_away", reason=type(error).__name__)
        return Away()

    def _answered(self) -> None:
        if self._is_away:
            self._is_away = False
            events.note("session_copies_back")


def _found(reply: Any, node: str) -> Found:
    if reply is None or reply == b"marked":
        return Found(None, reply is not None, node)
    return Found(reply.split(b" ", 3)[3], False, node)


def _ask(link: Link, *command: Any) -> Any:
    link.connection.send_command(*command)
    return link.connection.read_response(disable_decoding=True)


async def _aask(link: Link, *command: Any) -> Any:
    await link.connection.send_command(*command)
    return await link.connection.read_response(disable_decoding=True)


# By process id: a fork must not share the sockets of its parent.
_copies: dict[tuple[int, str], Copies] = {}


def here() -> Copies | None:
    """The copies that this process reaches, or None where the project has no Redis for sessions."""
    chosen = conf.current()
    if not chosen.redis_url:
        return None
    at = os.getpid(), chosen.redis_url
    return _copies.get(at) or _copies.setdefault(at, Copies(chosen.redis_url, prefix=chosen.redis_prefix))
