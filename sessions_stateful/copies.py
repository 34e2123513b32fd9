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
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from redis.exceptions import NoScriptError, ResponseError

from accounts import events, whereabouts
from accounts.nodes import AsyncNodes, Link, Nodes
from accounts.whereabouts import Address
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
if ARGV[1] ~= '' and held ~= ARGV[1] then return 0 end
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
        self._prefix = prefix
        self._where = whereabouts.find(url, patience_seconds=PATIENCE_SECONDS)
        self._nodes = Nodes(self._where)
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncNodes] = WeakKeyDictionary()
        # The servers that are away, and until when each is left alone (on the monotonic clock).
        self._quiet: dict[Address | None, float] = {}

    def load(self, key_hash: str) -> Found:
        """What stands there; slides its idle time. Raises Away."""
        return _found(*self._call(LOAD, key_hash))

    async def aload(self, key_hash: str) -> Found:
        """As `load`, without another thread."""
        key = self._key(key_hash)
        address = self._try(key)
        try:
            answer, node = await self._here().at(key, partial(_aeval, LOAD, key))
        except FAILURES as error:
            raise self._lost(address, error) from None
        self._answered(address)
        return _found(answer, node)

    def mark(self, key_hash: str) -> tuple[str, str]:
        """Put a mark there; returns it, and the server that has it. Raises Away."""
        mark = f"mark {secrets.token_hex(8)}"
        try:
            _marked, node = self._call(MARK, key_hash, mark, MARK_MS)
        except Away:
            # One that is full has no room for a mark, but lets go of the copy: until the other processes have
            # heard of the change they would serve it.
            with suppress(Away):
                self.remove([key_hash])
            raise
        return mark, node

    def put(
        self, key_hash: str, value: bytes, *, version: int, stays_ms: int, until_ms: int, mark: str = ""
    ) -> None:
        """Put a copy there, unless a newer one or a mark is there. Raises Away.

        After a change, in place of its `mark` alone; Away as well where that is gone: whoever read before the
        change may put what they have read.
        """
        reply, _node = self._call(PUT, key_hash, mark, version, until_ms, stays_ms, value)
        if mark and not reply:
            raise Away

    def settle(self, key_hash: str, *, version: int, mark: str) -> None:
        """Have copies of this version and later ones put there again, instead of our mark. Raises Away."""
        until = int(time.time() * 1000) + PUT_WITHIN_MS
        floor = f"from {version}".encode()
        self.put(key_hash, floor, version=version, stays_ms=FROM_MS, until_ms=until, mark=mark)

    def renew(self, key_hash: str, value: bytes, *, version: int) -> None:
        """Put a copy in place of one that is not newer. Raises Away."""
        self._call(RENEW, key_hash, version, value)

    def remove(self, key_hashes: Iterable[str]) -> None:
        """Have nothing there. Raises Away."""
        for key_hash in key_hashes:
            self._call(REMOVE, key_hash)

    def nodes(self) -> Callable[[str], str]:
        """Which server has the copy under a hash, as of now. Raises Away, and so does what it returns."""
        now = time.monotonic()
        if self._quiet and all(self._quiet.get(one, 0.0) > now for one in self._where.addresses()):
            raise Away
        try:
            run_ids = self._nodes.run_ids()
        except FAILURES:
            raise Away from None

        def node(key_hash: str) -> str:
            try:
                return run_ids[self._where.address(self._key(key_hash))]  # type: ignore[index]
            except KeyError:
                raise Away from None

        return node

    def close(self) -> None:
        """Hang up."""
        self._nodes.close()

    def _call(self, script: Script, key_hash: str, *arguments: Any) -> tuple[Any, str]:
        key = self._key(key_hash)
        address = self._try(key)
        try:
            answer = self._nodes.at(key, partial(_eval, script, key, *arguments))
        except FAILURES as error:
            if script is not LOAD and isinstance(error, ResponseError):
                # It is full, say. What it holds can still be read.
                raise Away from None
            raise self._lost(address, error) from None
        self._answered(address)
        return answer

    def _here(self) -> AsyncNodes:
        loop = asyncio.get_running_loop()
        return self._loops.get(loop) or self._loops.setdefault(loop, AsyncNodes(self._where))

    def _key(self, key_hash: str) -> str:
        # In braces: a cluster places a key by what stands in them.
        return f"{self._prefix}{{{key_hash}}}"

    def _try(self, key: str) -> Address | None:
        address = self._where.address(key)
        if self._quiet and (until := self._quiet.get(address)) is not None:
            now = time.monotonic()
            if now < until:
                raise Away
            # This one tries; the others do not wait for what it finds.
            self._quiet[address] = now + PAUSE_SECONDS
        return address

    def _lost(self, address: Address | None, error: Exception) -> Away:
        was_there = not self._quiet
        self._quiet[address] = time.monotonic() + PAUSE_SECONDS
        if was_there:
            events.note("session_copies_away", reason=type(error).__name__)
        return Away()

    def _answered(self, address: Address | None) -> None:
        if not self._quiet:
            return
        # Those that are not in use any more will never answer.
        in_use = self._where.addresses() - {address}
        was_away = list(self._quiet)
        self._quiet = {one: until for one, until in list(self._quiet.items()) if one in in_use}
        if was_away and not self._quiet:
            events.note("session_copies_back")


def _found(reply: Any, node: str) -> Found:
    if reply is None or reply == b"marked":
        return Found(None, reply is not None, node)
    return Found(reply.split(b" ", 3)[3], False, node)


def _eval(script: Script, key: str, *rest: Any) -> Any:
    *arguments, link = rest
    try:
        return link.ask("EVALSHA", script.sha, 1, key, *arguments)
    except NoScriptError:
        return link.ask("EVAL", script.text, 1, key, *arguments)


async def _aeval(script: Script, key: str, link: Link) -> Any:
    try:
        return await link.aask("EVALSHA", script.sha, 1, key)
    except NoScriptError:
        return await link.aask("EVAL", script.text, 1, key)


# By process id: a fork must not share the sockets of its parent.
_copies: dict[tuple[int, str], Copies] = {}


def here() -> Copies | None:
    """The copies that this process reaches, or None where the project has no Redis for sessions."""
    chosen = conf.current()
    if not chosen.redis_url:
        return None
    at = os.getpid(), chosen.redis_url
    return _copies.get(at) or _copies.setdefault(at, Copies(chosen.redis_url, prefix=chosen.redis_prefix))
