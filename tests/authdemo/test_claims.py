"""The ledger of claims: each line has its row, every figure is of the run, and no verdict denies it."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from authdemo.lab import claims, doors, effect, weighing
from authdemo.lab.claims import ADVANTAGE, DISADVANTAGE, STATEFUL, STATELESS
from authdemo.lab.crowded import Crowd
from authdemo.lab.judge import TOO_CLOSE
from authdemo.lab.usual_parties import Count
from tests.authdemo import findings
from tests.authdemo.findings import Found, changed, everything, others

pytestmark = pytest.mark.nodb

FIGURES = re.compile(r"\d+(?:[.,]\d+)*")
FAULTS = (weighing.LOST, weighing.STILL_TRUE)


def verdicts(run: Found) -> dict[tuple[str, str], str]:
    """By the way and what about."""
    return {
        (one.row.flow, one.row.about): one.figures.verdict if one.figures else "" for one in claims.rows(run)
    }


def test_every_line_that_is_said_has_exactly_one_row() -> None:
    """Of each way: what it is good and bad at, three lines each, about the same six things."""
    found = claims.rows(everything())

    assert Counter((one.row.flow, one.row.kind) for one in found) == {
        (STATEFUL, ADVANTAGE): 3,
        (STATEFUL, DISADVANTAGE): 3,
        (STATELESS, ADVANTAGE): 3,
        (STATELESS, DISADVANTAGE): 3,
    }
    about = {(one.row.flow, one.row.kind, one.row.about) for one in found}
    for topic in (claims.REVOKING, claims.SETUP, claims.DATA):
        assert {(STATEFUL, ADVANTAGE, topic), (STATELESS, DISADVANTAGE, topic)} <= about
    for topic in (claims.OVERHEAD, claims.SCALING, claims.PARTIES):
        assert {(STATEFUL, DISADVANTAGE, topic), (STATELESS, ADVANTAGE, topic)} <= about


@pytest.mark.parametrize("bad", ["", "never", "refused"])
def test_what_speaks_for_a_way_is_kept_or_lost_and_what_speaks_against_it_removed_or_true(bad: str) -> None:
    run = changed(everything(), bad, 1)
    words = {
        ADVANTAGE: {weighing.KEPT, weighing.LOST, weighing.PRICED, TOO_CLOSE},
        DISADVANTAGE: {weighing.REMOVED, weighing.STILL_TRUE, weighing.PRICED, TOO_CLOSE},
    }

    for one in claims.rows(run):
        assert one.figures
        assert re.split("[:,]", one.figures.verdict)[0] in words[one.row.kind], one.row.claim


def test_what_speaks_for_us_is_kept_removed_or_priced() -> None:
    found = verdicts(everything())

    assert {verdict.partition(":")[0].partition(",")[0] for verdict in found.values()} == {
        "kept",
        "removed",
        "priced",
    }
    assert found[STATELESS, claims.REVOKING] == found[STATELESS, claims.DATA] == weighing.REMOVED
    assert found[STATEFUL, claims.SCALING] == weighing.REMOVED
    assert found[STATELESS, claims.SETUP] == "priced: +6 lines and +2 settings to Django's sessions"


def figures(run: Found, at: int) -> list[str]:
    """The numbers in one row; "99 %" and names of algorithms are words."""
    found = claims.rows(run)[at].figures
    assert found
    texts = " | ".join((found.usual, found.here, found.cost))
    return FIGURES.findall(texts.replace("99 %", "").replace("ES256", "").replace("HS256", ""))


@pytest.mark.parametrize("at", range(12))
def test_no_figure_is_typed(at: int) -> None:
    """Where every number of the run is another one, so is every number in the row: in one of some runs."""
    runs = [everything()]
    for seed in range(4):
        numbers = iter(random.Random(seed).choices(range(40, 140), k=1000))
        runs.append(Found(**{name: others(part, numbers) for name, part in vars(everything()).items()}))

    in_each = list(zip(*(figures(run, at) for run in runs), strict=True))

    assert len(in_each) > 3
    assert all(len(set(values)) > 1 for values in in_each)


def test_what_a_run_left_out_is_said_to_be_not_measured() -> None:
    rows = claims.tables(claims.rows(Found()))[0].rows

    assert [row[-1] for row in rows] == [claims.NOT_MEASURED] * 12


BAD: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    (
        "effect",
        {"never": 1},
        [(flow, about) for flow in (STATEFUL, STATELESS) for about in (claims.REVOKING, claims.DATA)],
    ),
    (
        "effect",
        {"seen": 0},
        [(flow, about) for flow in (STATEFUL, STATELESS) for about in (claims.REVOKING, claims.DATA)],
    ),
    ("effect", {"ninety_nine": 100.1}, [(STATELESS, claims.REVOKING), (STATELESS, claims.DATA)]),
    ("effect", {"refreshed_right": 16}, [(STATELESS, claims.DATA)]),
    (
        "effect",
        {"effects": []},
        [(flow, about) for flow in (STATEFUL, STATELESS) for about in (claims.REVOKING, claims.DATA)],
    ),
    ("scaling", {"refused": 1}, [(STATEFUL, claims.SCALING), (STATELESS, claims.SCALING)]),
    ("scaling", {"home_refused": 1}, [(STATEFUL, claims.SCALING), (STATELESS, claims.SCALING)]),
    ("scaling", {"asked": 0}, [(STATEFUL, claims.SCALING), (STATELESS, claims.SCALING)]),
    (
        "parties",
        {"elsewhere": Count(sent=6, accepted=1)},
        [(STATEFUL, claims.PARTIES), (STATELESS, claims.PARTIES)],
    ),
    ("parties", {"cross_site": Count(sent=3, accepted=1)}, [(STATEFUL, claims.PARTIES)]),
    ("parties", {"exchanged_cookies": Count(sent=1, accepted=0)}, [(STATEFUL, claims.PARTIES)]),
    ("parties", {"verified_cost": 990}, [(STATELESS, claims.PARTIES)]),
    ("parties", {"verified": Count(sent=990, accepted=989)}, [(STATELESS, claims.PARTIES)]),
    ("parties", {"ended_introspected": Count(sent=5, accepted=1)}, [(STATELESS, claims.PARTIES)]),
    ("adoption", {"after_sign_out": True}, [(STATEFUL, claims.SETUP), (STATELESS, claims.SETUP)]),
    ("adoption", {"refreshes": True}, [(STATEFUL, claims.SETUP), (STATELESS, claims.SETUP)]),
    ("tokens", {"statements": 1}, [(STATELESS, claims.OVERHEAD)]),
]


@pytest.mark.parametrize(("part", "numbers", "judged"), BAD)
def test_no_row_claims_what_the_numbers_deny(
    part: str, numbers: dict[str, Any], judged: list[tuple[str, str]]
) -> None:
    """And no other row is concerned."""
    run, before = everything(), verdicts(everything())
    for name, value in numbers.items():
        setattr(run, part, changed(getattr(run, part), name, value))

    found = verdicts(run)

    for one in judged:
        slow = "ninety_nine" in numbers
        assert found[one].partition(":")[0] in ([weighing.PRICED] if slow else FAULTS), one
    assert {key for key, verdict in found.items() if verdict != before[key]} <= set(judged)


@pytest.mark.parametrize(
    ("added", "low", "verdict"),
    [
        (301, 200, "priced: 1280 B for each, and no time"),
        (302, 301, "too close to tell"),
        (302, 302, "still true"),
    ],
)
def test_a_crowd_that_slows_requests_down_is_no_price(added: float, low: float, verdict: str) -> None:
    """At first 201 µs are added."""
    run = everything()
    first, last, *others = run.crowded.steps
    run.crowded = Crowd(steps=[first, replace(last, added=added, low=low), *others])

    assert verdicts(run)[STATEFUL, claims.OVERHEAD] == verdict


@pytest.mark.parametrize("door", [doors.TOKEN, doors.SESSION])
def test_one_process_that_notices_nothing_once_is_enough(door: str) -> None:
    run = everything()
    run.effect = changed(
        run.effect,
        "effects",
        [
            changed(one, "never", 1)
            if (one.door, one.change, one.busy) == (door, effect.ENDED, True)
            else one
            for one in run.effect.effects
        ],
    )

    found = verdicts(run)

    flow = STATELESS if door == doors.TOKEN else STATEFUL
    assert found[flow, claims.REVOKING] in (weighing.STILL_TRUE, weighing.LOST)
    assert found[flow, claims.DATA] == verdicts(everything())[flow, claims.DATA]


@pytest.mark.parametrize(
    ("added", "verdict"),
    [(119, "kept"), (120, TOO_CLOSE), (238, "priced: 2.0 × simplejwt stateless")],
)
def test_a_token_that_costs_more_than_one_that_is_only_verified_has_its_price(
    added: float, verdict: str
) -> None:
    """Which adds 119 µs, give or take one."""
    run = everything()
    run.tokens[0] = findings.result(run.tokens[0].name, added=added, statements=0)

    assert verdicts(run)[STATELESS, claims.OVERHEAD] == verdict
