"""The feed between processes, idle, busy and forked: who hears, and when."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as StillWaiting
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts import conf, standing, stream
from accounts.logins import Login
from accounts.standing import Answer
from tests.accounts.neighbours import Neighbours
from tests.accounts.noted import Noted
from tests.accounts.rows import a_login, check, end, on_postgresql, some_logins
from tests.delays import Delays
from tests.servers import wait_until

pytestmark = [on_postgresql, pytest.mark.redis]


def about(login: Login) -> tuple[str, str]:
    return str(login.pk), str(login.user_uuid)


def delays(neighbours: Neighbours, committed: list[float], count: int) -> Delays:
    """Of so many ends: how long after the commit a request could begin and still be accepted."""
    found = []
    for login in some_logins(count):
        neighbours.near.tell("feed", "refused", *about(login))
        time.sleep(0.01)
        end(login)
        found.append(neighbours.near.answer() - committed[-1])
    return Delays(found)


def test_an_idle_process_hears_by_its_thread(neighbours: Neighbours, committed: list[float]) -> None:
    """Feed 1: no request comes, and the ledger is not read."""
    neighbours.near.ask("feed", "rely")
    found = []

    for login in some_logins(30):
        neighbours.near.tell("feed", "heard", login.pk)
        end(login)
        found.append(neighbours.near.answer() - committed[-1])

    print(f"\nan idle process hears after {(heard := Delays(found))}")  # noqa: T201 - a figure to read
    assert heard.p50 < 0.1


def test_a_process_that_serves_one_request_after_the_other_refuses_at_once(
    neighbours: Neighbours, committed: list[float]
) -> None:
    neighbours.near.ask("feed", "rely")

    found = delays(neighbours, committed, 100)

    print(f"\na process that serves accepts for {found}")  # noqa: T201 - a figure to read
    assert found.p50 < 0.1


@pytest.mark.slow
def test_a_busy_process_refuses_at_the_start_of_its_next_request(
    neighbours: Neighbours, committed: list[float]
) -> None:
    """Feed 1: its other threads hold the interpreter, so that the thread that reads seldom comes to it."""
    neighbours.near.ask("feed", "rely")
    neighbours.near.ask("feed", "be busy", 3)

    try:
        found = delays(neighbours, committed, 100)
    finally:
        neighbours.near.ask("feed", "be busy", 0)

    print(f"\na busy process accepts for {found}")  # noqa: T201 - a figure to read
    assert found.p50 < 0.1


def test_a_forked_child_has_a_connection_of_its_own_and_takes_nothing_from_the_parent(
    neighbours: Neighbours,
) -> None:
    """Feed 3."""
    near, (first, second, third) = neighbours.near, some_logins(3)
    parent = near.ask("feed", "tell")

    near.ask("fork")
    unborn = near.ask("feed", "tell")
    near.ask("feed", "follow")
    near.ask("feed", "rely")
    end(first)
    near.ask("feed", "heard", first.pk)
    child = near.ask("feed", "tell")
    near.ask("leave")
    end(second)
    near.ask("feed", "rely")
    end(third)
    near.ask("feed", "heard", first.pk, second.pk, third.pk)
    after = near.ask("feed", "tell")

    assert unborn["reads"] == 0
    assert child["port"] not in (None, parent["port"])
    assert after["port"] == parent["port"]
    assert (child["noted"], after["noted"]) == ([], [])


def test_what_was_pushed_before_the_feed_was_open_is_no_reason_for_doubt(
    neighbours: Neighbours, gate: Any, noted: Noted
) -> None:
    """It comes from the ledger; else whoever starts while others end would hang up at once."""
    login = a_login()
    opening = gate(stream.Follower, "_open")
    standing.freshen()
    opening.await_somebody()
    neighbours.near.ask("end", login.pk)

    opening.open()
    reads = standing.here().reads
    wait_until(lambda: standing.here().reads >= reads + 3, what="three reads", seconds=5)

    assert check(login) is Answer.ENDED
    assert (standing.here().follows(), noted.names()) == (True, [])


def test_who_comes_while_another_learns_waits_for_it(
    neighbours: Neighbours, gate: Any, aside: Any, settings: Any
) -> None:
    """Feed 1: what the reader took off the socket is nowhere else, and its thread may wait for its turn."""
    login, hour = a_login(), timedelta(hours=1)
    settings.ACCOUNTS = replace(conf.current(), standing_interval=hour, standing_budget=hour)
    check(login)
    mine = standing.here()
    wait_until(lambda: mine.follows() and mine.reads == 2, what="it follows, and has read what was before")
    with mine._lock:  # the second read counts when it begins, and must not be the one that is held
        learning = gate(mine.known, "learn")

    neighbours.near.ask("end", login.pk)
    learning.await_somebody()
    asking = aside(lambda: check(login))
    with pytest.raises(StillWaiting):
        asking.result(timeout=0.2)
    learning.open()

    assert asking.result(timeout=5) is Answer.ENDED
