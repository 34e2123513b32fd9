"""Fixtures for the rows of the standards: quick hashing that is counted, and those of the token flow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from accounts import logins, mail
from tests.standards.doors import CountingHasher
from tests.tokens_stateless.conftest import aside as aside
from tests.tokens_stateless.conftest import atomic_requests as atomic_requests
from tests.tokens_stateless.conftest import caller as caller
from tests.tokens_stateless.conftest import held as held
from tests.tokens_stateless.conftest import noted as noted
from tests.tokens_stateless.conftest import reached as reached
from tests.tokens_stateless.conftest import reasons as reasons
from tokens_stateless import keys


@pytest.fixture
def work() -> Iterator[list[int]]:
    """Passwords are hashed by a quick hasher; one entry for each time that it worked."""
    quick = f"{CountingHasher.__module__}.{CountingHasher.__qualname__}"
    with override_settings(PASSWORD_HASHERS=[quick, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]):
        CountingHasher.work.clear()
        yield CountingHasher.work


@pytest.fixture(autouse=True)
def _nothing_left_to_do(request: pytest.FixtureRequest) -> Iterator[None]:
    """A mail or a "last seen" that waits must not reach into the next test, nor may a key that is gone."""
    keys.forget()
    yield
    if request.node.get_closest_marker("django_db"):
        mail.wait()
        logins.writer.flush()
        logins._next_put.clear()
