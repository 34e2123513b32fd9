"""What `make measure` says is measured: each variant lets its tokens in, and chance names no winner."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import settings
from django.test import override_settings

from accounts.testing import PASSWORD, alice, olga
from authdemo.lab import console, measure, targets, variants, ways
from authdemo.lab.console import Listed
from authdemo.lab.crowded import Crowded
from authdemo.lab.delay import Delay
from authdemo.lab.ended import EndedSet
from authdemo.lab.http import Throughput
from authdemo.lab.measure import Result
from authdemo.lab.targets import Run
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

    without, counted = measure.table(rows), measure.table(rows, instructions={"ours": 6e4})

    assert "instructions" not in without
    assert counted.splitlines()[-1].endswith("| 5.0 (4.0 to 6.0) | 60 k |")


def a_run(*, k: float, share: float, added: float, late: float, size: float) -> Run:
    """A token seen before that adds so many thousand instructions, and so on."""
    counts = {ways.CONSTANT: 40, ways.BEFORE: k, ways.FIRST: 12.5 * k, ways.STATELESS: 600}
    return Run(
        tokens=[
            replace(result(ways.BEFORE, 1, 1, 1), statements=k // 60),
            result(ways.FIRST, added - 1, added, added + 1),
            result(ways.STATELESS, 99, 100, 101),
        ],
        instructions={**counts, "simplejwt stateless, HS256": 590, "knox": 2500},
        over_http=[Throughput(name=ways.BEFORE, a_second=9, share=share, low=share, high=share)],
        delay=Delay(pairs=9, late=1, median=1, ninety_nine=late, longest=late),
        delay_bound=5,
        ended=[EndedSet(minutes=1, entry_bytes=size, learning=1, forgetting=size / 20, question=1)],
    )


def judged(run: Run) -> list[str]:
    """The last column of the table."""
    return [line.split(" | ")[-1].strip("| ") for line in targets.table(run).splitlines()[2:]]


@pytest.mark.nodb
def test_each_target_is_held_against_the_figure_of_the_run() -> None:
    good = a_run(k=48, share=0.95, added=101, late=5, size=100)
    bad = a_run(k=61, share=0.949, added=103, late=5.1, size=101)

    pairs = list(zip(judged(good), judged(bad), strict=True))

    assert set(pairs) == {("met", "**not met**"), ("not measured", "not measured")}
    assert pairs.count(("met", "**not met**")) == 10


@pytest.mark.nodb
def test_what_a_run_left_out_is_told_as_not_measured_unless_only_a_part_was_asked_for() -> None:
    assert set(judged(Run())) == {"not measured"}
    assert len(targets.table(Run(), is_whole=False).splitlines()) == 2


@pytest.mark.nodb
@pytest.mark.parametrize(("slowest", "verdict"), [(5.0, "met"), (5.1, "**not met**")])
def test_the_slowest_page_of_the_console_is_held_against_its_target(slowest: float, verdict: str) -> None:
    lists = [
        Listed(name="live", ours={"first": (1.0, 4), "last": (slowest, 5)}, stock={"first": (900.0, 3)}),
        Listed(name="people", ours={"first": (0.5, 3)}),
    ]

    told = targets.table(Run(console=lists), is_whole=False).splitlines()[-1]

    assert f"{slowest:.1f} ms (live) | {verdict}" in told


@pytest.mark.slow
def test_every_list_of_the_console_is_asked_for_and_answered() -> None:
    found = console.measure(olga(), rounds=1, people=600, logins=3_000)

    assert len(console.table(found).splitlines()) == len(found) + 2
    assert all(0 < statements <= 8 for one in found for _ms, statements in one.ours.values())
    assert all(one.ours.keys() == {"first", "middle", "last"} for one in found)
    assert max(one.stock["first"][1] for one in found if one.stock) > 0


@pytest.mark.nodb
def test_a_figure_stands_beside_its_verdict() -> None:
    """Of several algorithms, each; the dearest decides."""
    said = targets.table(a_run(k=60, share=0.9, added=100, late=1, size=9))

    assert "times its instructions | 10.0 × (ES256), 9.8 × (HS256) | **not met** |" in said


def test_each_session_lets_its_person_in_at_what_it_is_known_for() -> None:
    chosen = variants.session_variants(alice())

    found = {one.name: one.statements for one in measure.measure(chosen, rounds=2, calls=2)}
    trips = measure.round_trips(next(one.call for one in chosen if one.name == variants.SESSION))

    assert (found[variants.SESSION], trips) == ((0, 1) if settings.REDIS_URL else (1, None))


def test_each_sign_in_lets_its_person_in() -> None:
    found = measure.measure(variants.sign_in_variants(alice(), PASSWORD), rounds=1, calls=1)

    assert [one.statements > 0 for one in found] == [False, True, True]


@pytest.mark.nodb
@pytest.mark.parametrize(("more", "verdict"), [(1.0, "met"), (0.99, "**not met**")])
def test_the_targets_of_sessions_are_held_against_the_figures_of_the_run(more: float, verdict: str) -> None:
    added = {variants.SESSION: 100.0, variants.ROUND_TRIP: 50 * more}
    added |= {name: 100 * times * more for name, times in targets.DEARER.items()}
    rates = {variants.SESSION: 40 * more, variants.DB_SESSIONS: 10}
    run = Run(
        sessions=[replace(result(name, us, us, us), statements=0) for name, us in added.items()],
        round_trips=1 / more,
        sessions_over_http=[
            Throughput(name=name, a_second=rate, share=1, low=1, high=1) for name, rate in rates.items()
        ],
        sign_in=[result(variants.HASH, 1, 1, 1), replace(result("page", 1, 1, 1), microseconds=130 / more)],
        crowded=[Crowded(name="session", few=10, many=12 / more)],
    )

    assert judged(run).count(verdict) == 8
