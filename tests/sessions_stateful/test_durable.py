"""Sessions in the database: each verb is one statement, and a write names what it was made from."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from accounts import batches, logins
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import alice
from sessions_stateful import durable, keys
from sessions_stateful.models import Session
from tests.sessions_stateful.third_party import PATIENCE_SECONDS, beside, statements

GRACE = timedelta(minutes=1)
KEY, OTHER = "k" * 43, "o" * 43


def anonymous(key_hash: str = KEY, **changed: Any) -> dict[str, Any]:
    """The columns of a session that carries nobody."""
    expires_at = timezone.now() + timedelta(hours=1)
    return {"key_hash": key_hash, "data": b"data", "expires_at": expires_at, **changed}


def at(version: int) -> durable.Row:
    """What was read when the session of KEY had this version."""
    return durable.Row({"key_hash": KEY, "version": version}, None, None, timezone.now())


def bound(key_hash: str = KEY) -> dict[str, Any]:
    """The columns of a session that carries a new Login of Alice's."""
    now = timezone.now()
    person = alice()
    login = Login.objects.create(
        user=person,
        user_uuid=person.pk,
        flow="session",
        started_at=now,
        seen_at=now,
        idle_timeout=timedelta(minutes=30),
        expires_at=now + timedelta(hours=12),
    )
    return anonymous(key_hash, login_id=login.pk, expires_at=login.expires_at, authenticated_at=now)


def test_a_session_is_loaded_with_its_login_and_its_person_in_one_statement() -> None:
    durable.insert(bound())

    with statements(1):
        row = durable.load(KEY)

    assert row is not None
    assert (row.own["data"], row.login_id) == (b"data", Login.objects.get().pk)
    assert (row.login or {})["flow"] == "session"
    assert (row.user or {})["email"] == "alice@example.com"


def test_an_anonymous_session_has_neither() -> None:
    durable.insert(anonymous())

    row = durable.load(KEY)

    assert row is not None
    assert (row.login_id, row.login, row.user, row.build_user()) == (None, None, None, None)


def test_the_person_of_a_session_is_a_real_one_and_costs_no_statement() -> None:
    durable.insert(bound())
    row = durable.load(KEY)
    assert row is not None

    with statements(0):
        user = row.build_user()
        assert (user.email, user.is_active, user.is_staff, user.is_authenticated) == (  # type: ignore[union-attr]
            "alice@example.com",
            True,
            False,
            True,
        )
    with statements(1):
        assert user.date_joined  # type: ignore[union-attr]


def test_what_is_not_stored_is_none() -> None:
    assert durable.load(KEY) is None


def test_a_key_that_is_taken_is_not_written_over() -> None:
    assert durable.insert(anonymous(data=b"first"))

    assert not durable.insert(anonymous(data=b"second"))
    assert bytes(Session.objects.get().data) == b"first"


def test_a_write_is_one_statement_and_moves_the_version() -> None:
    durable.insert(anonymous())

    with statements(1):
        assert durable.update(at(1), anonymous(data=b"new"))

    assert (bytes(Session.objects.get().data), Session.objects.get().version) == (b"new", 2)


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_is_not_written_over(version: int) -> None:
    durable.insert(anonymous())

    assert not durable.update(at(version), anonymous(data=b"new"))
    assert bytes(Session.objects.get().data) == b"data"


def test_what_is_gone_is_not_written_again() -> None:
    durable.insert(anonymous())
    durable.delete(KEY)

    assert not durable.update(at(1), anonymous())
    assert not Session.objects.exists()


def test_nothing_is_written_for_a_login_that_has_ended_though_its_session_is_still_there() -> None:
    durable.insert(values := bound())
    Login.objects.update(ended_at=timezone.now())

    assert not durable.update(at(1), {**values, "data": b"late"})
    assert bytes(Session.objects.get().data) == b"data"


def test_a_new_key_kills_the_old_one_and_remembers_whom_it_replaced() -> None:
    durable.insert(anonymous())

    durable.update(at(1), anonymous(OTHER, replaced_hash=KEY))

    assert (durable.exists(KEY), durable.exists(OTHER)) == (False, True)
    assert (durable.was_replaced(KEY), durable.was_replaced(OTHER)) == (True, False)
    assert not durable.was_replaced(KEY, other_than=OTHER)


@pytest.mark.parametrize("written", [b"first", None], ids=["changed", "killed"])
def test_a_write_that_waited_for_another_one_sees_what_that_has_left(written: bytes | None) -> None:
    """S3, S8: PostgreSQL judges a row anew that it has waited for, so all it must meet has to stand there."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's writers stand in line before they look")
    durable.insert(values := bound())

    after = ExitStack()

    def write(held: Any) -> bool:
        held.arrived.set()
        return durable.update(at(1), {**values, "data": b"second"})

    with transaction.atomic():
        if written:
            durable.update(at(1), {**values, "data": written})
        else:
            logins.end([values["login_id"]], reason=EndReason.LOGOUT)
        held = after.enter_context(beside(write))
        _until_somebody_waits_for_a_lock()
    after.close()

    assert held.answer is False
    assert [bytes(session.data) for session in Session.objects.all()] == ([written] if written else [])


def _until_somebody_waits_for_a_lock() -> None:
    patience = monotonic() + PATIENCE_SECONDS
    with connection.cursor() as cursor:
        while monotonic() < patience:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return


def test_killing_is_one_statement_and_killing_what_is_not_there_is_fine() -> None:
    durable.insert(anonymous())

    with statements(1):
        durable.delete(KEY)
    durable.delete(KEY)

    assert not Session.objects.exists()


def test_the_sessions_of_some_logins_are_killed_and_no_others() -> None:
    durable.insert(values := bound())
    durable.insert(anonymous(OTHER))

    durable.delete_of([values["login_id"]])
    durable.delete_of([])

    assert [session.pk for session in Session.objects.all()] == [OTHER]


def test_what_has_expired_is_killed_in_batches_and_nothing_else() -> None:
    now, count = timezone.now(), batches.FIRST + 7
    expired = [anonymous(f"{number}", expires_at=now - timedelta(seconds=number)) for number in range(count)]
    Session.objects.bulk_create(Session(**values) for values in expired)
    durable.insert(anonymous(KEY))

    killed = list(durable.delete_expired())

    assert killed == [batches.FIRST, 7]
    assert [session.pk for session in Session.objects.all()] == [KEY]


@pytest.mark.parametrize(
    ("after", "refusal"),
    [
        (timedelta(), None),
        (timedelta(minutes=31), None),
        (timedelta(minutes=31, seconds=1), "expired"),
        (timedelta(hours=12), "expired"),
    ],
)
def test_a_session_is_refused_when_it_lay_idle_a_minute_too_long(
    after: timedelta, refusal: str | None
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        durable.insert(bound())
        row = durable.load(KEY)
        clock.shift(after)

        assert row is not None
        assert row.refusal(grace=GRACE) == refusal


def test_use_does_not_carry_a_login_past_its_absolute_end() -> None:
    values = bound()
    durable.insert({**values, "expires_at": values["expires_at"] + timedelta(days=1)})

    with time_machine.travel(values["expires_at"], tick=False):
        Login.objects.update(seen_at=timezone.now())
        row = durable.load(KEY)

    assert row is not None
    with time_machine.travel(values["expires_at"], tick=False):
        assert row.refusal(grace=GRACE) == "expired"


def test_an_anonymous_session_is_refused_at_its_end() -> None:
    durable.insert(values := anonymous())
    row = durable.load(KEY)

    assert row is not None
    assert row.refusal(grace=GRACE) is None
    with time_machine.travel(values["expires_at"], tick=False):
        assert row.refusal(grace=GRACE) == "expired"


@pytest.mark.parametrize("change", ["ended", "disabled", "deleted"])
def test_a_session_is_refused_when_its_login_or_its_person_is_not_good(change: str) -> None:
    durable.insert(bound())
    # Past every verb of ours, as a hand in the database would do it.
    {
        "ended": lambda: Login.objects.update(ended_at=timezone.now()),
        "disabled": lambda: User._base_manager.update(is_active=False),
        "deleted": lambda: Login.objects.update(user=None),
    }[change]()

    row = durable.load(KEY)

    assert row is not None
    assert row.refusal(grace=GRACE) == "ended"


def test_the_hash_that_is_stored_is_the_one_that_keys_make() -> None:
    key = keys.new_key()
    durable.insert(anonymous(keys.hashed(key)))

    assert durable.exists(keys.hashed(key))
