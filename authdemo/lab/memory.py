"""What a process pays for an access token that it has verified and remembers."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace
from typing import Any

from django.test import RequestFactory, override_settings

from authdemo.lab import ways
from authdemo.lab.tables import Table
from tokens_stateless import conf, keys

TOKENS = 1_000


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """So many tokens, each of so many bytes in the memory of a process."""

    tokens: int
    token_bytes: float


def measure(user: Any, *, tokens: int = TOKENS) -> Remembered:
    """Have this process verify so many of one person, all different; takes a second or two."""
    way = next(one for one in ways.ways() if one.name == ways.BEFORE)
    ask, factory = ways.view(way), RequestFactory()
    headers = [way.header(user) for _token in range(tokens)]
    with override_settings(TOKENS_STATELESS=replace(conf.current(), remembered_tokens=2 * tokens)):
        # What the first request brings with it is nobody's token.
        ask(factory.get("/", headers={"Authorization": way.header(user)}))
        known = len(keys.ring().remembered)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for header in headers:
                ask(factory.get("/", headers={"Authorization": header}))
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        known = len(keys.ring().remembered) - known
    keys.forget()
    return Remembered(tokens=known, token_bytes=grown / known)


def tables(found: Remembered) -> list[Table]:
    """In one line."""
    return [
        Table(
            title="What a process remembers of tokens",
            columns=("tokens remembered", "bytes a token"),
            rows=[[f"{found.tokens:,}", f"{found.token_bytes:.0f}"]],
            words=0,
        )
    ]
