"""A million ended Logins are known by a few bytes each, and learning and forgetting them holds up nobody."""

from __future__ import annotations

import os
import time
from itertools import pairwise

import pytest

from accounts.known import Known
from authdemo.lab import ended

pytestmark = pytest.mark.nodb


def known_of(*logins: bytes) -> Known:
    """What has learned that these have ended."""
    known = Known()
    known.learn(ended=logins, versions=(), now=0)
    return known


def test_it_knows_what_it_learned_and_nothing_else() -> None:
    learned, others = ([os.urandom(16) for _login in range(5000)] for _which in range(2))

    known = known_of(*learned, *learned[:100])

    assert all(map(known.has_ended, learned))
    assert not any(map(known.has_ended, others))
    assert sum(len(ids) for ids in known._ended[0][1].values()) == 16 * 5000


def test_the_end_of_one_and_the_beginning_of_the_next_are_nobody() -> None:
    """All begin alike, so they stand in one string."""
    start = b"\x01\x02"
    first, second = start + b"a" * 6 + start + b"b" * 6, start + b"c" * 6 + start + b"d" * 6
    between = first[8:] + second[:8]

    known = known_of(first, second)

    assert first + second in known._ended[0][1].values()
    assert [known.has_ended(login) for login in (first, second, between)] == [True, True, False]
    known.learn(ended=[between], versions=(), now=0)
    assert known.has_ended(between)


@pytest.mark.parametrize(("ended", "versions"), [([b"l" * 16], []), ([], [(b"u" * 16, 2)])])
def test_it_is_empty_until_it_learns_and_again_once_it_has_forgotten(
    ended: list[bytes], versions: list[tuple[bytes, int]]
) -> None:
    known = Known()
    before = known.is_empty
    known.learn(ended=ended, versions=versions, now=0)
    between = known.is_empty

    known.forget(before=60)

    assert (before, between, known.is_empty) == (True, False, True)


def test_a_bulk_of_changes_is_taken_in_and_dropped_in_pieces() -> None:
    """Whoever waits for the interpreter gets it in between."""
    pauses: list[float] = []
    known = Known(pause=lambda: pauses.append(time.monotonic()))

    known.learn(
        ended=[os.urandom(16) for _ in range(1000)],
        versions=[(os.urandom(16), 2) for _ in range(1000)],
        now=0,
    )
    learning = len(pauses)
    known.forget(before=60)

    assert (learning, len(pauses) > learning) == (10, True)


def test_an_entry_takes_less_than_100_bytes_and_no_step_5_ms() -> None:
    """Target 6 of `make measure`, with a tenth of the entries."""
    found = ended.measure(minutes=1, entries=100_000)

    assert found.entry_bytes < 100
    assert max(found.learning, found.forgetting) < 5


def test_its_edition_is_another_after_whatever_is_new_and_after_nothing_else() -> None:
    known, login, user = Known(), b"l" * 16, b"u" * 16
    editions = [known.edition]
    news: list[tuple[list[bytes], list[tuple[bytes, int]]]] = [
        ([login], []),
        ([login], []),
        ([], [(user, 2)]),
        ([], [(user, 2)]),
        ([], [(user, 1)]),
    ]

    for logins, versions in news:
        known.learn(ended=logins, versions=versions, now=0.0)
        editions.append(known.edition)
    known.forget(before=10_000.0)

    changed = [before is not after for before, after in pairwise(editions)]
    assert changed == [True, False, True, False, False]
    assert known.edition is editions[-1]
