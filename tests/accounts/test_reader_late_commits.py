"""Rows become visible in the order of commits, not of stamps; on PostgreSQL no read is fooled by that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.logins import Login
from accounts.reader import LedgerReader
from tests.accounts.rows import (
    a_login,
    end,
    ended,
    on_postgresql,
    read,
    some_logins,
)
from tests.servers import wait_until


@pytest.fixture
def held_open(aside: Callable[[Callable[[], Any]], Any]) -> Iterator[Callable[[Login], Callable[[], None]]]:
    """`held_open(login)` ends it in a transaction that stays open until what it returned is called."""
    releases: list[Event] = []

    def begin(login: Login) -> Callable[[], None]:
        stamped, release = Event(), Event()
        releases.append(release)

        def job() -> None:
            with transaction.atomic():
                end(login)
                stamped.set()
                assert release.wait(20)

        ending = aside(job)
        assert stamped.wait(10)

        def commit() -> None:
            release.set()
            ending.result(timeout=10)

        return commit

    yield begin
    for release in releases:
        release.set()


@on_postgresql
def test_what_is_stamped_early_and_committed_late_is_not_missed(
    reader: LedgerReader, no_overlap: None, held_open: Callable[[Login], Callable[[], None]]
) -> None:
    """Feed 7: the oldest transaction that writes holds the mark back, however long it takes."""
    late, *others = some_logins(4)
    read(reader)
    commit = held_open(late)

    for other in others:
        end(other)
        assert other.pk in ended(reader)
        assert late.pk not in ended(reader)
    commit()

    assert late.pk in ended(reader)


@on_postgresql
def test_a_reader_that_starts_while_it_is_open_does_not_miss_it_either(
    reader: LedgerReader, no_overlap: None, held_open: Callable[[Login], Callable[[], None]]
) -> None:
    """Feed 7."""
    commit = held_open(login := a_login())
    read(reader)
    read(reader)

    commit()

    assert ended(reader) == [login.pk]


@on_postgresql
def test_what_was_stamped_before_its_transaction_could_be_seen_is_not_missed(
    reader: LedgerReader, aside: Callable[[Callable[[], Any]], Any]
) -> None:
    """Feed 7: a statement takes its instant, waits, then writes. The mark has passed it, not the overlap."""
    login = a_login()
    read(reader)
    slow = """
        UPDATE accounts_login SET ended_at = now(), changed_at = statement_timestamp()
        FROM pg_sleep(0.4) WHERE id = %s
    """

    writing = aside(lambda: connection.cursor().execute(slow, [login.pk]))
    wait_until(somebody_sleeps, what="the statement has begun")
    read(reader)
    writing.result(timeout=10)

    row = Login.objects.get()
    assert reader._mark
    assert row.changed_at
    assert row.changed_at < reader._mark
    assert ended(reader) == [login.pk]


def somebody_sleeps() -> bool:
    """Whether a statement is in the middle of `pg_sleep`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        return bool(cursor.fetchone()[0])


@on_postgresql
def test_a_writer_whose_beginning_is_hidden_holds_the_mark_where_it_was(
    reader: LedgerReader, no_overlap: None, held_open: Callable[[Login], Callable[[], None]]
) -> None:
    """Feed 7: PostgreSQL tells the beginning of another role's transactions only to `pg_read_all_stats`."""
    early, login = some_logins(2)
    with as_another_role(reader):
        read(reader)
        commit = held_open(login)
        end(early)
        found = [ended(reader), ended(reader)]
        commit()

        assert found == [[early.pk], [early.pk]]
        assert login.pk in ended(reader)


@on_postgresql
def test_a_reader_that_starts_beside_a_hidden_writer_goes_back_a_horizon_further(
    reader: LedgerReader, no_overlap: None, held_open: Callable[[Login], Callable[[], None]]
) -> None:
    commit = held_open(login := a_login())
    with as_another_role(reader):
        read(reader)
        commit()

        assert ended(reader) == [login.pk]


class as_another_role:  # noqa: N801 - reads as a verb
    """The reader's connection belongs to a role that may read the tables and nothing more."""

    def __init__(self, reader: LedgerReader) -> None:
        self.reader = reader

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE onlooker")
            cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker")
        with self.reader._open().cursor() as cursor:
            cursor.execute("SET ROLE onlooker")

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        with connection.cursor() as cursor:
            cursor.execute("DROP OWNED BY onlooker")
            cursor.execute("DROP ROLE onlooker")
