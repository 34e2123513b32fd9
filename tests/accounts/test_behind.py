"""What is written behind the request costs nothing where it is put, and is not lost when a write fails."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection
from typing import Any

import pytest

from accounts.behind import Writer
from tests.servers import wait_until

pytestmark = pytest.mark.nodb


class Book:
    """Somewhere to write; remembers each batch and the thread that wrote it."""

    def __init__(self) -> None:
        self.batches: list[set[int]] = []
        self.threads: list[int] = []
        self.broken = False

    def write(self, keys: Collection[int]) -> None:
        """Take in a batch."""
        if self.broken:
            raise OSError("no more paper")
        self.batches.append(set(keys))
        self.threads.append(threading.get_ident())


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def writer(book: Book) -> Writer[int]:
    """A writer whose own thread comes too late for any test."""
    return Writer(book.write, interval_seconds=3600)


def test_putting_writes_nothing(book: Book, writer: Writer[int]) -> None:
    writer.put(1)

    assert book.batches == []


def test_what_was_put_is_written_once_in_one_batch(book: Book, writer: Writer[int]) -> None:
    for key in (1, 2, 1, 2, 1):
        writer.put(key)

    writer.flush()
    writer.flush()

    assert book.batches == [{1, 2}]


def test_a_thread_of_its_own_writes_soon(book: Book) -> None:
    writer = Writer(book.write, interval_seconds=0.01)

    writer.put(1)
    wait_until(lambda: book.batches, what="a batch", seconds=5)
    writer.put(2)
    wait_until(lambda: len(book.batches) == 2, what="another", seconds=5)

    assert book.batches == [{1}, {2}]
    assert threading.get_ident() not in book.threads
    assert len(set(book.threads)) == 1


def test_what_could_not_be_written_is_tried_again_with_what_came_since(
    book: Book, writer: Writer[int]
) -> None:
    writer.put(1)
    book.broken = True
    with pytest.raises(OSError, match="paper"):
        writer.flush()

    book.broken = False
    writer.put(2)
    writer.flush()

    assert book.batches == [{1, 2}]


def test_the_thread_survives_a_failure(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    book.broken = True
    writer = Writer(book.write, interval_seconds=0.01)

    writer.put(1)
    wait_until(lambda: "tried again" in caplog.text, what="a warning", seconds=5)
    book.broken = False

    wait_until(lambda: book.batches == [{1}], what="the batch", seconds=5)


def test_two_that_flush_at_once_write_each_key_once(book: Book, aside: Callable[..., Any], gate: Any) -> None:
    standing_there = gate(book, "write")
    writer: Writer[int] = Writer(lambda keys: book.write(keys), interval_seconds=3600)
    writer.put(1)

    first = aside(writer.flush)
    standing_there.await_somebody()
    writer.put(2)
    second = aside(writer.flush)
    standing_there.open()
    first.result(timeout=10)
    second.result(timeout=10)

    assert book.batches == [{1}, {2}]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_starts_empty_and_writes_for_itself(book: Book, writer: Writer[int]) -> None:
    """Feed 3: the parent writes what the parent has put; the child's lock and thread are its own."""
    writer.put(1)
    writer._lock.acquire()
    child = os.fork()
    if not child:
        signal.alarm(10)  # whoever waits for a lock that nobody holds here would wait for ever
        writer.put(2)
        writer.flush()
        os._exit(0 if book.batches == [{2}] else 1)
    writer._lock.release()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.flush()
    assert book.batches == [{1}]
