"""What another process has committed is known here in time, whatever was forked, cut off or busy."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.db.models.functions import Now

from accounts import conf, flows, standing
from accounts.errors import StandingUnknown
from accounts.logins import Login
from accounts.standing import Answer
from tests.accounts.another import AnotherProcess
from tests.accounts.rows import a_login, asked, check, end, on_postgresql, on_sqlite, some_logins
from tests.servers import wait_until

HORIZON = flows.horizon().total_seconds()


def gone(_execute: Any, *_args: Any) -> Any:
    """Every statement of the request's own connection fails."""
    raise OperationalError("the server is gone")


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """`unreachable()`: the reader loses its connection and can make no other."""

    def cut() -> None:
        place = {"NAME": "/nowhere/x.sqlite3"} if connection.vendor == "sqlite" else {"HOST": "/nowhere"}
        for name, value in place.items():
            monkeypatch.setitem(connections["default"].settings_dict, name, value)
        standing.here()._reader.close()

    return cut


@pytest.mark.usefixtures("no_reader")
def test_while_the_reader_is_cut_off_it_vouches_within_the_budget_then_asks_then_refuses(
    clock: Callable[[float], None], unreachable: Callable[[], None]
) -> None:
    login = a_login()
    check(login)
    unreachable()

    within = asked(lambda: check(login))
    clock(6)
    beyond = asked(lambda: check(login))

    assert (within, beyond) == (0, 1)
    with connection.execute_wrapper(gone), pytest.raises(StandingUnknown):
        check(login)


def test_a_process_that_starts_cut_off_asks_from_its_first_request(unreachable: Callable[[], None]) -> None:
    login = a_login()
    unreachable()

    assert asked(lambda: [check(login), check(login)]) == 2
    assert standing.age() is None


def test_what_ended_while_the_reader_was_cut_off_is_known_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch, unreachable: Callable[[], None], another: AnotherProcess
) -> None:
    login = a_login()
    check(login)
    unreachable()
    another.ask("end", login.pk)
    standing.here()._read()

    monkeypatch.undo()
    standing.here()._read()

    assert asked(lambda: check(login)) == 0
    assert check(login) is Answer.ENDED


def test_the_age_is_the_time_since_the_read_began(gate: Any, aside: Any) -> None:
    """A read that takes long knows nothing of what was committed meanwhile."""
    mine = standing.here()
    slow = gate(mine._reader, "read")
    began = time.monotonic()
    reading = aside(standing.freshen)
    slow.await_somebody()
    before = mine.age()

    wait_until(lambda: time.monotonic() - began > 0.2, what="0.2 s")
    slow.open()
    reading.result(timeout=10)

    assert before is None
    age = mine.age()
    assert age is not None
    assert 0.2 <= age <= time.monotonic() - began


def test_a_start_reads_back_the_horizon() -> None:
    """A token made before this process began may still vouch."""
    login = a_login()
    end(login)
    ended_at = Now() - timedelta(seconds=HORIZON)
    Login.objects.update(ended_at=ended_at, changed_at=ended_at)
    standing.stop()

    assert asked(lambda: check(login)) == 0
    assert check(login) is Answer.ENDED


def test_two_first_requests_share_one_standing(gate: Any, aside: Any) -> None:
    """Otherwise the loser's reader would go on reading, and nobody would ask it."""
    making = gate(standing, "Standing", after=True)
    first = aside(standing.here)
    making.await_somebody()

    second = standing.here()
    making.open()

    assert first.result(timeout=10) is second


def test_a_topic_calls_back_once_for_each_publication(
    monkeypatch: pytest.MonkeyPatch, another: AnotherProcess
) -> None:
    """However often its row is read again."""
    calls: list[int] = []
    monkeypatch.setattr(standing, "_topics", {})
    standing.on_topic("locks", lambda: calls.append(1))
    standing.freshen()

    for count in (1, 2):
        another.ask("publish", "locks")
        for _ in range(3):
            standing.here()._read()
        assert len(calls) == count


def test_a_stopped_standing_leaves_nothing_behind() -> None:
    standing.freshen()
    mine = standing.here()

    standing.stop()
    standing.stop()

    assert mine._reader._connection is None
    assert mine._thread is None or not mine._thread.is_alive()
    assert standing.here() is not mine


def test_a_change_of_a_person_elsewhere_makes_older_copies_stale_here(another: AnotherProcess) -> None:
    """Section 6, line 9: within the same bound as an end."""
    login = a_login()
    check(login)

    another.ask("make operator", login.user_uuid)

    wait_until(lambda: check(login, version=1) is Answer.STALE, what="stale", seconds=1)
    assert check(login, version=2) is Answer.GOOD


def test_a_forked_child_has_a_standing_of_its_own_and_the_parent_keeps_its(another: AnotherProcess) -> None:
    """Feed 3."""
    first, second = some_logins(2)
    another.ask("check", first.pk, first.user_uuid)
    parent = another.ask("reader")

    another.ask("fork")
    end(first)
    another.ask("await ended", first.pk, first.user_uuid)
    child = another.ask("reader")
    back = another.ask("leave")
    end(second)
    another.ask("await ended", second.pk, second.user_uuid)

    assert back == "parent"
    assert child["process"] != parent["process"]
    assert (child["standing"], parent["standing"]) == (child["process"], parent["process"])


@on_sqlite
def test_on_sqlite_no_end_by_another_process_is_missed_at_the_next_request(another: AnotherProcess) -> None:
    """Feed 2: 0 of 200."""
    some = some_logins(200)
    check(some[0])

    missed = 0
    for login in some:
        another.ask("end", login.pk)
        missed += check(login) is not Answer.ENDED

    assert missed == 0
    assert standing.here().asked == 0


@on_sqlite
def test_on_sqlite_a_request_adds_one_pragma_and_after_a_write_one_read(another: AnotherProcess) -> None:
    login, other = some_logins(2)
    check(login)
    said = statements_of_the_reader()

    for _ in range(10):
        standing.freshen()
    quiet, reads = list(said), standing.here().reads
    another.ask("end", other.pk)
    said.clear()
    for _ in range(10):
        standing.freshen()

    assert quiet == ["PRAGMA data_version"] * 10
    assert standing.here().reads - reads == 1
    assert [sql[:6] for sql in said].count("PRAGMA") == 11
    assert len(said) == 12


@on_sqlite
def test_on_sqlite_no_thread_is_needed() -> None:
    standing.freshen()

    assert standing.here()._thread is None


def statements_of_the_reader() -> list[str]:
    """What the reader's connection says to SQLite from now on."""
    said: list[str] = []
    opened: Any = standing.here()._reader._open().connection
    opened.set_trace_callback(lambda sql: said.append(sql.strip()))
    return said


@pytest.fixture
def reading(_new_process: None, settings: Any) -> standing.Standing:
    """This process's standing, whose thread reads."""
    settings.ACCOUNTS = replace(conf.current(), feed_url="")
    standing.freshen()
    return standing.here()


@on_postgresql
def test_on_postgresql_the_ledger_is_read_twice_a_second(reading: standing.Standing) -> None:
    began, before = time.monotonic(), reading.reads

    wait_until(lambda: reading.reads >= before + 3, what="three reads", seconds=3)

    assert 1.2 <= time.monotonic() - began <= 2.5


@on_postgresql
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_on_postgresql_a_reader_that_has_died_is_followed_by_another(
    reading: standing.Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: Any = reading._thread
    monkeypatch.setattr(reading, "_next_read_at", sys.exit)
    first.join(timeout=10)
    monkeypatch.undo()

    standing.freshen()

    before = reading.reads
    wait_until(lambda: reading.reads > before, what="a read", seconds=5)
    assert (first.is_alive(), reading._thread is first) == (False, False)


@on_postgresql
def test_on_postgresql_requests_do_not_read(
    reading: standing.Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = reading.reads

    for _ in range(1000):
        standing.freshen()

    assert reading.reads - before <= 1
    assert reading._thread
    assert reading._thread.daemon


@on_postgresql
def test_on_postgresql_an_end_is_effective_in_another_process_within_a_second(
    another: AnotherProcess,
) -> None:
    some = some_logins(4)
    delays = []
    for login in some:
        another.ask("check", login.pk, login.user_uuid)
        another.tell("await ended", login.pk, login.user_uuid)
        end(login)
        committed_at = time.time()
        delays.append(another.answer() - committed_at)

    assert max(delays) <= 1


@on_postgresql
def test_on_postgresql_a_connection_that_was_cut_comes_back_and_has_missed_nothing(
    reading: standing.Standing, another: AnotherProcess
) -> None:
    login = a_login()
    cut = backend(reading)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [cut])
    another.ask("end", login.pk)

    wait_until(lambda: check(login) is Answer.ENDED, what="ended", seconds=2)
    assert backend(reading) != cut
    assert reading.asked == 0


def backend(mine: standing.Standing) -> int:
    """The PostgreSQL process that serves the reader."""
    opened: Any = mine._reader._open().connection
    return int(opened.info.backend_pid)
