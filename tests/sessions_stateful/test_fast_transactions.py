"""Copies of sessions and transactions: what was not committed is in no copy, and no copy fails a commit."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from accounts import logins
from accounts.testing import alice
from sessions_stateful.store import SessionStore
from tests.sessions_stateful.copied import Copied, warm
from tests.sessions_stateful.third_party import key

pytestmark = [pytest.mark.redis, pytest.mark.urls("tests.sessions_stateful.third_party")]


def signed_in() -> Client:
    browser = Client()
    browser.force_login(alice())
    return browser


def test_a_copy_that_fails_after_the_commit_fails_nothing_else(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is lost after the commit, and then the database: the news of an end is still told."""
    browser = warm(signed_in())
    session, told = SessionStore(key(browser)), []
    session["colour"] = "red"

    def lost(*_args: Any, **_more: Any) -> None:
        raise DatabaseError

    with transaction.atomic():
        session.save()
        transaction.on_commit(lambda: told.append("news"))
        copied.cut_off()
        monkeypatch.setattr(logins, "outdate", lost)

    assert told == ["news"]
