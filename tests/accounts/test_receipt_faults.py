"""Receipts when Redis fails, is emptied or lied to; and without Redis: what they say is still true."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.crc import key_slot

from accounts import conf, receipt, statements, stream
from accounts.feed import Wanted
from accounts.receipt import Receipt
from accounts.statements import Moment
from tests.accounts.entries import KEY
from tests.accounts.receipts import (
    FEED,
    PROCESSES,
    Company,
    company,
    ended,
    settled,
    silent,
    stopped,
    until,
)
from tests.accounts.rows import a_login, end, on_postgresql, on_sqlite, some_logins

__all__ = ["company"]
pytestmark = [pytest.mark.redis]

WITHIN_A_SECOND = "1 login was ended. Every process knows within 1\xa0s; whatever fails, within 5\xa0s."


def name_of(mine: Receipt) -> str:
    return statements.name_of_receipt(FEED, mine._wanted.key)


@on_postgresql
@pytest.mark.parametrize("away", ["stop", "kill"])
def test_a_redis_that_is_away_at_the_end_leaves_the_bound(company: Company, away: str) -> None:
    getattr(company.redis, away)()

    mine = ended(a_login())

    assert (str(mine.wait(5)), mine.look().is_settled) == (WITHIN_A_SECOND, True)
    company.redis.start()
    assert mine.look().processes is None


@on_postgresql
def test_a_push_that_failed_leaves_the_bound_in_every_process(company: Company) -> None:
    """Redis is there again when somebody asks elsewhere."""
    company.proxy.refuses()
    token = company.far.ask("receipt", "end", a_login().pk)
    company.proxy.passes()

    mine = receipt.of(token)

    assert mine
    assert str(mine.look()) == WITHIN_A_SECOND


@on_postgresql
def test_of_what_could_not_be_pushed_redis_is_not_asked_again(company: Company, settings: Any) -> None:
    """It may be away, and hang."""
    settings.ACCOUNTS = replace(conf.current(), feed_url=f"redis://127.0.0.1:{company.proxy.port}/0")
    company.proxy.refuses()
    mine = ended(a_login())
    company.far.ask("begin anew")
    tried = company.proxy.taken

    assert str(mine.wait(1)) == WITHIN_A_SECOND
    assert company.proxy.taken == tried


@on_postgresql
def test_of_a_batch_that_was_pushed_in_part_nobody_says_who_knows(company: Company) -> None:
    first, second = some_logins(2)
    with receipt.wanted() as mine:
        end(first)
        known = settled(mine)
        company.redis.stop()
        end(second)
        company.redis.start()

    assert (known.knowing, mine.ended, mine.look().processes) == (2, 2, None)
    elsewhere = receipt.of(mine.token)
    assert elsewhere
    assert elsewhere.look().processes is None


@on_postgresql
@pytest.mark.parametrize("how", ["empty", "restart"])
def test_a_redis_that_has_forgotten_the_receipt_leaves_the_bound(company: Company, how: str) -> None:
    mine = ended(a_login())
    settled(mine)

    getattr(company.redis, how)()

    assert str(mine.look()) == WITHIN_A_SECOND


@on_postgresql
@pytest.mark.parametrize("how", ["empty", "restart"])
def test_after_a_redis_was_emptied_all_say_again_that_they_are_there(company: Company, how: str) -> None:
    getattr(company.redis, how)()
    for process in (company.near, company.far):
        process.ask("feed", "follow")
        company.announce(process)
    stream._quiet_until = 0.0

    tally = settled(ended(a_login()), seconds=10)

    assert (tally.knowing, tally.processes) == (2, 2)


@on_postgresql
def test_just_after_redis_was_emptied_nobody_takes_the_list_for_whole(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stands still is not in it, and cannot say so."""
    monkeypatch.setattr(receipt, "WHOLE", timedelta(hours=1))
    with stopped(company.near):
        company.redis.empty()
        company.announce(company.far)

        tally = until(ended(a_login()), knowing=1)

    assert (tally.processes, tally.is_settled) == (1, False)
    assert str(tally).endswith("1 of 1 process knows so far.")


@on_postgresql
def test_a_redis_that_hangs_costs_who_asks_half_a_second(company: Company, settings: Any) -> None:
    mine = ended(a_login())
    settings.ACCOUNTS = replace(conf.current(), feed_url=f"redis://127.0.0.1:{company.proxy.port}/0")
    company.proxy.holds()

    tally = mine.look()

    assert (str(tally), tally.is_settled) == (WITHIN_A_SECOND, True)


@on_postgresql
def test_what_is_in_the_way_of_a_hash_fails_nobody(company: Company) -> None:
    with company.redis.client() as client:
        mine = ended(a_login())
        settled(mine)
        client.set(name_of(mine), "x")
        wrong = mine.look()
        client.set(PROCESSES, "x")

    assert (str(wrong), str(mine.look())) == (WITHIN_A_SECOND, WITHIN_A_SECOND)


FORGERIES: dict[str, Callable[[Company, Receipt, bytes], bytes]] = {
    "nothing of ours": lambda company, mine, answer: statements.TAKEN.pack(1, 1000),
    "a MAC of zeros": lambda company, mine, answer: bytes(16) + statements.TAKEN.pack(1, 1000),
    "the answer of another process": lambda company, mine, answer: answer,
    "the answer to another receipt": lambda company, mine, answer: statements.seal(
        statements.name_of_receipt(FEED, bytes(16)), company.fields[company.near], answer[16:]
    ),
    "an answer of more": lambda company, mine, answer: answer[:16] + statements.TAKEN.pack(9, 0),
    "half an answer": lambda company, mine, answer: answer[:20],
    "empty": lambda company, mine, answer: b"",
}


@on_postgresql
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_answer_is_none(company: Company, forge: Callable[[Company, Receipt, bytes], bytes]) -> None:
    """Whoever can write to Redis cannot make anybody know."""
    with stopped(company.near):
        mine = ended(a_login())
        until(mine, knowing=1)
        with company.redis.client() as client:
            answer = client.hget(name_of(mine), company.fields[company.far])
            assert isinstance(answer, bytes)
            client.hset(name_of(mine), mapping={company.fields[company.near]: forge(company, mine, answer)})
            tally = mine.look()

    assert (tally.knowing, silent(tally)) == (1, [company.names[company.near]])


@on_postgresql
def test_a_forged_word_on_how_far_the_ledger_was_read_is_none(company: Company) -> None:
    with stopped(company.near), company.redis.client() as client:
        mine = ended(a_login())
        until(mine, knowing=1)
        word = client.hget(PROCESSES, company.fields[company.near])
        assert isinstance(word, bytes)
        far_ahead = statements.read_presence(word[16:])._replace(read_to=Moment(word[16:32], 2**60))
        client.hset(PROCESSES, mapping={company.fields[company.near]: word[:16] + far_ahead.pack()})
        tally = mine.look()

    assert tally.knowing == 1


@on_postgresql
def test_ids_far_ahead_make_nobody_know(company: Company) -> None:
    """Places in the stream say nothing: whoever can write to it can put them where they like."""
    company.rely()
    with stopped(company.near):
        with company.redis.client() as client:
            client.xadd(KEY, {"x": "y"}, id="9999999999999-0")
        mine = ended(a_login())
        tally = until(mine, knowing=1)

    assert silent(tally) == [company.names[company.near]]
    assert settled(mine).knowing == 2


@on_postgresql
def test_an_old_entry_under_a_new_receipt_is_forged(company: Company) -> None:
    """Else what was heard long ago would pass for what has just been ended."""
    old, answered, new, after = some_logins(4)
    company.rely()
    settled(ended(old))
    with company.redis.client() as client:
        ((_id, signed),) = client.xrange(KEY)
        with stopped(company.near):
            # This one answers the question that was open; what comes now waits in the stream.
            ended(answered)
            mine = ended(new)
            until(mine, knowing=1)
            place, entry = client.xrevrange(KEY, count=1)[0]
            client.xdel(KEY, place)
            client.xadd(KEY, {**signed, b"receipt": entry[b"receipt"]})
        settled(ended(after))

    assert silent(mine.look()) == [company.names[company.near]]


@on_postgresql
def test_so_many_processes_that_nobody_reads_them_all_leave_the_bound(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = ended(a_login())
    settled(mine)
    monkeypatch.setattr(statements, "MOST", 500)
    with company.redis.client() as client:
        client.hset(PROCESSES, mapping={f"junk {number}": "x" * 100 for number in range(10_000)})

    assert str(mine.look()) == WITHIN_A_SECOND


@on_postgresql
def test_two_projects_on_one_redis_do_not_count_each_other(company: Company, settings: Any) -> None:
    settings.ACCOUNTS = replace(conf.current(), feed_key="other:feed")

    tally = ended(a_login()).look()

    assert (tally.processes, company.near.ask("feed", "knows", a_login().pk)) == (0, [False])


@pytest.mark.nodb
@pytest.mark.parametrize("prefix", ["authdemo:feed", "{one}:feed", "a:{b}:c"])
def test_all_names_are_in_the_slot_of_the_feed(prefix: str) -> None:
    names = (
        prefix,
        statements.name_of_processes(prefix),
        statements.name_of_receipt(prefix, bytes(16)),
    )

    assert len({key_slot(name.encode()) for name in names}) == 1


@pytest.mark.nodb
@pytest.mark.parametrize("token", ["", "x", "ä", "\0", "=" * 44, "A" * 44, "A" * 43, "A" * 4000, "-_" * 22])
def test_what_is_no_token_of_ours_is_none(token: str) -> None:
    assert receipt.of(token) is None


@pytest.mark.nodb
def test_a_token_has_no_padding_and_cannot_be_changed() -> None:
    mine = receipt.of(_token(12))
    assert mine

    assert (mine.ended, re.fullmatch("[A-Za-z0-9_-]{44}", mine.token)) != (12, None)
    assert all(receipt.of(mine.token[:place] + "?" + mine.token[place + 1 :]) is None for place in range(44))


def _token(count: int) -> str:
    return Receipt(Wanted(published=count, committed=count, pushed=count)).token


@on_sqlite
def test_on_sqlite_every_process_knows_at_its_next_request() -> None:
    assert str(ended(a_login()).wait(1)) == "1 login was ended. Every process knows at its next request."


@on_postgresql
def test_without_redis_the_ledger_tells_it_within_a_second(settings: Any) -> None:
    settings.ACCOUNTS = replace(conf.current(), feed_url="")

    assert str(ended(a_login()).wait(1)) == WITHIN_A_SECOND


def test_of_nothing_there_is_nothing_to_know() -> None:
    with receipt.wanted() as mine:
        pass

    assert (str(mine.wait(1)), mine.ended) == ("0 logins were ended.", 0)
