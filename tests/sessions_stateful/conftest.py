"""Fixtures for the tests of the cookie flow: what was noted, and a stop for what writes behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from accounts import logins


class Noted(logging.Handler):
    """The names of the events that were written to the log, and their fields."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return [record.getMessage() for record in self.records]

    def __str__(self) -> str:
        return "\n".join(f"{record.getMessage()} {record.__dict__}" for record in self.records)


@pytest.fixture
def noted() -> Iterator[Noted]:
    """What the log of events was told during this test."""
    handler, logger = Noted(), logging.getLogger("accounts.events")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture(autouse=True)
def _nothing_left_to_write(request: pytest.FixtureRequest) -> Iterator[None]:
    """A use of a Login that waits to be written must not wait into the next test."""
    yield
    if request.node.get_closest_marker("django_db"):
        logins.writer.flush()
