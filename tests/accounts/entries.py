"""Entries of the stream, for tests that write and read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from accounts import mac, stream
from accounts.stream import Arrival, Follower
from tests.servers import wait_until

KEY = "authdemo:feed"
Opened = Callable[..., Follower]


def arrived(follower: Follower, count: int = 1) -> list[Arrival]:
    """The next so many entries, waited for."""
    found: list[Arrival] = []

    def enough() -> bool:
        found.extend(follower.arrived())
        return len(found) >= count

    wait_until(enough, what="arrivals", seconds=3)
    return found


def ids(count: int) -> tuple[UUID, ...]:
    """So many new ones."""
    return tuple(uuid4() for _ in range(count))


def signed(**fields: bytes) -> dict[Any, Any]:
    """An entry with a MAC of ours."""
    said = stream._said({name.encode(): value for name, value in fields.items()})
    return {**fields, "mac": mac.mac("feed", said)}
