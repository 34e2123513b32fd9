"""A setting of allauth's that is on for one way and off for another, in the same process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_on: ContextVar[bool] = ContextVar("on", default=False)


class Switch:
    """True while `switched_on`, and for nobody else: allauth asks for it at each request."""

    def __bool__(self) -> bool:
        return _on.get()


@contextmanager
def switched_on() -> Iterator[None]:
    """As if the setting were True."""
    before = _on.set(True)
    try:
        yield
    finally:
        _on.reset(before)
