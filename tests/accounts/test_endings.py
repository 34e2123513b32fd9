"""Ending everything that a search finds: in steps that may be interrupted anywhere, by one or by several."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import batches, cleaning, conf, endings, flows, logins
from accounts.endings import Counted, Ending
from accounts.events import Event
from accounts.feed import News
from accounts.logins import EndReason, Login
from accounts.search import Search
from tests.accounts.another import AnotherProcess
from tests.accounts.receipts import Company, company, settled
from tests.accounts.rows import a_login, a_person, a_request, on_postgresql, some_logins
from tests.servers import wait_until

__all__ = ["company"]

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _in_small_steps_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows a step, so that few rows make many; nobody else is here to be disturbed."""
    for name in ("FEWEST", "FIRST", "MOST"):
        monkeypatch.setattr(batches, name, 10)
    monkeypatch.setattr(batches, "SQLITE_PAUSE_SECONDS", 0.0)
    for name in ("MOST_ENDS_EACH_SECOND", "SQLITE_MOST_ENDS_EACH_SECOND"):
        monkeypatch.setattr(endings, name, 1_000_000)


def search(**asked: str) -> Search:
    """What somebody looks for who typed this."""
    return Search.read(asked)


def begun(wanted: Search | None = None, *, own: UUID | None = None, **about: Any) -> Ending:
    """An act of Olga's; nothing has ended yet."""
    wanted = wanted or search()
    spared = endings.spared(wanted, own)
    counted = endings.count(wanted, spared=spared)
    by = a_person("olga@example.com")
    return endings.begin(wanted, why="a leaked key", by=by, spared=spared, counted=counted, **about)


def step(ending: Ending) -> Ending:
    """One step, and no more."""
    return endings.work(ending, seconds=0)


def finished(ending: Ending) -> Ending:
    """What becomes of it when somebody goes on to the end."""
    while ending.goes_on:
        ending = endings.work(ending, seconds=60)
    return ending


def live() -> int:
    """How many have not ended."""
    return Login.objects.filter(ended_at__isnull=True).count()


def test_what_is_counted_is_ended_and_nothing_else() -> None:
    alice, bob = a_person(), a_person("bob@example.com")
    some_logins(33, alice)
    some_logins(25, bob, flow="session")
    others = some_logins(40, bob, address="198.51.100.7")
    wanted = search(address="203.0.113.0/24")

    ending = begun(wanted)
    done = finished(ending)

    assert (ending.logins, ending.people, ending.ended) == (58, 2, 0)
    assert (done.ended, done.share, done.is_over, done.dropped_at) == (58, 1.0, True, None)
    assert set(Login.objects.live()) == set(others)


def test_each_of_them_says_who_why_and_in_which_act() -> None:
    login, ending = a_login(), begun()

    endings.work(ending, seconds=0, request=a_request())

    login.refresh_from_db()
    event = Event.objects.get(name="login_ended")
    assert (login.end_reason, login.ended_by) == (EndReason.REVOKED_BY_OPERATOR, ending.by)
    assert (event.login_id, event.actor_uuid, event.address) == (login.pk, ending.by_uuid, "203.0.113.9")
    told = {"ending": str(ending.pk), "why": "a leaked key"}
    assert event.detail == {"flow": "token", "reason": "revoked_by_operator", **told}


def test_the_act_is_told_once_from_its_beginning_to_its_end() -> None:
    some_logins(25)

    ending = finished(begun(request=a_request()))
    finished(ending)

    acts = Event.objects.filter(name__startswith="ending").order_by("pk")
    assert [event.name for event in acts] == ["ending_begun", "ending_finished"]
    assert [event.detail["ending"] for event in acts] == [str(ending.pk)] * 2
    assert (acts[0].detail["logins"], acts[1].detail["ended"]) == (25, 25)


def test_a_step_looks_at_few_rows_however_rare_is_what_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endings, "LOOK", 2)
    some_logins(75)
    rare = some_logins(11, address="198.51.100.7")
    ending = begun(search(address="198.51.100.7"))

    steps = 0
    while ending.goes_on:
        before, ending, steps = ending, step(ending), steps + 1
        if ending.position and before.position:
            passed = Login.objects.filter(pk__gt=before.position, pk__lte=ending.position)
            assert passed.count() <= 20

    # 86 rows, and 20 of them in each.
    assert steps >= 5
    assert (ending.ended, live()) == (11, 75)
    assert not Login.objects.live().filter(pk__in=[login.pk for login in rare]).exists()


def test_few_are_found_by_an_index_and_in_one_step() -> None:
    some_logins(300)
    some_logins(10, a_person("bob@example.com"))

    ending = step(begun(search(email="bob")))

    assert (ending.ended, ending.is_over, live()) == (10, True, 300)


def test_how_far_it_is_is_told_by_the_ids() -> None:
    some_logins(400)
    ending, shares = begun(), []

    while ending.goes_on:
        ending = step(ending)
        shares.append((ending.share, ending.ended / 400))

    assert shares == sorted(shares)
    assert max(abs(share - counted) for share, counted in shares) < 0.15


def test_the_operators_own_login_is_spared_unless_it_is_named() -> None:
    own = some_logins(21)[0]

    finished(begun(own=own.pk))
    assert set(Login.objects.live()) == {own}

    assert finished(begun(search(login=str(own.pk)), own=own.pk)).ended == 1
    assert live() == 0


def test_who_signs_in_after_the_search_is_not_chased() -> None:
    some_logins(15)
    wanted = search()
    late = some_logins(15, started_at=timezone.now() + SECOND)

    assert endings.count(wanted) == Counted(logins=15, people=1)
    assert finished(begun(wanted)).ended == 15
    assert set(Login.objects.live()) == set(late)


def test_a_span_ago_is_meant_from_the_search_and_not_from_the_step() -> None:
    now = timezone.now()
    idle = some_logins(15, started_at=now - HOUR, seen_at=now - timedelta(minutes=20))
    # Idle for long enough by now, and not when it was looked for.
    some_logins(15, started_at=now - HOUR, seen_at=now - timedelta(minutes=12))
    ending = begun(search(idle="10m", at=(now - timedelta(minutes=5)).isoformat()))
    Login.objects.filter(pk=idle[0].pk).update(seen_at=now)

    assert finished(ending).ended == 14


def test_a_step_that_fails_has_not_happened_and_the_next_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some_logins(45)
    ending = step(begun())
    end = logins.end

    def breaks(*args: Any, **kwargs: Any) -> int:
        end(*args, **kwargs)
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(logins, "end", breaks)
        with pytest.raises(ConnectionError):
            step(ending)

    ending.refresh_from_db()
    assert (ending.ended, live()) == (10, 35)
    assert (finished(ending).ended, live()) == (45, 0)
    assert Event.objects.filter(name="login_ended").count() == 45


@pytest.mark.slow
def test_a_process_that_is_killed_in_the_middle_loses_nothing_and_counts_nothing_twice(
    another: AnotherProcess,
) -> None:
    some_logins(3000)
    ending = begun()
    with AnotherProcess(database=str(connection.settings_dict["NAME"])) as killed:
        killed.tell("work", ending.pk)
        wait_until(lambda: live() < 2700, what="many steps", seconds=30)
        assert killed.process
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait()

    ending.refresh_from_db()
    assert ending.ended == 3000 - live()
    assert 0 < ending.ended < 3000
    assert (finished(ending).ended, live()) == (3000, 0)
    assert Event.objects.filter(name="login_ended").count() == 3000


@pytest.mark.slow
def test_two_at_once_end_each_login_once(another: AnotherProcess) -> None:
    some_logins(1000)
    ending = begun()

    another.tell("work", ending.pk)
    finished(ending)
    another.answer()

    ending.refresh_from_db()
    told = Event.objects.filter(name="login_ended")
    assert (ending.ended, live()) == (1000, 0)
    assert (told.count(), told.values("login_id").distinct().count()) == (1000, 1000)
    assert Event.objects.filter(name="ending_finished").count() == 1


def test_who_comes_second_to_the_same_step_does_nothing(
    gate: Callable[..., Any], aside: Callable[..., Future[Any]]
) -> None:
    some_logins(35)
    ending = begun()
    held = gate(endings, "_look", after=True)
    late = aside(lambda: step(ending))
    held.await_somebody()

    further = step(step(ending))
    held.open()

    fresh = late.result(20)
    assert (fresh.ended, fresh.position, live()) == (20, further.position, 15)


def test_all_who_work_keep_one_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr("accounts.endings.time.sleep", naps.append)
    for name in ("MOST_ENDS_EACH_SECOND", "SQLITE_MOST_ENDS_EACH_SECOND"):
        monkeypatch.setattr(endings, name, 20)
    some_logins(25)
    ending = begun()

    step(ending)
    # Another one, who has not taken the step before this.
    step(ending)

    assert naps[0] == 0
    assert 0.3 < naps[1] <= 0.5


def test_a_stopped_act_goes_on_for_nobody_until_it_is_taken_up() -> None:
    some_logins(25)
    olga = a_person("olga@example.com")
    ending = step(begun())

    stopped = endings.stop(ending, by=olga)
    assert (step(ending).ended, stopped.goes_on, stopped.is_abandoned) == (10, False, True)

    taken_up = endings.take_up(stopped, by=olga)
    assert (taken_up.goes_on, finished(taken_up).ended) == (True, 25)
    names = list(Event.objects.exclude(name="login_ended").order_by("pk").values_list("name", flat=True))
    assert names == ["ending_begun", "ending_stopped", "ending_taken_up", "ending_finished"]


def test_what_somebody_works_on_is_not_taken_up() -> None:
    some_logins(25)
    ending = step(begun())

    endings.take_up(ending)
    assert not Event.objects.filter(name="ending_taken_up").exists()

    Ending.objects.update(due_at=timezone.now() - endings.GONE - SECOND)
    assert endings.take_up(ending).is_abandoned is False
    assert Event.objects.filter(name="ending_taken_up").count() == 1


def test_the_rest_is_left_alone_for_good() -> None:
    some_logins(25)
    ending = step(begun())
    assert list(endings.unfinished()) == [ending]

    dropped = endings.drop(ending, by=a_person("olga@example.com"))
    endings.drop(ending)

    assert (dropped.is_over, finished(dropped).ended, step(ending).ended, live()) == (True, 10, 10, 15)
    assert list(endings.unfinished()) == []
    event = Event.objects.get(name="ending_dropped")
    assert (event.detail["ended"], event.actor_uuid) == (10, ending.by_uuid)


def test_nothing_is_nothing_and_over_at_once() -> None:
    some_logins(3)

    ending = step(begun(search(state="ended")))

    assert (ending.logins, ending.people, ending.ended, ending.is_over) == (0, 0, 0, True)


@pytest.mark.parametrize("why", ["", "  ", "x" * 201])
def test_without_a_reason_nothing_begins(why: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        endings.begin(search(), why=why, by=None, spared=None, counted=Counted(1, 1))

    assert (Ending.objects.count(), Event.objects.count()) == (0, 0)


def test_who_began_it_may_be_gone_before_it_is_over() -> None:
    some_logins(25)
    ending = step(begun())
    who = ending.by_uuid

    assert ending.by
    ending.by.delete()

    done = finished(Ending.objects.get())
    assert (done.by, done.by_uuid, done.ended) == (None, who, 25)


def test_no_step_is_part_of_a_greater_transaction() -> None:
    some_logins(25)
    ending = begun()

    with pytest.raises(RuntimeError), transaction.atomic():
        step(ending)

    assert live() == 25


def test_a_step_has_a_fixed_number_of_statements() -> None:
    some_logins(300)
    first = step(begun())
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as asked:
            first = step(first)
        counts.append(len(asked))

    assert counts[0] == counts[1] == counts[2] < 20


def test_every_end_is_news(news: list[News]) -> None:
    some = some_logins(25)

    finished(begun())

    assert sorted(one for told in news for one in told.ended) == sorted(login.pk for login in some)


def test_finished_acts_go_with_the_events() -> None:
    some_logins(15)
    old, dropped = finished(begun()), endings.drop(begun())
    open_one = begun()
    long_ago = timezone.now() - max(conf.current().history_lifetime, 2 * flows.horizon()) - SECOND
    Ending.objects.update(begun_at=long_ago)
    Ending.objects.filter(pk=old.pk).update(finished_at=long_ago)
    Ending.objects.filter(pk=dropped.pk).update(dropped_at=long_ago)
    young = finished(begun())

    sum(cleaning.history())

    assert set(Ending.objects.all()) == {open_one, young}


@on_postgresql
@pytest.mark.redis
def test_the_receipt_counts_all_steps_whoever_took_them(company: Company, another: AnotherProcess) -> None:
    some_logins(45)
    company.rely()
    ending = step(begun())
    company.near.ask("step", ending.pk)
    ending = step(ending)

    tally = settled(finished(ending).receipt)

    assert (tally.ended, tally.knowing, tally.processes) == (45, 2, 2)
    assert tally.slowest


@on_postgresql
@pytest.mark.redis
def test_a_step_that_nobody_was_told_of_is_known_from_the_ledger(company: Company, settings: Any) -> None:
    some_logins(25)
    chosen = conf.current()
    ending = step(begun())
    settings.ACCOUNTS = replace(chosen, feed_url="")
    ending = step(ending)
    settings.ACCOUNTS = chosen

    tally = settled(finished(ending).receipt)

    assert (tally.ended, tally.knowing, tally.processes) == (25, 2, 2)
