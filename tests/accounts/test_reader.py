"""A read of the ledger misses no late commit, and nothing after a lost connection or a clock set back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import DatabaseError, connection, connections, transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import feed, flows, logins
from accounts import reader as module
from accounts.feed import Topic
from accounts.logins import Login
from accounts.models import User
from accounts.reader import LedgerReader
from tests.accounts.rows import (
    a_login,
    a_person,
    end,
    ended,
    on_sqlite,
    read,
    some_logins,
    stamp,
    taken_back,
)

HOUR = timedelta(hours=1)


def test_a_read_finds_ended_logins_changed_people_and_moved_topics(reader: LedgerReader) -> None:
    login, person = a_login(), a_person("bob@example.com")
    end(login)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    feed.publish(topics=["keys"])

    found = read(reader)

    expected = {("login", login.pk, 0), ("user", person.pk, 2), ("topic", feed.topic_id("keys"), 1)}
    assert (set(found), len(found)) == (expected, 3)


def test_what_is_live_and_what_is_only_seen_is_not_found(reader: LedgerReader) -> None:
    login = a_login(seen_at=timezone.now() - HOUR)

    logins._write_seen([login.pk])
    Login.objects.filter(pk=login.pk).update(device="another")

    assert read(reader) == []


def test_uncommitted_and_rolled_back_ends_are_not_found(reader: LedgerReader) -> None:
    login = a_login()

    with taken_back():
        end(login)

    assert read(reader) == []


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 100])
def test_pieces_leave_nothing_out_and_give_nothing_twice(
    reader: LedgerReader, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five share one stamp, so that only their ids tell one piece from the next."""
    together, later = some_logins(5), some_logins(2)
    end(*together)
    end(*later)
    feed.publish(topics=["keys"])
    monkeypatch.setattr(module, "PIECE", piece)

    found = [who for _kind, who, _version in read(reader)]

    assert len(found) == 8
    assert set(found) == {login.pk for login in together + later} | {feed.topic_id("keys")}


def test_the_next_read_goes_on_from_a_little_before_the_mark(reader: LedgerReader) -> None:
    old, recent, new = some_logins(3)
    stamp(old, Now() - timedelta(seconds=60))
    stamp(recent, Now())
    first = ended(reader)

    stamp(new, Now())

    assert set(first) == {old.pk, recent.pk}
    assert set(ended(reader)) == {recent.pk, new.pk}


def test_the_first_read_goes_back_a_horizon_and_no_further(reader: LedgerReader) -> None:
    horizon = flows.horizon()
    within, without, now = some_logins(3)
    stamp(within, Now() - horizon - timedelta(seconds=20))
    stamp(without, Now() - horizon - timedelta(seconds=60))
    stamp(now, Now())

    assert set(ended(reader)) == {within.pk, now.pk}


def test_a_reader_that_lost_its_connection_goes_on_from_its_mark(reader: LedgerReader) -> None:
    missed, late = some_logins(2)
    read(reader)
    reader.close()

    stamp(missed, Now() - timedelta(seconds=25))
    end(late)

    assert set(ended(reader)) == {missed.pk, late.pk}


def test_a_clock_that_was_set_back_hides_no_end(reader: LedgerReader, no_overlap: None) -> None:
    """By an hour, after a read: what ends then bears stamps from before the mark."""
    before, after = some_logins(2)
    stamp(before, Now() + HOUR)
    read_ahead(reader)

    end(after)

    assert after.pk in ended(reader)


def read_ahead(reader: LedgerReader) -> None:
    """Read while all clocks are an hour ahead."""
    if connection.vendor == "sqlite":
        with time_machine.travel(timezone.now() + HOUR, tick=False):
            read(reader)
    else:
        read(reader)
        assert reader._mark
        reader._mark += HOUR


def test_a_stamp_from_the_future_hides_no_end_from_a_new_reader(reader: LedgerReader) -> None:
    future, now = some_logins(2)
    stamp(future, Now() + HOUR)
    end(now)

    assert set(ended(reader)) == {future.pk, now.pk}


def test_a_read_uses_the_indexes_alone(reader: LedgerReader) -> None:
    end(*some_logins(3))
    opened = reader._open()
    opened.force_debug_cursor = True
    read(reader)
    (sql,) = (query["sql"] for query in opened.queries_log if "'topic'" in query["sql"])

    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The tables of a test are so small that reading them whole is cheaper.
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' * (connection.vendor == 'sqlite')}{sql}")
        plan = "\n".join(str(row) for row in cursor.fetchall())

    assert len(re.findall(r"(?:login|user|topic)_changed", plan)) >= 3
    assert not re.search(r"Seq Scan|SCAN accounts", plan)


@on_sqlite
def test_a_glance_tells_whether_somebody_has_written(reader: LedgerReader) -> None:
    login = a_login()
    unread = reader.unchanged()
    read(reader)
    quiet = reader.unchanged()

    end(login)

    assert (unread, quiet, reader.unchanged()) == (False, True, False)


@on_sqlite
def test_what_is_written_during_a_read_is_read_again(
    reader: LedgerReader, gate: Any, aside: Callable[[Callable[[], Any]], Any]
) -> None:
    """The number is asked before the rows; the other way round the end between them would be lost."""
    login = a_login()
    after_rows = gate(reader, "_pieces", after=True)

    reading = aside(lambda: read(reader))
    after_rows.await_somebody()
    end(login)
    after_rows.open()

    assert reading.result(timeout=10) == []
    assert not reader.unchanged()
    assert ended(reader) == [login.pk]


@on_sqlite
def test_an_open_transaction_of_the_request_does_not_blind_it(reader: LedgerReader, another: Any) -> None:
    """Feed 2: inside a read transaction `data_version` stands still, so the reader has its own connection."""
    login = a_login()
    read(reader)

    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        cursor.execute("SELECT count(*) FROM accounts_login")
        another.ask("end", login.pk)
        changed = not reader.unchanged()
        cursor.execute("ROLLBACK")

    assert changed
    assert ended(reader) == [login.pk]


@on_sqlite
def test_a_failing_glance_is_a_database_error(reader: LedgerReader) -> None:
    """The raw connection's own exceptions would pass everybody who expects Django's."""
    read(reader)
    opened: Any = reader._open().connection
    opened.set_authorizer(lambda *_args: 1)

    with pytest.raises(DatabaseError):
        reader.unchanged()


@on_sqlite
def test_a_database_in_memory_has_nobody_else_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections["default"], "is_in_memory_db", lambda: True)
    alone = LedgerReader()

    assert (alone.alone, alone.unchanged(), read(alone), alone._connection) == (True, True, [], None)


def test_topics_are_named_by_what_they_are_about() -> None:
    feed.publish(topics=["keys"])

    assert Topic.objects.get().pk == feed.topic_id("keys") != feed.topic_id("locks")
    assert uuid4() != feed.topic_id("keys")
