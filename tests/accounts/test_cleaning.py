"""Cleaning records timeouts and takes history away, in batches from an index, and may be stopped."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.db import connection, transaction
from django.utils import timezone

from accounts import batches, cleaning, conf, feed, flows, logins, progress
from accounts.cleaning import Step
from accounts.events import Event
from accounts.logins import EndReason, Login
from authdemo.lab import million
from sessions_stateful.models import Session
from tests.accounts.another import database_url
from tests.accounts.conftest import Gate
from tests.accounts.rows import a_login, on_postgresql, some_logins
from tests.servers import wait_until
from tests.web import PROJECT
from tokens_stateless.models import Family

DAY = timedelta(days=1)
TABLES = "accounts_login|accounts_event|sessions_stateful_session"
INDEXES = {"login_live_expires", "login_live_seen", "login_changed"}
# A table from end to end, or on SQLite all that fits, to put it in order. (PostgreSQL does that with the last
# few, which it has from the index; it would rather not with many.)
SLOW = r"Seq Scan|TEMP B-TREE|SCAN (?!.*USING (COVERING )?INDEX)"


@pytest.fixture(autouse=True)
def _without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MOST_ENDS_EACH_SECOND", None)


def reasons() -> dict[str, int]:
    """How many Logins there are of each reason."""
    counts: dict[str, int] = {}
    for reason in Login.objects.values_list("end_reason", flat=True):
        counts[reason] = counts.get(reason, 0) + 1
    return counts


def clean() -> dict[str, int]:
    """Do everything; what was done, and how often."""
    return {step.done: sum(step.batches) for step in cleaning.steps()}


def test_what_timed_out_ends_with_its_reason_and_nothing_else_does() -> None:
    now, minute = timezone.now(), timedelta(minutes=1)
    some_logins(3, expires_at=now)
    some_logins(2, seen_at=now - 33 * minute)
    some_logins(4, seen_at=now - 33 * minute, idle_timeout=14 * DAY)
    some_logins(1, seen_at=now - 14 * DAY - 3 * minute, idle_timeout=14 * DAY)
    some_logins(5, seen_at=now - 31 * minute)

    assert sum(cleaning.timeouts()) == 6
    assert reasons() == {"absolute_timeout": 3, "idle_timeout": 3, "": 9}


def test_timeouts_are_news_as_every_end_is_in_pieces_that_one_entry_holds(news: list[feed.News]) -> None:
    late = some_logins(1200, expires_at=timezone.now())

    assert max(cleaning.timeouts()) <= logins.BATCH

    assert sorted(one for told in news for one in told.ended) == sorted(login.pk for login in late)
    assert max(len(told.ended) for told in news) <= logins.BATCH


def test_no_more_end_in_a_second_than_readers_can_read_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    naps: list[float] = []
    monkeypatch.setattr("accounts.batches.time.sleep", naps.append)
    monkeypatch.setattr(cleaning, "MOST_ENDS_EACH_SECOND", 50)
    some_logins(2 * batches.FIRST, expires_at=timezone.now())

    assert sum(cleaning.timeouts()) == 2 * batches.FIRST
    assert naps[0] > batches.FIRST / 50 / 2


def somebody_waits() -> bool:
    """Whether a lock is asked for that somebody else has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@on_postgresql
def test_who_is_seen_after_he_was_found_idle_is_not_ended(
    gate: Callable[..., Gate], aside: Callable[[Callable[[], int]], Future[int]]
) -> None:
    """The condition holds for the locked rows: what is judged is what is ended."""
    idle = a_login(seen_at=timezone.now() - DAY)
    before_the_end = gate(logins, "end")

    cleaned = aside(lambda: sum(cleaning.timeouts()))
    before_the_end.await_somebody()
    seen = aside(lambda: Login.objects.filter(pk=idle.pk, ended_at=None).update(seen_at=timezone.now()))
    wait_until(lambda: seen.done() or somebody_waits(), what="seen, or held up")
    before_the_end.open()

    assert (cleaned.result(20), seen.result(20)) == (1, 0), "the writer has waited for the end"


@on_postgresql
def test_a_row_that_somebody_holds_is_left_to_the_next_run(
    aside: Callable[[Callable[[], int]], Future[int]],
) -> None:
    """Several cleaners, and one who is just being signed out: nobody waits for anybody."""
    held, _free = some_logins(2, expires_at=timezone.now())

    with transaction.atomic():
        Login.objects.select_for_update().get(pk=held.pk)
        assert aside(lambda: sum(cleaning.timeouts())).result(10) == 1

    assert sum(cleaning.timeouts()) == 1


def test_several_cleaners_at_once_do_each_row_once(aside: Callable[[Callable[[], Any]], Future[Any]]) -> None:
    some_logins(600, expires_at=timezone.now())
    million.logins(600, flow="session", seen_ago=100 * DAY, expires_in=-99 * DAY, ended_ago=100 * DAY)
    million.sessions(600, expires_in=timedelta())

    done = [cleaner.result(60) for cleaner in [aside(clean) for _cleaner in range(3)]]

    assert [sum(counts) for counts in zip(*(one.values() for one in done), strict=True)][:3] == [
        600,
        600,
        600,
    ]
    assert reasons() == {"absolute_timeout": 600}


def test_history_is_kept_as_long_as_the_setting_says(settings: Any) -> None:
    settings.ACCOUNTS = replace(conf.current(), history_lifetime=30 * DAY)
    for days in (28, 32):
        ended = {"ended_ago": days * DAY, "seen_ago": days * DAY}
        million.logins(1, flow="token", expires_in=timedelta(), **ended)
        million.events(1, ago=days * DAY)

    assert sum(cleaning.history()) == 2
    assert (Login.objects.count(), Event.objects.count()) == (1, 1)


def test_history_outlives_every_copy_whatever_the_setting_says(settings: Any) -> None:
    """Design, "Deleting": only cleaning deletes rows, later than the horizon."""
    settings.ACCOUNTS = replace(conf.current(), history_lifetime=timedelta())
    login = a_login()
    logins.end([login.pk], reason=EndReason.LOGOUT)
    for age, left in ((flows.horizon(), 1), (2 * flows.horizon() + timedelta(seconds=1), 0)):
        then = timezone.now() - age
        Login.objects.filter(pk=login.pk).update(ended_at=then, changed_at=then)

        assert sum(cleaning.history()) == 1 - left
        assert Login.objects.count() == left


def test_a_batch_that_took_long_is_followed_by_a_smaller_one_and_a_rest_on_sqlite() -> None:
    pace = batches.Pace()
    for seconds in (0.1, 10.0, 10.0, 10.0):
        pace.took(seconds, rows=10)
    smallest = pace.size
    for _batch in range(10):
        pace.took(0.001, rows=10)

    assert (smallest, pace.size) == (batches.FEWEST, batches.MOST)


def stopped_by(number: int, rows: list[int]) -> Iterator[int]:
    """Batches of so many rows; a signal comes in the middle of the second one."""
    for count, found in enumerate(rows):
        if count == 1:
            signal.raise_signal(number)
        yield found


@pytest.fixture
def answers_to() -> Iterator[Callable[[signal.Signals, Any], None]]:
    """Sets what a signal does until the test ends: a shell may have started all this with SIGINT ignored."""
    former: dict[signal.Signals, Any] = {}

    def answer(number: signal.Signals, handler: Any) -> None:
        former.setdefault(number, signal.signal(number, handler))

    yield answer
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_batch_end_and_says_where_it_stood(number: signal.Signals, answers_to: Any) -> None:
    answers_to(number, signal.default_int_handler)
    steps = [Step("rows were done", stopped_by(number, [10, 20, 40]))]

    with pytest.raises(CommandError, match=r"Stopped when 30 rows were done\.") as stopped:
        progress.run(steps, stdout=OutputWrapper(io.StringIO()), verbosity=1)

    assert stopped.value.returncode == 128 + number
    assert signal.getsignal(number) is signal.default_int_handler


def test_a_signal_that_was_ignored_is_ignored_on(answers_to: Any) -> None:
    answers_to(signal.SIGINT, signal.SIG_IGN)
    told = io.StringIO()

    progress.run(
        [Step("rows were done", stopped_by(signal.SIGINT, [10, 20, 40]))],
        stdout=OutputWrapper(told),
        verbosity=1,
    )

    assert told.getvalue() == "70 rows were done\n"
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_second_signal_ends_it_at_once(answers_to: Any) -> None:
    answers_to(signal.SIGINT, signal.default_int_handler)

    def batches_() -> Iterator[int]:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        yield 1

    with pytest.raises(KeyboardInterrupt):
        progress.run([Step("rows", batches_())], stdout=OutputWrapper(io.StringIO()), verbosity=0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0)
    screen = Terminal()

    progress.run([Step("rows were done", iter([1000, 200]))], stdout=OutputWrapper(screen), verbosity=1)

    assert "\r\x1b[K1,000 rows were done (" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K1200 rows were done\n")


@pytest.mark.parametrize("command", ["prune", "clearsessions"])
@pytest.mark.parametrize(("verbosity", "quiet"), [(0, True), (1, False)])
def test_a_file_gets_the_sums_alone_and_verbosity_0_nothing(
    command: str, verbosity: int, quiet: bool
) -> None:
    million.sessions(3, expires_in=timedelta())
    told = io.StringIO()

    call_command(command, stdout=told, verbosity=verbosity)

    assert "\r" not in told.getvalue()
    assert ("3 expired " in told.getvalue()) is not quiet
    assert (told.getvalue() == "") is quiet


def test_a_program_is_told_each_kind_of_rows() -> None:
    million.logins(3, flow="session", seen_ago=DAY, expires_in=timedelta())
    told = io.StringIO()

    call_command("prune", "--json", stdout=told, verbosity=0)

    lines = [json.loads(line) for line in told.getvalue().splitlines()]
    assert lines[0] == {"done": "logins had timed out and are recorded as ended", "rows": 3}
    assert len(lines) >= 2


@pytest.fixture
def crowd() -> int:
    """50,000 Logins, and what belongs to them."""
    count = 50_000
    fifth = count // 5
    million.logins(fifth, flow="session", seen_ago=100 * DAY, expires_in=-99 * DAY, ended_ago=100 * DAY)
    million.logins(fifth, flow="token", seen_ago=10 * DAY, expires_in=-9 * DAY, ended_ago=10 * DAY)
    million.logins(fifth, flow="session", seen_ago=DAY, expires_in=timedelta())
    million.logins(fifth, flow="token", seen_ago=15 * DAY, expires_in=14 * DAY, idle_timeout=14 * DAY)
    million.logins(fifth, flow="token", seen_ago=timedelta(), expires_in=14 * DAY, idle_timeout=14 * DAY)
    million.carriers()
    million.sessions(fifth, expires_in=timedelta())
    million.events(count, ago=100 * DAY)
    million.analyze()
    return fifth


class Plans:
    """How the database finds the rows of each kind of batch, asked the first time that it comes."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        looked = sql.startswith("SELECT") and "LIMIT" in sql and re.search(TABLES, sql)
        if looked and sql not in self.found:
            self.found[sql] = ""
            with connection.cursor() as cursor:
                cursor.execute(self._explain + sql, params)
                self.found[sql] = " ".join(str(row[-1]) for row in cursor.fetchall())
        return execute(sql, params, many, context)


@pytest.mark.slow
def test_all_of_a_crowd_is_cleaned_each_batch_from_an_index(crowd: int) -> None:
    """T16."""
    plans = Plans()

    with connection.execute_wrapper(plans):
        clean()

    used = re.findall(r"(?i)index (?:only )?(?:scan using )?(\w+)", " ".join(plans.found.values()))
    assert {name for name in used if name.startswith("login")} == INDEXES
    assert [plan for plan in plans.found.values() if re.search(SLOW, plan) or not plan] == []
    assert reasons() == {"logout": crowd, "absolute_timeout": crowd, "idle_timeout": crowd, "": crowd}
    assert (Session.objects.count(), Family.objects.count()) == (0, crowd)
    assert set(Event.objects.values_list("name", flat=True)) == {"login_ended"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_in_the_middle_has_done_nothing_by_halves(number: signal.Signals) -> None:
    million.logins(2000, flow="session", seen_ago=DAY, expires_in=timedelta())
    million.carriers()
    command = [sys.executable, "manage.py", "prune"]
    environment = {**os.environ, "DATABASE_URL": database_url(str(connection.settings_dict["NAME"]))}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: Event.objects.count() >= 2 * batches.FIRST, what="two batches are over")
        process.send_signal(number)
        told = process.communicate(timeout=20)[1]

    ended = reasons()["absolute_timeout"]
    assert 2 * batches.FIRST <= ended < 2000
    assert (Session.objects.count(), Event.objects.count()) == (2000 - ended, ended)
    if number == signal.SIGTERM:
        assert (process.returncode, f"Stopped when {ended} logins had timed out" in told) == (143, True)
    assert sum(cleaning.timeouts()) == 2000 - ended
