"""How long the old is accepted: processes that really ask, with ours and with the usual."""

from __future__ import annotations

from typing import Any

import pytest

from tests.authdemo import experiments

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


@pytest.fixture(scope="module")
def told() -> Any:
    return experiments.found("effect", ends=2, others=1, usual=1)


def kinds(told: Any, door: str) -> dict[str, set[bool]]:
    """Of each change, whether it was never noticed, at rest and busy."""
    found: dict[str, set[bool]] = {}
    for one in told["found"]["effects"]:
        if one["door"] == door:
            found.setdefault(one["change"], set()).add(one["never"] == one["seen"] > 0)
    return found


@pytest.mark.parametrize("door", ["our-token", "our-session", "django-db"])
def test_what_asks_or_is_told_notices_every_change_in_every_process(told: Any, door: str) -> None:
    mine = [one for one in told["found"]["effects"] if one["door"] == door]

    assert len(mine) == 8
    assert all(one["seen"] and one["never"] == 0 and one["lives"] is None for one in mine)


def test_what_only_verifies_notices_none_and_lives_on(told: Any) -> None:
    mine = [one for one in told["found"]["effects"] if one["door"] == "simplejwt-stateless"]

    assert set().union(*kinds(told, "simplejwt-stateless").values()) == {True}
    assert all(200 < one["lives"] <= 300 and one["median"] is None for one in mine)


def test_what_asks_for_the_person_notices_all_but_the_end(told: Any) -> None:
    assert kinds(told, "simplejwt") == {
        "ended": {True},
        "no longer an operator": {False},
        "disabled": {False},
        "another address": {False},
    }


def test_a_token_that_has_lost_its_role_is_refreshed_into_one_without_it(told: Any) -> None:
    assert (told["found"]["refreshed"], told["found"]["refreshed_right"]) == (2, 2)


def test_it_leaves_nothing_behind(told: Any) -> None:
    assert told["left"] == {}
