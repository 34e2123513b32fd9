"""The receipt of an end, with several processes: who knows, after how long, and who has not answered."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from accounts import receipt, standing, statements
from accounts.reader import LedgerReader
from accounts.statements import Moment
from tests.accounts import another_receipt
from tests.accounts.another import AnotherProcess
from tests.accounts.receipts import PROCESSES, Company, company, ended, settled, silent, stopped, until
from tests.accounts.rows import a_login, end, on_postgresql, some_logins, taken_back
from tests.servers import wait_until

__all__ = ["company"]
pytestmark = [on_postgresql, pytest.mark.redis]


def knows(process: AnotherProcess, *some: object) -> bool:
    """Whether it knows of all these, without a look at anything."""
    return all(process.ask("feed", "knows", *(login.pk for login in some)))  # type: ignore[attr-defined]


def test_all_processes_know_and_the_figures_are_true(company: Company) -> None:
    some, began = some_logins(12), time.monotonic()
    company.rely()

    tally = settled(ended(*some))

    took = timedelta(seconds=time.monotonic() - began)
    assert (tally.ended, tally.knowing, tally.processes, silent(tally)) == (12, 2, 2, [])
    assert knows(company.near, *some)
    assert knows(company.far, *some)
    assert tally.slowest
    assert timedelta(0) < tally.slowest < took
    assert str(tally).startswith("12 logins were ended. 2 of 2 processes know, the slowest after ")


def test_the_slowest_is_who_hears_late(company: Company) -> None:
    company.rely()
    company.proxy.delays(0.1)

    tally = settled(ended(a_login()))

    assert tally.slowest
    assert tally.slowest >= timedelta(seconds=0.1)


def test_who_has_not_taken_it_in_has_not_answered(company: Company) -> None:
    login = a_login()
    company.rely()
    with stopped(company.near):
        mine = ended(login)
        tally = until(mine, knowing=1)

    assert (tally.processes, silent(tally), tally.is_settled) == (2, [company.names[company.near]], False)
    assert f"No answer yet from {company.names[company.near]}." in str(tally)
    assert settled(mine).knowing == 2
    assert knows(company.near, login)


@pytest.mark.slow
def test_who_stands_still_is_listed_for_ten_seconds_and_counts_again_when_it_goes_on(
    company: Company,
) -> None:
    login = a_login()
    with stopped(company.near):
        mine, began = ended(login), time.monotonic()
        until(mine, processes=1)
        listed_for = time.monotonic() - began
        dropped = mine.look()
    back = until(mine, knowing=2)

    # Its last word may be a second old.
    assert 8 < listed_for < 12
    assert (dropped.is_settled, silent(dropped)) == (True, [])
    assert (back.processes, back.is_settled, knows(company.near, login)) == (2, True, True)


@pytest.mark.slow
def test_who_was_killed_is_listed_for_ten_seconds_and_dropped(company: Company) -> None:
    variables = {"REDIS_URL": company.redis.url()}
    with AnotherProcess(database=str(connections["default"].settings_dict["NAME"]), **variables) as third:
        company.announce(third)
        assert third.process
        third.process.kill()
        third.process.wait()

        mine = ended(a_login())
        listed = until(mine, knowing=2)
        gone = until(mine, is_settled=True)

    assert (listed.processes, silent(listed)) == (3, [company.names[third]])
    assert (gone.knowing, gone.processes) == (2, 2)


def test_who_has_ended_in_good_order_is_counted_no_longer(company: Company) -> None:
    company.far.ask("begin anew")

    tally = settled(ended(a_login()))

    assert (tally.knowing, tally.processes) == (1, 1)


def test_who_started_later_knows_from_its_first_read_and_spoils_no_figure(company: Company) -> None:
    company.far.ask("begin anew")
    mine = ended(login := a_login())
    before = settled(mine)

    company.announce(company.far)

    after = settled(mine)
    assert (after.knowing, after.processes, after.slowest) == (2, 2, before.slowest)
    assert knows(company.far, login)


def test_who_is_cut_off_is_silent_and_answers_when_it_is_back(company: Company) -> None:
    company.proxy.refuses()
    mine = ended(login := a_login())
    cut_off = until(mine, knowing=1)

    company.proxy.passes()
    back = settled(mine, seconds=10)

    assert silent(cut_off) == [company.names[company.far]]
    assert (back.knowing, knows(company.far, login)) == (2, True)


def test_what_the_feed_lost_counts_once_the_ledger_has_told_it_and_has_no_figure(company: Company) -> None:
    """The stream is deleted before one of them has read it."""
    company.proxy.refuses()
    mine = ended(login := a_login())
    until(mine, knowing=1)
    with company.redis.client() as client:
        client.delete("authdemo:feed")

    company.proxy.passes()
    tally = settled(mine, seconds=15)

    assert (tally.knowing, tally.processes, tally.slowest) == (2, 2, None)
    assert str(tally) == "1 login was ended. 2 of 2 processes know."
    assert knows(company.far, login)


def test_who_reads_on_past_a_hole_does_not_say_that_it_knows(company: Company) -> None:
    """An entry that somebody has taken away: its place in the stream says nothing of what it has learned."""
    first, lost, later = some_logins(3)
    company.rely()
    with stopped(company.near):
        with receipt.wanted() as mine:
            # This one answers the question that was open; what comes now waits in the stream.
            end(first)
            end(lost)
        with company.redis.client() as client:
            client.xdel("authdemo:feed", client.xrevrange("authdemo:feed", count=1)[0][0])
        after = ended(later)

    assert settled(after).knowing == 2
    assert silent(mine.look()) == [company.names[company.near]]
    assert company.near.ask("feed", "knows", first.pk, lost.pk, later.pk) == [True, False, True]


def test_what_is_committed_while_the_ledger_is_read_is_not_covered_by_that_read(
    company: Company, gate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_receipt.announce()
    own: Any = standing.here()._witness
    reading = gate(LedgerReader, "read", after=True)
    reading.await_somebody()
    company.near.ask("receipt", "end", a_login().pk)
    with company.redis.client() as client:
        (name,) = client.keys("*receipt*")
        told_at = statements.read_told(client.hget(name, "told")[statements.MAC_BYTES :])[1]
    wait_until(lambda: told_at.is_before(own.moment), what="Redis has told the time since")

    covered = []
    monkeypatch.setattr(own, "has_read", lambda since: covered.append(since))
    reading.open()
    wait_until(lambda: covered, what="it was read")

    assert covered[0].is_before(told_at)


def test_a_batch_has_one_receipt_which_can_be_asked_in_between(company: Company) -> None:
    some = some_logins(2600)
    company.rely()
    with receipt.wanted() as mine:
        for start in range(0, 2600, 650):
            end(*some[start : start + 650])
            assert (mine.ended, settled(mine).ended) == (start + 650, start + 650)

    assert (mine.look().knowing, knows(company.near, *some), knows(company.far, *some)) == (2, True, True)


def test_it_can_be_asked_in_another_process(company: Company) -> None:
    token = company.near.ask("receipt", "end", a_login().pk)
    mine = receipt.of(token)
    assert mine

    tally = settled(mine)

    assert (tally.ended, tally.knowing, tally.processes) == (1, 2, 2)
    assert company.far.ask("receipt", "look", token) == 2


def test_what_was_rolled_back_is_in_no_receipt(company: Company) -> None:
    kept, spared = some_logins(2)
    with receipt.wanted() as mine:
        with taken_back():
            end(spared)
            assert mine.ended == 1
        end(kept)

    assert (mine.ended, settled(mine).knowing) == (1, 2)


def test_what_nobody_wants_a_receipt_of_costs_redis_nothing(company: Company) -> None:
    end(login := a_login())
    company.near.ask("feed", "heard", login.pk)

    with company.redis.client() as client:
        assert sorted(client.keys()) == sorted([b"authdemo:feed", PROCESSES.encode()])
        ((_id, entry),) = client.xrange("authdemo:feed")
    assert entry.keys() == {b"ended", b"mac"}


def test_a_fork_is_a_process_of_its_own_and_takes_nothing_from_its_parent(company: Company) -> None:
    near = company.near
    near.ask("fork")
    company.announce(near)
    with_child = settled(ended(a_login()))
    near.ask("receipt", "said")
    near.ask("leave")

    with company.redis.client() as client:
        there = client.hgetall(PROCESSES)
    found = [statements.unseal(PROCESSES, field, value) for field, value in there.items() if len(field) == 16]
    pids = {statements.read_presence(said).process.pid for said in found if said}
    assert with_child.processes == 3
    assert near.process
    assert near.process.pid in pids
    assert len(pids) == 3


def test_what_the_gone_have_left_is_taken_away_by_who_comes(company: Company) -> None:
    """Nothing grows with the number of processes that have ever been."""
    company.far.ask("begin anew")
    with company.redis.client() as client:
        said = client.hget(PROCESSES, company.fields[company.near])
        assert isinstance(said, bytes)
        presence = statements.read_presence(said[statements.MAC_BYTES :])
        old = presence._replace(at=Moment(presence.at.node, presence.at.micros - 600_000_000)).pack()
        for number in range(500):
            field = number.to_bytes(16, "big")
            client.hset(PROCESSES, mapping={field: statements.seal(PROCESSES, field, old)})

        company.announce(company.far)

        left = client.hkeys(PROCESSES)
    assert len([field for field in left if len(field) == 16]) == 2
