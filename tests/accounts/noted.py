"""What the log of events was told, for tests that ask whether somebody would learn of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accounts import events


class Noted(logging.Handler):
    """The events that were written to the log, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep its name and its fields."""
        self.events.append((record.getMessage(), getattr(record, "event", {})))

    def names(self) -> list[str]:
        """The names alone."""
        return [name for name, _fields in self.events]


@contextmanager
def listening() -> Iterator[Noted]:
    """Everything that is noted meanwhile."""
    handler = Noted()
    events.logger.addHandler(handler)
    try:
        yield handler
    finally:
        events.logger.removeHandler(handler)
