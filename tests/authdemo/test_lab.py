"""What `make measure` says is measured: each variant lets its tokens in, and chance names no winner."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import override_settings

from accounts.testing import alice
from authdemo.lab import measure, variants, ways
from authdemo.lab.measure import Result
from tokens_stateless import conf


def result(name: str, low: float, added: float, high: float) -> Result:
    """A variant that adds so much."""
    return Result(name=name, floor="floor", statements=0, microseconds=100, added=added, low=low, high=high)


def test_each_way_lets_its_own_tokens_in_at_the_statements_that_it_is_known_for() -> None:
    with override_settings(TOKENS_STATELESS=replace(conf.current(), remembered_tokens=2)):
        found = {
            one.name: one for one in measure.measure(variants.token_variants(alice()), rounds=2, calls=2)
        }

    statements = {name: one.statements for name, one in found.items()}
    assert (statements[ways.BEFORE], statements[ways.FIRST], statements[ways.STATELESS]) == (0, 0, 0)
    assert statements["simplejwt default, HS256"] == 1


@pytest.mark.nodb
def test_the_interval_is_of_the_median_and_minds_no_outlier() -> None:
    low, middle, high = measure.interval([*range(99), 10_000])

    assert (low, middle, high) == (40, 49.5, 59)


@pytest.mark.nodb
def test_no_winner_is_named_where_the_intervals_overlap() -> None:
    mine = result("ours", 4, 5, 6)
    dearer, like, cheaper = result("a", 10, 12, 14), result("b", 5, 6, 7), result("c", 1, 2, 3)

    said = measure.against(mine, [dearer, like, cheaper]).splitlines()[1:]

    assert said == [
        "- a adds 1.7 to 3.5 times as much.",
        "- b cannot be told from it: the intervals overlap.",
        "- c adds 0.17 to 0.75 times as much.",
    ]


@pytest.mark.nodb
def test_the_table_tells_instructions_where_they_were_counted() -> None:
    floor = Result(name="floor", floor=None, statements=0, microseconds=50, added=0, low=0, high=0)
    rows = [floor, result("ours", 4, 5, 6)]

    without, counted = measure.table(rows), measure.table(rows, instructions={"floor": 1e6, "ours": 1.06e6})

    assert "instructions" not in without
    assert counted.splitlines()[-1].endswith("| 5.0 (4.0 to 6.0) | 60 k |")
