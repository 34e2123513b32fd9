"""What `make measure` says is measured: each variant lets its tokens in, and chance names no winner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import override_settings

from accounts.logins import Login
from accounts.testing import PASSWORD, alice, olga
from authdemo.lab import compare, console, crowded, delay, measure, shown, targets, variants, ways
from authdemo.lab.console import Listed
from authdemo.lab.crowded import MANY, Crowd, Step
from authdemo.lab.delay import Delay
from authdemo.lab.ended import EndedSet
from authdemo.lab.http import OverHttp, Throughput
from authdemo.lab.measure import CONTROL, Result
from authdemo.lab.run import Run
from authdemo.lab.setup import Setup
from tokens_stateless import conf, keys


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

    assert (low, middle, high) == (36, 49.5, 63)


@pytest.mark.nodb
def test_no_winner_is_named_where_the_intervals_overlap() -> None:
    mine = result("ours", 4, 5, 6)
    dearer, like, cheaper = result("a", 10, 12, 14), result("b", 5, 6, 7), result("c", 1, 2, 3)

    said = compare.against(mine, [dearer, like, cheaper])

    assert said == [
        "a adds 1.7 to 3.5 times as much as ours.",
        "b cannot be told from ours.",
        "c adds 0.17 to 0.75 times as much as ours.",
    ]


@pytest.mark.nodb
@pytest.mark.parametrize(
    ("mine", "peer"),
    [((99, 100, 101), (115, 116, 117)), ((2.0, 2.1, 2.2), (3.9, 4.0, 4.05))],
    ids=["less than a fifth", "less than 2 µs"],
)
def test_no_winner_is_named_for_a_difference_that_may_not_come_again(
    mine: tuple[float, float, float], peer: tuple[float, float, float]
) -> None:
    said = compare.compare(result("ours", *mine), result("theirs", *peer))

    assert said.verdict == compare.ALIKE


@pytest.mark.nodb
@pytest.mark.parametrize(
    ("low", "added", "high", "verdict"),
    [
        (-9, 0.1, 9, "no difference."),
        (1, 3, 5, "no difference."),
        (20, 30, 40, "told apart, so believe nothing of this."),
    ],
)
def test_a_floor_is_told_from_itself_only_by_what_would_tell_two_variants_apart(
    low: float, added: float, high: float, verdict: str
) -> None:
    control = replace(result(f"floor{CONTROL}", low, added, high), microseconds=100)

    assert compare.controls([control])[0].endswith(verdict)


@pytest.mark.nodb
def test_the_true_percentile_of_a_delay_lies_between_two_of_the_cases() -> None:
    found = delay.of([*range(600)])

    assert (found.low, found.ninety_nine, found.high, found.longest) == (586, 594, 599, 599)


def test_the_control_is_not_told_from_the_floor_and_nobodys_peer() -> None:
    with override_settings(TOKENS_STATELESS=replace(conf.current(), remembered_tokens=2)):
        chosen = [one for one in variants.token_variants(alice()) if one.name in (ways.NOBODY, ways.BEFORE)]

        found = measure.measure(measure.controlled(chosen), rounds=20, calls=5)

    control = next(one for one in found if one.is_control)
    assert (control.floor, compare.is_told_apart(control)) == (ways.NOBODY, False)
    assert (control.statements, control.received) == (0, 0)
    assert shown.peers(found) == []


def over_http(tokens: dict[str, float], sessions: dict[str, float] | None = None) -> OverHttp:
    """So many requests a second, which are known exactly, for a view that answers one."""
    both = [
        [
            Throughput(name=name, a_second=rate, share=rate, low=rate, high=rate)
            for name, rate in rates.items()
        ]
        for rates in (tokens, sessions or {})
    ]
    return OverHttp(tokens=both[0], sessions=both[1], hit_rate=0.95)


def a_run(*, k: float, share: float, added: float, late: float, size: float) -> Run:
    """A token seen before that adds so many thousand instructions, and so on."""
    counts = {ways.CONSTANT: 40e3, ways.BEFORE: k * 1e3, ways.FIRST: k * 12.5e3, ways.STATELESS: 700e3}
    return Run(
        database="postgresql",
        has_redis=True,
        tokens=[
            replace(result(ways.BEFORE, 1, 1, 1), statements=k // 60, round_trips=k // 60),
            result(ways.FIRST, added - 1, added, added + 1),
            result(ways.STATELESS, 101, 101, 101),
        ],
        instructions={**counts, "simplejwt stateless, HS256": 590e3, "knox": 2500e3},
        http=over_http({ways.BEFORE: share}),
        delay=Delay(pairs=2_000, late=1, median=1, ninety_nine=late, longest=late, low=late, high=late),
        ended=[EndedSet(minutes=1, entry_bytes=size, learning=1, forgetting=size / 20, question=1)],
    )


def judged(run: Run) -> list[str]:
    """The verdicts."""
    return [one.verdict for one in targets.judged(run)]


@pytest.mark.nodb
def test_each_target_is_held_against_the_figure_of_the_run() -> None:
    good = a_run(k=50, share=0.95, added=100, late=5, size=100)
    bad = a_run(k=70, share=0.949, added=103, late=5.1, size=101)

    pairs = list(zip(judged(good), judged(bad), strict=True))

    others = ("not measured", "needs --long", "published")
    assert set(pairs) == {("met", "not met"), *((one, one) for one in others)}
    assert pairs.count(("met", "not met")) == 11


@pytest.mark.nodb
def test_few_ends_do_not_tell_how_late_one_of_a_hundred_is() -> None:
    run = a_run(k=50, share=0.95, added=100, late=4, size=9)
    assert run.delay is not None
    run.delay, run.seconds = replace(run.delay, pairs=1_999), {"delay": 1.0}

    (verdict,) = (one.verdict for one in targets.judged(run) if "all busy" in one.target.aim)
    assert verdict == "needs PostgreSQL, Redis and --long"


@pytest.mark.nodb
def test_a_figure_whose_interval_has_the_bound_in_it_is_too_close_to_tell() -> None:
    """It does not flip with the next run."""
    run = a_run(k=60, share=0.95, added=101.5, late=5, size=9)

    close = [one for one in targets.judged(run) if one.verdict == "too close to tell"]
    assert [one.target.aim.partition(": ")[2] for one in close] == [
        "at most 1.5 × the instructions of a constant user",
        "at least 10 × the instructions of a token seen before",
        "no more time than simplejwt stateless, ES256",
    ]
    assert all(one.why for one in close)


@pytest.mark.nodb
def test_what_a_run_left_out_says_what_it_needs_unless_only_a_part_was_asked_for() -> None:
    assert set(judged(Run())) == {"not measured", "needs --long"}
    run = Run(database="sqlite", seconds={"instructions": 0.1, "sessions": 1, "delay": 1})
    assert {"needs valgrind", "needs Redis", "needs PostgreSQL, Redis and --long"} < set(judged(run))
    assert targets.tables(Run(), is_whole=False)[0].rows == []


@pytest.mark.nodb
def test_every_target_that_can_be_missed_says_what_stands_in_the_way() -> None:
    assert all(target.limit for target in targets.TARGETS if target.bound is not None)


@pytest.mark.nodb
@pytest.mark.parametrize(("slowest", "verdict"), [(5.0, "met"), (5.1, "not met")])
def test_the_slowest_page_of_the_console_is_held_against_its_target(slowest: float, verdict: str) -> None:
    lists = [
        Listed(name="live", ours={"first": (1.0, 4), "last": (slowest, 5)}, stock={"first": (900.0, 3)}),
        Listed(name="people", ours={"first": (0.5, 3)}),
    ]

    row = targets.tables(Run(console=lists), is_whole=False)[0].rows[-1]

    assert (row[2], row[3], row[4]) == (f"{slowest:.1f} ms (live)", f"{slowest / 5:.2f} ×", verdict)


@pytest.mark.slow
def test_every_list_of_the_console_is_asked_for_and_answered() -> None:
    found = console.measure(olga(), rounds=1, people=600, logins=3_000)

    assert len(console.tables(found)[0].rows) == len(found)
    assert all(0 < statements <= 8 for one in found for _ms, statements in one.ours.values())
    assert all(one.ours.keys() == {"first", "middle", "last"} for one in found)
    assert max(one.stock["first"][1] for one in found if one.stock) > 0


@pytest.mark.nodb
def test_a_figure_stands_beside_its_verdict() -> None:
    """Of several algorithms, each; the cheapest peer decides."""
    rows = targets.tables(a_run(k=65, share=0.9, added=100, late=1, size=9))[0].rows

    here = next(row for row in rows if row[1].startswith("simplejwt stateless"))
    assert here[2:5] == ["10.77 × (ES256), 9.08 × (HS256)", "0.91 ×", "not met"]


def test_each_session_lets_its_person_in_at_what_it_is_known_for() -> None:
    chosen = variants.session_variants(alice())

    found = {one.name: one for one in measure.measure(chosen, rounds=2, calls=2)}

    ours = found[variants.SESSION]
    assert (ours.statements, ours.round_trips) == ((0, 1) if settings.REDIS_URL else (1, None))
    assert found["Django's signed_cookies sessions"].statements == 1


def a_crowd(many: int, *, least: float, most: float) -> Crowd:
    """One in which a session adds 10 µs at first, and then something between these."""
    then = Step(name=variants.SESSION, people=many, added=(least + most) / 2, low=least, high=most)
    return Crowd(steps=[replace(then, people=1, added=10, low=10, high=10), then])


def test_each_sign_in_lets_its_person_in() -> None:
    found = measure.measure(variants.sign_in_variants(alice(), PASSWORD), rounds=1, calls=1, warm_up=1)

    assert [one.statements > 0 for one in found] == [False, True, True]


@pytest.mark.nodb
@pytest.mark.parametrize(("more", "verdict"), [(1.0, "met"), (0.99, "not met")])
def test_the_targets_of_sessions_are_held_against_the_figures_of_the_run(more: float, verdict: str) -> None:
    added = {variants.SESSION: 100.0, variants.ROUND_TRIP: 50 * more}
    added |= {name: 100 * times * more for name, times in targets.DEARER.items()}
    results = [replace(result(name, us, us, us), statements=1 - more) for name, us in added.items()]
    page = result("page", *[30 / more] * 3)
    run = Run(
        database="postgresql",
        has_redis=True,
        sessions=[replace(one, round_trips=1 / more) for one in results],
        http=over_http({}, {variants.SESSION: 40 * more, variants.DB_SESSIONS: 10}),
        sign_in=[replace(result(variants.HASH, 0, 0, 0), floor=None, microseconds=100), page],
        crowded=a_crowd(MANY, least=12 / more, most=12 / more),
    )

    assert judged(run).count(verdict) == 9


@pytest.mark.nodb
@pytest.mark.parametrize(("low", "lines"), [(1.2, 0), (1.21, 1)])
def test_a_long_run_says_that_a_crowd_costs_more_than_it_may(low: float, lines: int) -> None:
    assert len(targets.broken(Run(crowded=a_crowd(MANY, least=10 * low, most=14)))) == lines
    assert targets.broken(Run(crowded=a_crowd(MANY // 2, least=10 * low, most=14))) == []


def test_a_crowd_is_measured_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """What tells of the room is in tests of its own."""
    user = alice()
    setup = Setup(user=user, password=PASSWORD, environment={}, directory=tmp_path, rounds=1)
    with override_settings(TOKENS_STATELESS=replace(conf.current(), remembered_tokens=2)):
        found = crowded.measure(setup, people=(100, 1_000))

    assert [one.people for one in found.of(variants.SESSION)] == [100, 1_000]
    assert set(Login.objects.values_list("user__email", flat=True)) == {user.email}
    assert list(get_user_model().objects.values_list("email", flat=True)) == [user.email]


def test_a_token_that_another_variant_has_pushed_out_is_known_again_when_the_clock_runs() -> None:
    with override_settings(TOKENS_STATELESS=replace(conf.current(), remembered_tokens=2)):
        chosen = [one for one in variants.token_variants(alice()) if one.name in (ways.BEFORE, ways.FIRST)]
        before = next(replace(one, floor=None) for one in chosen if one.name == ways.BEFORE)
        first = next(replace(one, floor=None) for one in chosen if one.name == ways.FIRST)
        asked: list[int] = []

        def call() -> Any:
            misses = keys.ring().remembered.misses
            answer = before.call()
            asked.append(keys.ring().remembered.misses - misses)
            return answer

        measure.measure([replace(before, call=call), first], rounds=8, calls=5, warm_up=1)

    rounds = [asked[at : at + 6] for at in range(len(asked) - 8 * 6, len(asked), 6)]
    assert [sum(one[1:]) for one in rounds] == [0] * 8
    assert sum(one[0] for one in rounds) > 0
