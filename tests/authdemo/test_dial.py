"""The dial: who asks each time refuses the next request, who never asks does not; ours keep their budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts import conf
from authdemo.lab import dial, dialled, peers, signins
from authdemo.lab.dial import Dial, Point
from tests.authdemo import in_lab
from tests.stores import Stores

ASK_EACH_TIME = {
    (peers.DEFAULT, signins.DISABLED),
    (peers.LISTED, signins.LISTED),
    (peers.SESSION_TOKEN, signins.LOGOUT),
    (peers.STATEFUL_JWT, signins.LOGOUT),
    (peers.KNOX, signins.DELETED),
    ("Django's db sessions", signins.LOGOUT),
    ("Django's cache sessions", signins.LOGOUT),
    ("Django's cached_db sessions", signins.LOGOUT),
    ("Django's signed_cookies sessions", signins.DISABLED),
    (dialled.every(0), signins.LISTED),
}
# Until when in seconds, by what the packages say themselves.
NEVER_ASK = {
    (peers.STATELESS, signins.DISABLED): 300,
    (peers.DEFAULT, signins.NOTHING): 300,
    (peers.JWT, signins.LOGOUT): 300,
    (peers.READ_JWT, signins.LOGOUT): 300,
    (peers.READ_JWT, signins.DISABLED): 300,
    ("Django's signed_cookies sessions", signins.LOGOUT): 14 * 86_400,
}


@pytest.fixture(scope="module")
def found(stores: Stores, prepared_database: Callable[[], str]) -> dict[str, Any]:
    """The dial of a process with all peers that are installed."""
    variables = {"DATABASE_URL": prepared_database()}
    if stores.redis:
        variables["REDIS_URL"] = stores.redis.url(13)
    dialled: dict[str, Any] = in_lab.asked("dial", variables=variables)
    return dialled


@pytest.fixture(scope="module")
def points(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Its points, by their way and how it was ended."""
    return {(one["name"], one["ended"]): one for one in found["points"]}


@pytest.mark.slow
def test_who_asks_each_time_refuses_the_next_request(points: dict[tuple[str, str], dict[str, Any]]) -> None:
    asking = ASK_EACH_TIME & points.keys()

    assert {points[one]["worst"] for one in asking} == {0}
    assert not any(points[one]["stated"] for one in asking)
    assert len(asking) >= 5


@pytest.mark.slow
def test_who_never_asks_lets_it_in_until_it_expires(points: dict[tuple[str, str], dict[str, Any]]) -> None:
    """The measuring itself fails when a request right after the end is refused."""
    silent = NEVER_ASK.keys() & points.keys()

    assert {one: points[one]["worst"] for one in silent} == {one: NEVER_ASK[one] for one in silent}
    assert all(points[one]["stated"] for one in silent)
    assert len(silent) >= 3


@pytest.mark.slow
def test_the_compromise_gets_dearer_the_sooner_it_is_effective(found: dict[str, Any]) -> None:
    steps = [one for one in found["points"] if one["kind"] == "compromise"]

    assert [one["name"] for one in steps] == [dialled.every(age) for age in dialled.AGES]
    assert [one["stated"] for one in steps] == [False, False, False, True, True, True]
    assert 0 < steps[1]["worst"] + steps[2]["worst"] <= 0.5 + 1
    assert found["looked_up"] > found["remembered"]
    assert sorted((one["added"] for one in steps), reverse=True) == [one["added"] for one in steps]


@pytest.mark.slow
def test_ours_are_refused_at_the_next_request_or_within_the_budget(found: dict[str, Any]) -> None:
    """On SQLite, and wherever the ledger is asked each time, at the next one."""
    worst = {one["name"]: one["worst"] for one in found["points"] if one["kind"] == "ours"}
    at_once = {dialled.ZERO, dial.ROW, dial.GLANCE} & worst.keys()

    assert {worst[name] for name in at_once} == {0}
    assert max(worst.values()) <= conf.current().standing_budget.total_seconds()
    assert (dial.GLANCE in worst) == (connection.vendor == "sqlite")


@pytest.mark.slow
def test_the_table_tells_each_point(found: dict[str, Any]) -> None:
    lines = found["table"].splitlines()

    for one in found["points"]:
        assert any(one["name"] in line and one["ended"] in line for line in lines)


@pytest.mark.nodb
@pytest.mark.parametrize(("age", "expected"), [(0, 100), (1, 55), (9, 19)])
def test_the_mean_is_of_one_that_looks_up_and_those_that_come_while_it_is_remembered(
    age: float, expected: float
) -> None:
    assert dial.mean(100, 10, age=age, rate=1) == expected


@pytest.mark.nodb
@pytest.mark.parametrize(
    ("seconds", "stated", "said"),
    [
        (0, False, "the next request"),
        (0.0123, False, "12.3 ms"),
        (1.5, False, "1.5 s"),
        (300, True, "5 min*"),
        (1_209_600, True, "14 days*"),
    ],
)
def test_a_time_is_told_in_its_own_size(seconds: float, stated: bool, said: str) -> None:
    point = Point(
        name="x", kind="peer", added=1, low=1, high=1, seconds=seconds, worst=9, stated=stated, ended="y"
    )

    (table,) = dial.tables(Dial(points=[point], looked_up=1, remembered=1, rate=1, budget=5))

    assert table.rows[0][5] == said
