"""Counts round trips to Redis: what goes out over redis-py's connections, ours and the peers' alike.

Django's cache and our copies both send by the same method; whoever has a socket of its own says so. What the
feed asks waits at the server until there is news, and no request waits for it: that is nobody's round trip.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.connection import AbstractConnection

FEED = b"$5\r\nXREAD\r\n"

_count: list[int] | None = None


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many round trips this thread makes meanwhile; a pipeline is one."""
    global _count
    mine, send = threading.get_ident(), AbstractConnection.send_packed_command

    def sending(self: Any, command: Any, *rest: Any, **more: Any) -> Any:
        if threading.get_ident() == mine and not _waits(command):
            made()
        return send(self, command, *rest, **more)  # type: ignore[no-untyped-call]

    _count = count = [0]
    AbstractConnection.send_packed_command = sending  # type: ignore[method-assign]
    try:
        yield count
    finally:
        AbstractConnection.send_packed_command = send  # type: ignore[method-assign]
        _count = None


def made() -> None:
    """A round trip is being made, past redis-py perhaps."""
    if _count is not None:
        _count[0] += 1


def _waits(command: Any) -> bool:
    first = command if isinstance(command, (bytes, str)) else next(iter(command), b"")
    return FEED in (first.encode() if isinstance(first, str) else bytes(first))[:40]
