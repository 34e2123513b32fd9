"""Fixtures for the tests of the cookie flow: what was noted, and a stop for what writes behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from accounts import logins
from sessions_stateful import conf, copies
from tests.proxy import Proxy
from tests.servers import RedisServer
from tests.sessions_stateful.copied import Copied


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


@pytest.fixture
def copied(redis_server: RedisServer, settings: Any) -> Iterator[Copied]:
    """Sessions have copies in a Redis of this test alone, which is reached through a proxy."""
    with Proxy(redis_server.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        settings.SESSIONS_STATEFUL = replace(conf.current(), redis_url=url)
        yield Copied(redis_server, proxy)
        if held := copies.here():
            held.close()
