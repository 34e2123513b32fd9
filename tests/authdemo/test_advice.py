"""Which flow to take: each reason carries a figure of the run, and none is given that the run denies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authdemo.lab import advice, variants, ways
from authdemo.lab.delay import Delay
from authdemo.lab.run import Run
from authdemo.lab.tabs import Refreshed, Tabs
from authdemo.lab.usual_parties import Count
from tests.authdemo import findings

pytestmark = pytest.mark.nodb


def a_run() -> Run:
    """One with everything that the advice looks at, the usual sessions among it."""
    found = vars(findings.everything())
    usual = findings.result(f"{variants.DB_SESSIONS}{variants.WITH_IDLE}", added=1624, statements=3)
    tabs = Tabs(tabs=20, here=Refreshed(answered=20, lineages=1), usual=Refreshed(answered=9, lineages=9))
    return Run(**{**found, "sessions": [*found["sessions"], usual], "tabs": tabs})


def said(run: Run) -> str:
    """All reasons for all three."""
    return "\n".join(reason for one in advice.given(run) for reason in one.because)


def test_each_of_the_three_is_told_what_to_take_and_why() -> None:
    found = advice.given(a_run())

    assert [one.take.partition(",")[0] for one in found] == [
        "the session cookie",
        "the access token",
        "the session cookie",
    ]
    assert [len(one.because) for one in found] == [6, 5, 4]


def test_the_reasons_have_the_figures_of_the_run() -> None:
    run = a_run()

    for part in (
        "A session adds 203 µs",
        "a token adds 21 µs",
        "8.0 times as much (Django's db sessions)",
        "20 of 20 tabs",
        "off by default, 9 did",
        "in all 20 cases",
    ):
        assert part in said(run)
    run.sessions = [findings.result(variants.SESSION, added=444, statements=1)]
    assert "A session adds 444 µs" in said(run)
    assert "of 20 ms" not in said(run)


def test_what_was_not_measured_is_no_reason() -> None:
    assert [len(one.because) for one in advice.given(Run())] == [0, 0, 1]


def test_of_an_end_the_part_that_ends_most_is_believed() -> None:
    run = a_run()
    run.delay = Delay(pairs=5_000, late=9, median=1, ninety_nine=4.39, longest=46, low=3.04, high=6.82)

    assert "within 4.4 ms in 99 of 100 cases (3.0 to 6.8), of 5,000" in said(run)


@pytest.mark.parametrize(
    "faulty", ["dearer than usual", "a cookie for others", "tokens dearer", "never ends"]
)
def test_no_reason_is_given_that_the_run_denies(faulty: str) -> None:
    run = a_run()
    assert run.parties
    assert run.effect
    before = len(said(run).splitlines())

    if faulty == "dearer than usual":
        run.sessions = [replace(one, added=2000, low=1999, high=2001) for one in run.sessions]
    elif faulty == "a cookie for others":
        run.parties = replace(run.parties, cross_site=Count(sent=3, accepted=1))
    elif faulty == "tokens dearer":
        run.tokens = [findings.result(ways.BEFORE, added=300, statements=0)]
    else:
        run.effect = replace(run.effect, effects=[replace(one, never=1) for one in run.effect.effects])

    assert len(said(run).splitlines()) < before
