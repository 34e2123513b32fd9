"""A use is written behind the request: once a minute for each Login at most, in batches, while it lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.testing import PASSWORD, alice
from tests.accounts.another import AnotherProcess
from tests.accounts.rows import a_login, some_logins
from tests.servers import wait_until

LONG_AGO = timedelta(minutes=5)
Aside = Callable[[Callable[[], Any]], "Future[Any]"]


def waiting() -> set[Any]:
    """The Logins that wait to be written."""
    return set(logins.writer._keys)


def seen_at(login: Login) -> Any:
    """When the ledger says that it was last seen."""
    return Login.objects.values_list("seen_at", flat=True).get(pk=login.pk)


@pytest.mark.parametrize(("ago", "due"), [(0, False), (59, False), (61, True), (3600, True)])
def test_a_use_is_worth_writing_once_the_last_one_is_a_minute_old(ago: int, due: bool) -> None:
    login = a_login()

    logins.seen(login.pk, last=timezone.now() - timedelta(seconds=ago))

    assert (login.pk in waiting()) is due


def test_a_flow_that_carries_no_last_seen_puts_it_once_a_minute(time_machine: Any) -> None:
    login, now = a_login(), timezone.now()
    puts = []

    for seconds in (0, 1, 59, 61, 62, 130):
        time_machine.move_to(now + timedelta(seconds=seconds), tick=False)
        logins.seen_by_token(login.pk, time.time())
        puts.append(login.pk in waiting())
        logins.writer._keys.clear()

    assert puts == [True, False, False, True, False, True]


def test_what_a_process_remembers_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "MOST_NEXT_PUT", 3)

    for login in some_logins(10):
        logins.seen_by_token(login.pk, time.time())

    assert len(logins._next_put) <= 3


def test_seeing_costs_the_request_no_sql(django_assert_num_queries: Any) -> None:
    login = a_login()

    with django_assert_num_queries(0):
        logins.seen(login.pk, last=login.seen_at - LONG_AGO)
        logins.seen_by_token(login.pk, time.time())


@pytest.mark.parametrize("flow", ["session", "token"])
def test_a_request_writes_nothing_and_the_thread_does(flow: str) -> None:
    alice()
    client, headers = Client(), {}
    typed = {"email": "alice@example.com", "password": PASSWORD}
    door = {"session": "/api/session/", "token": "/api/token/"}[flow]
    told = client.post(door, typed, content_type="application/json").json()
    if flow == "token":
        client, headers = Client(), {"Authorization": f"Bearer {told['access']}"}
    Login.objects.update(seen_at=timezone.now() - LONG_AGO)
    old = Login.objects.get().seen_at
    client.get("/api/me/", headers=headers)
    logins._next_put.clear()

    with CaptureQueriesContext(connection) as captured:
        assert client.get("/api/me/", headers=headers).status_code == 200

    assert not [one["sql"] for one in captured if one["sql"].split()[0] in {"UPDATE", "INSERT", "DELETE"}]
    wait_until(lambda: Login.objects.get().seen_at > old, what="written", seconds=5)


def test_a_batch_is_written_with_as_many_statements_as_one() -> None:
    one, many = some_logins(1), some_logins(400)
    Login.objects.update(seen_at=timezone.now() - LONG_AGO)

    with CaptureQueriesContext(connection) as of_one:
        logins._write_seen([login.pk for login in one])
    with CaptureQueriesContext(connection) as of_many:
        logins._write_seen([login.pk for login in many])

    assert len(of_many) == len(of_one) <= 4
    assert not Login.objects.filter(seen_at__lt=timezone.now() - timedelta(minutes=1)).exists()


def test_more_than_500_are_written_in_pieces() -> None:
    some = some_logins(501)
    Login.objects.update(seen_at=timezone.now() - LONG_AGO)

    with CaptureQueriesContext(connection) as captured:
        logins._write_seen([login.pk for login in some])

    assert [one["sql"] for one in captured].count("COMMIT") == 2
    assert not Login.objects.filter(seen_at__lt=timezone.now() - timedelta(minutes=1)).exists()


def test_ended_logins_are_not_seen_any_more() -> None:
    ended, live = some_logins(2, seen_at=timezone.now() - LONG_AGO)
    logins.end([ended.pk], reason=EndReason.LOGOUT)
    before = Login.objects.get(pk=ended.pk)

    logins._write_seen([ended.pk, live.pk])

    after = Login.objects.get(pk=ended.pk)
    assert (after.seen_at, after.changed_at) == (before.seen_at, before.changed_at)
    assert seen_at(live) > live.seen_at


def test_seeing_stamps_no_change() -> None:
    """Or every process would read it as news."""
    login = a_login(seen_at=timezone.now() - LONG_AGO)

    logins._write_seen([login.pk])

    assert Login.objects.get().changed_at is None


def test_of_two_processes_one_writes_a_login_in_a_minute(another: AnotherProcess) -> None:
    login = a_login(seen_at=timezone.now() - LONG_AGO)

    another.ask("see", login.pk)
    first = seen_at(login)
    logins._write_seen([login.pk])
    another.ask("see", login.pk)

    assert first > login.seen_at
    assert seen_at(login) == first


def test_of_two_that_write_at_once_one_writes(aside: Aside, gate: Any) -> None:
    login = a_login(seen_at=timezone.now() - LONG_AGO)
    updates: list[str] = []

    def count(execute: Any, sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if sql.startswith("UPDATE"):
            updates.append(sql)
        return result

    def write() -> None:
        with connection.execute_wrapper(count):
            logins._write_seen([login.pk])

    for job in [aside(write) for _ in range(6)]:
        job.result(timeout=10)

    assert len(updates) == 1
    assert seen_at(login) > login.seen_at
