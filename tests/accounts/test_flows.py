"""A flow is a name, a way to kill what carries its Logins, and how long its copies may vouch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from accounts import flows
from accounts.flows import Flow

pytestmark = pytest.mark.nodb


def kill_nothing(_logins: Sequence[UUID]) -> None:
    """What carries these Logins dies by itself."""


def flow(name: str = "badge", *, minutes: float = 0) -> Flow:
    """A third flow."""
    return Flow(name=name, label=name.title(), end=kill_nothing, horizon=lambda: timedelta(minutes=minutes))


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "_flows", dict(flows._flows))


def test_both_flows_of_the_project_are_registered() -> None:
    assert [one.name for one in flows.registered()] == ["session", "token"]


def test_a_third_flow_is_listed_like_the_two() -> None:
    flows.register(badge := flow())

    assert flows.get("badge") is badge
    assert flows.registered()[-1] is badge
    assert ("badge", "Badge") in flows.choices()


def test_the_same_name_again_replaces() -> None:
    flows.register(flow())
    flows.register(second := flow())

    assert flows.get("badge") is second
    assert [one.name for one in flows.registered()].count("badge") == 1


def test_a_flow_whose_app_is_gone_is_none() -> None:
    assert flows.get("carrier pigeon") is None


def test_the_horizon_is_that_of_whoever_vouches_longest() -> None:
    flows.register(flow("short", minutes=2))
    flows.register(flow("long", minutes=50))

    assert flows.horizon() == timedelta(minutes=50)


def test_the_horizon_is_never_under_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "_flows", {})

    assert flows.horizon() == timedelta(minutes=1)


def test_the_horizon_covers_an_access_token_and_two_leeways() -> None:
    assert flows.horizon() == timedelta(minutes=5, seconds=60)
