"""What the feed loses, the ledger brings, within its interval; then the feed is followed anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models.functions import Now
from django.utils import timezone
from redis import Redis

from accounts import standing, stream
from accounts.feed import News
from accounts.logins import Login
from accounts.models import User
from accounts.standing import Answer
from tests.accounts.another import AnotherProcess
from tests.accounts.entries import KEY, signed
from tests.accounts.neighbours import Neighbours
from tests.accounts.noted import Noted
from tests.accounts.rows import a_login, check, end, on_postgresql, some_logins
from tests.servers import wait_until

pytestmark = [on_postgresql, pytest.mark.redis]

# The ledger is read each half second; the rest is for a machine that does something else, too.
BOUND_SECONDS = 2.0


def refused_after(process: AnotherProcess, login: Login, since: float) -> float:
    """How long after this instant a request could still begin there and be accepted."""
    return float(process.ask("feed", "refused", login.pk, login.user_uuid)) - since


def ended_unheard(neighbours: Neighbours, login: Login) -> float:
    """Have it ended by a process whose pushes reach nobody; the instant."""
    neighbours.proxy.refuses()
    neighbours.far.ask("end", login.pk)
    return time.time()


def deleted(client: Redis, entry: dict[Any, Any]) -> None:
    """The key is deleted; what comes then has lower ids."""
    client.delete(KEY)
    client.xadd(KEY, entry, id="1-1")


def flushed(client: Redis, entry: dict[Any, Any]) -> None:
    """Redis is emptied altogether."""
    client.flushall()
    client.xadd(KEY, entry, id="1-1")


def trimmed(client: Redis, entry: dict[Any, Any]) -> None:
    """The entry goes before anybody has read it."""
    pipeline = client.pipeline(transaction=True)
    pipeline.xadd(KEY, entry)
    pipeline.xtrim(KEY, maxlen=0, approximate=False)
    pipeline.execute()


def lowered(client: Redis, entry: dict[Any, Any]) -> None:
    """The stream stays and counts anew from below, as after a failover to a Redis that was behind."""
    client.xtrim(KEY, maxlen=0, approximate=False)
    client.execute_command("XSETID", KEY, "1-0")  # type: ignore[no-untyped-call]
    client.xadd(KEY, entry, id="1-1")


@pytest.mark.parametrize("hole", [deleted, flushed, trimmed, lowered])
def test_a_hole_in_the_stream_is_closed_and_the_stream_followed_anew(
    neighbours: Neighbours, hole: Callable[[Redis, dict[Any, Any]], None]
) -> None:
    """Feed 6: nothing tells the reader that its place is gone."""
    near, (heard, missed, later) = neighbours.near, some_logins(3)
    near.ask("feed", "hasten")
    end(heard)
    near.ask("feed", "heard", heard.pk)
    ended_at = ended_unheard(neighbours, missed)

    with neighbours.redis.client() as client:
        hole(client, signed(ended=missed.pk.bytes))
        delay = refused_after(near, missed, ended_at)
        near.ask("feed", "await", "feed_followed")
        near.ask("feed", "rely")
        client.xadd(KEY, signed(ended=later.pk.bytes), id="*" if hole is trimmed else "1-2")

    near.ask("feed", "heard", later.pk)
    assert delay < BOUND_SECONDS
    assert near.ask("feed", "tell")["noted"][:2] == [["feed_lost", "news is missing"], ["feed_followed", ""]]


def test_a_redis_that_was_restarted_empty_with_lower_ids_is_followed_anew(neighbours: Neighbours) -> None:
    """Feed 5, 6."""
    near, (heard, missed, later) = neighbours.near, some_logins(3)
    end(heard)
    near.ask("feed", "heard", heard.pk)

    neighbours.redis.restart()
    ended_at = ended_unheard(neighbours, missed)
    delay = refused_after(near, missed, ended_at)
    near.ask("feed", "await", "feed_followed")
    near.ask("feed", "rely")
    with neighbours.redis.client() as client:
        client.xadd(KEY, signed(ended=later.pk.bytes), id="1-1")

    near.ask("feed", "heard", heard.pk, missed.pk, later.pk)
    assert delay < BOUND_SECONDS


def test_who_starts_after_redis_was_emptied_knows_from_the_ledger(neighbours: Neighbours) -> None:
    """Feed 5: those who ran keep what they know."""
    near, far, login = neighbours.near, neighbours.far, a_login()
    end(login)
    near.ask("feed", "heard", login.pk)

    neighbours.redis.restart()
    far.ask("begin anew")

    assert (near.ask("feed", "knows", login.pk), far.ask("check", login.pk, login.user_uuid)) == (
        [True],
        "ended",
    )
    assert far.ask("feed", "tell")["asked"] == 0


def test_who_starts_while_redis_is_away_knows_from_the_ledger_and_follows_later(
    neighbours: Neighbours,
) -> None:
    """Feed 5."""
    near, (before, later) = neighbours.near, some_logins(2)
    neighbours.redis.stop()
    end(before)

    near.ask("begin anew")
    answer = near.ask("check", before.pk, before.user_uuid)
    neighbours.redis.start()
    near.ask("feed", "follow")
    near.ask("feed", "rely")
    stream._quiet_until = 0.0
    end(later)

    near.ask("feed", "heard", later.pk)
    assert answer == "ended"


@pytest.mark.parametrize("how", ["refuses", "holds"])
def test_who_is_cut_off_hears_from_the_ledger_and_reads_on_from_its_place(
    neighbours: Neighbours, how: str
) -> None:
    """Feed 4: refused, or without a word."""
    far, (lost, meanwhile, later) = neighbours.far, some_logins(3)
    end(lost)
    far.ask("feed", "heard", lost.pk)

    getattr(neighbours.proxy, how)()
    end(meanwhile)
    delay = refused_after(far, meanwhile, time.time())
    neighbours.proxy.passes()
    far.ask("feed", "follow")
    far.ask("feed", "rely")
    end(later)

    far.ask("feed", "heard", later.pk)
    assert delay < BOUND_SECONDS
    assert far.ask("feed", "tell")["asked"] == 0


def test_who_ends_while_cut_off_is_believed_by_all_whose_feed_looks_healthy(neighbours: Neighbours) -> None:
    """Feed 8, 10: the push is lost, the row is not, and the end takes no longer."""
    near, far, login = neighbours.near, neighbours.far, a_login()
    neighbours.proxy.refuses()
    began = time.time()

    ended = far.ask("end", login.pk)
    took, looks = time.time() - began, near.ask("feed", "tell")
    delay = refused_after(near, login, time.time())

    assert (ended, looks["follows"], looks["noted"]) == (1, True, [])
    assert took < 3
    assert delay < BOUND_SECONDS
    assert ["feed_push_failed", "ConnectionError"] in far.ask("feed", "tell")["noted"]


@pytest.mark.slow
def test_what_who_is_cut_off_outdates_is_no_hole_in_the_feed_of_the_others(
    neighbours: Neighbours, noted: Noted
) -> None:
    """Else each session that it saves would have everybody hang up and open the feed anew."""
    near, login = neighbours.near, a_login()
    check(login)
    mine: Any = standing.here()
    wait_until(lambda: mine.follows() and mine.reads > 2, what="follows")

    # As it is done there; what it pushes reaches nobody.
    Login.objects.filter(pk=login.pk).update(copy_version=3, changed_at=Now())
    wait_until(lambda: mine.known.version(login.pk.bytes) == 3, what="known")
    reads = mine.reads
    wait_until(lambda: mine.reads > reads + 1, what="read again")

    assert mine.follows()
    assert (noted.names(), near.ask("feed", "tell")["noted"]) == ([], [])


def test_ends_do_not_fail_while_redis_is_away_and_wait_for_it_once(
    neighbours: Neighbours, noted: Noted
) -> None:
    """Feed 10."""
    some = some_logins(20)
    neighbours.redis.kill()
    began = time.monotonic()

    for login in some:
        end(login)

    assert time.monotonic() - began < 3
    assert not Login.objects.live().exists()
    assert 1 <= noted.names().count("feed_push_failed") <= 3
    assert refused_after(neighbours.near, some[-1], time.time()) < BOUND_SECONDS


def test_a_late_commit_is_known_though_its_push_is_lost(neighbours: Neighbours) -> None:
    """Feed 7: everybody has read past its stamp."""
    (late, other), far = some_logins(2), neighbours.far
    neighbours.proxy.refuses()
    far.tell("feed", "end late", late.pk, 1.5)
    time.sleep(0.2)
    end(other)
    neighbours.near.ask("feed", "heard", other.pk)
    accepted = neighbours.near.ask("check", late.pk, late.user_uuid)

    far.answer()

    assert accepted == "good"
    assert refused_after(neighbours.near, late, time.time()) < BOUND_SECONDS


def test_a_pusher_whose_clock_is_ahead_trims_and_hides_no_end(neighbours: Neighbours) -> None:
    """It takes the whole stream for old."""
    some = some_logins(30)
    for _ in range(150):
        stream.push(News(ended=(some[0].pk,)))

    with time_machine.travel(timezone.now() + timedelta(days=2), tick=True):
        for login in some:
            end(login)

    with neighbours.redis.client() as client:
        assert client.xlen(KEY) < 100
    neighbours.near.ask("feed", "heard", *(login.pk for login in some))


def test_entries_that_come_again_change_no_answer(neighbours: Neighbours) -> None:
    """Somebody who may write to Redis can repeat what was said, and nothing else."""
    login, good = some_logins(2)
    check(login)
    User.objects.update(is_staff=True)
    User.objects.update(is_staff=False)
    end(login)
    wait_until(lambda: standing.here().follows(), what="follows")

    with neighbours.redis.client() as client:
        for _id, entry in reversed(client.xrange(KEY)):
            client.xadd(KEY, entry)
    neighbours.near.ask("feed", "heard", login.pk)

    assert [check(good, version=version) for version in (2, 3, 4)] == [Answer.STALE, Answer.GOOD, Answer.GOOD]
    assert check(login, version=3) is Answer.ENDED


def test_a_reader_that_broke_down_is_started_again_by_the_next_request(
    neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing would be read any more, and each request would ask the ledger for ever."""
    login = a_login()
    check(login)
    mine: Any = standing.here()

    def break_down() -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    monkeypatch.setattr(mine._feed, "tend", break_down)
    wait_until(lambda: not mine._thread.is_alive(), what="the thread breaks down")
    monkeypatch.undo()
    ended_unheard(neighbours, login)

    wait_until(lambda: check(login) is Answer.ENDED, what="ended", seconds=3)
