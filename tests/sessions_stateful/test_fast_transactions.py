"""Copies of sessions and transactions: what was not committed is in no copy, and no copy fails a commit."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from accounts import logins
from accounts.models import User
from accounts.testing import alice
from sessions_stateful.store import SessionStore
from tests.sessions_stateful.copied import Copied, warm
from tests.sessions_stateful.third_party import key, statements, visit, who

pytestmark = [pytest.mark.redis, pytest.mark.urls("tests.sessions_stateful.third_party")]


def signed_in() -> Client:
    browser = Client()
    browser.force_login(alice())
    return browser


def test_rights_that_were_never_committed_stand_in_no_copy(copied: Copied) -> None:
    """A transaction gives them, looks at the session of that person, and is rolled back."""
    browser = signed_in()

    with transaction.atomic():
        User._base_manager.update(is_staff=True)
        assert SessionStore(key(browser)).user()
        transaction.set_rollback(True)

    assert visit(browser, lambda request: request.user.is_staff).content == b"False"


def test_a_session_that_was_never_committed_is_nobody_s(copied: Copied) -> None:
    """Nobody could end it: the ledger knows no such Login."""
    browser = signed_in()
    session = SessionStore(key(browser))

    with transaction.atomic():
        session.cycle_key()
        assert SessionStore(session.session_key).user()
        transaction.set_rollback(True)

    assert SessionStore(session.session_key).user() is None
    assert who(browser)


def test_what_a_transaction_has_loaded_has_a_copy_once_it_is_committed(copied: Copied) -> None:
    browser = signed_in()

    with transaction.atomic():
        SessionStore(key(browser)).user()

    with statements(0):
        assert SessionStore(key(browser)).user()


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
