"""Fixtures for the rows of the standards: quick hashing that is counted, and the events that were logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.test import override_settings

from accounts import logins, mail
from tests.standards.doors import CountingHasher


@pytest.fixture
def work() -> Iterator[list[int]]:
    """Passwords are hashed by a quick hasher; one entry for each time that it worked."""
    quick = f"{CountingHasher.__module__}.{CountingHasher.__qualname__}"
    with override_settings(PASSWORD_HASHERS=[quick, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]):
        CountingHasher.work.clear()
        yield CountingHasher.work


@pytest.fixture
def noted() -> Iterator[list[str]]:
    """The names of the events that are logged during the test."""
    names: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger("accounts.events")
    handler.emit = lambda record: names.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    yield names
    logger.removeHandler(handler)


@pytest.fixture(autouse=True)
def _nothing_left_to_do(request: pytest.FixtureRequest) -> Iterator[None]:
    """A mail or a "last seen" that waits must not reach into the next test."""
    yield
    if request.node.get_closest_marker("django_db"):
        mail.wait()
        logins.writer.flush()
        logins._last_put.clear()
