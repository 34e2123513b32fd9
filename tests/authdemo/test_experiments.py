"""The experiments behind the ledger of claims, small: what they find of ours and of the usual must be so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from authdemo.lab import adoption, doors, scaling, variants, ways
from tests.authdemo import experiments

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


def test_every_process_knows_whom_another_signed_in_unless_each_has_its_own_memory() -> None:
    told = experiments.found("scaling", rounds=1, seconds=0.02, asked=24)

    strangers = {(one["door"], one["workers"]): one for one in told["found"]["strangers"]}
    assert {door for door, _workers in strangers} == set(doors.NAMES)
    for (door, _workers), one in strangers.items():
        assert one["asked"] > 0
        lost = one["asked"] if door == doors.MEMORY else 0
        assert (one["refused"], one["dropped"], one["home_refused"]) == (lost, lost, 0)
    rates = [(one["door"], one["workers"]) for one in told["found"]["rates"] if one["a_second"] > 0]
    assert rates == [(door, workers) for door in scaling.SERVED for workers in (1, 2, 4)]
    assert told["left"] == {}


def test_a_crowd_costs_room_in_each_step_and_goes_again() -> None:
    told = experiments.found("crowded", people=[300, 900])

    found = {(one["name"], one["people"]): one for one in told["found"]["steps"]}
    for name in (variants.SESSION, variants.DB_SESSIONS):
        assert [300 < found[name, people]["database"] < 3_000 for people in (300, 900)] == [True, True]
    assert (ways.BEFORE, 900) in found
    assert told["left"]["accounts.Login"] < 300
    assert told["left"]["sessions.Session"] < 300


def test_third_parties_can_do_what_is_meant_for_them_and_nothing_else() -> None:
    told = experiments.found("parties", asked=40, introspected=3, ends=2)

    found: dict[str, Any] = told["found"]
    assert (found["verified"], found["verified_cost"]) == ({"sent": 40, "accepted": 40}, 2)
    assert (found["introspected"], found["introspected_cost"]) == ({"sent": 3, "accepted": 3}, 3)
    assert found["ended_introspected"] == {"sent": 2, "accepted": 0}
    assert found["ended_verified"] == {"sent": 2, "accepted": 2}
    assert 60 < found["lives"] <= 120
    assert found["elsewhere"] == {"sent": 5, "accepted": 0}
    assert found["cross_site"] == {"sent": 3, "accepted": 0}
    assert found["exchanged_cookies"] == {"sent": 1, "accepted": 1}
    assert found["cookie"] == {"host_only": True, "hidden_from_scripts": True, "same_site": "Lax"}
    assert found["usual_elsewhere"] == found["usual_forged"] == {"sent": 2, "accepted": 2}
    assert found["usual_cookies"] == {"sent": 1, "accepted": 0}
    assert told["left"] == {}


def test_each_small_project_runs_and_only_one_lets_in_who_has_signed_out() -> None:
    told = experiments.found("adoption")

    found = {one["name"]: one for one in told["found"]}
    assert list(found) == list(adoption.NAMES)
    assert [name for name, one in found.items() if one["after_sign_out"]] == [adoption.SIMPLEJWT]
    refreshes = {name: one["refreshes"] for name, one in found.items()}
    assert list(refreshes.values()) == [None, None, False, False]
    assert all(one["seconds"] > 0 and one["statements"] > 0 and one["packages"] > 0 for one in found.values())
    ours = (adoption.OUR_SESSIONS, adoption.OUR_TOKENS)
    assert [name for name, one in found.items() if one["brought"]] == list(ours)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('"""Why."""\n\nfrom __future__ import annotations\n\nX = 1  # so\n', 1),
        ("# a comment\nX = [\n    1,\n]\n\n\ndef f():\n    '''What.'''\n    return X\n", 5),
    ],
)
def test_only_lines_that_say_something_are_counted(text: str, lines: int, tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(text)

    assert (adoption.lines(file), adoption.chosen(file)) == (lines, 1)
