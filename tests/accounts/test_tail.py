"""What happens is read once and in full, however late it is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event as Flag
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import events, tail
from accounts.events import Event
from accounts.tail import Tail
from tests.accounts.rows import on_postgresql

NAME = "authn_step_up"


def record(count: int = 1, **fields: Any) -> None:
    events.record_each(NAME, [{"user": None, **fields}] * count)


def read(some: Tail) -> int:
    return sum(len(piece) for piece in some.new())


@pytest.fixture
def held_open(aside: Callable[[Callable[[], Any]], Any]) -> Iterator[Callable[[], Callable[[], None]]]:
    """`held_open()` records an event in a transaction that stays open until what it returned is called."""
    releases: list[Flag] = []

    def begin() -> Callable[[], None]:
        recorded, release = Flag(), Flag()
        releases.append(release)

        def job() -> None:
            with transaction.atomic():
                # Only a statement begins it; without the overlap an event must not be older than that.
                Event.objects.exists()
                record()
                recorded.set()
                assert release.wait(20)

        recording = aside(job)
        assert recorded.wait(10)

        def commit() -> None:
            release.set()
            recording.result(timeout=10)

        return commit

    yield begin
    for release in releases:
        release.set()


def test_each_event_comes_once_and_from_the_first_read_on() -> None:
    record()
    some = Tail()

    counts = [read(some)]
    for number in (3, 0, 2):
        record(number)
        counts.append(read(some))

    assert counts == [0, 3, 0, 2]


def test_history_comes_in_pieces_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PIECE", 7)
    before = timezone.now()
    record(30)

    pieces = list(Tail(before).new())

    assert [len(piece) for piece in pieces] == [7, 7, 7, 7, 2]
    assert [event.pk for piece in pieces for event in piece] == list(
        Event.objects.order_by("at", "pk").values_list("pk", flat=True)
    )
    assert read(Tail(timezone.now())) == 0


def test_whoever_fails_with_a_piece_is_given_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PIECE", 7)
    some = Tail(timezone.now())
    record(20)

    first, second = (piece for _, piece in zip(range(2), some.new(), strict=False))
    again = [event.pk for piece in some.new() for event in piece]

    assert len(first) == 7
    assert again[:7] == [event.pk for event in second]
    assert len(again) == 13


@on_postgresql
def test_what_is_committed_late_is_not_missed(
    held_open: Callable[[], Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the 30 s: the oldest transaction that writes holds the mark back, however long it takes."""
    monkeypatch.setattr(tail, "OVERLAP", timedelta(0))
    some = Tail()
    read(some)
    commit = held_open()

    counts = []
    for _ in range(3):
        record()
        counts.append(read(some))
    commit()

    assert [*counts, read(some), read(some)] == [1, 1, 1, 1, 0]


@on_postgresql
def test_what_is_open_at_the_first_read_is_not_missed_either(
    held_open: Callable[[], Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "OVERLAP", timedelta(0))
    commit = held_open()
    some = Tail()

    before = read(some)
    commit()

    assert (before, read(some)) == (0, 1)


def test_a_host_whose_clock_is_late_is_heard() -> None:
    some = Tail()
    read(some)

    with time_machine.travel(timezone.now() - timedelta(seconds=20)):
        record()

    assert read(some) == 1


def test_what_was_read_before_costs_two_statements_and_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "OVERLAP", timedelta(0))
    some = Tail(timezone.now())
    record(50)
    read(some)

    with CaptureQueriesContext(connection) as asked:
        read(some)

    assert len(asked) <= 2
    assert some._read == {}
