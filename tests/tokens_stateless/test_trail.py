"""What the token flow remembers of a Login: stretches of refreshes, exchanges, and both sides of a replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from accounts import cleaning, logins, story
from accounts.logins import EndReason, Login
from accounts.story import Moment
from tests.tokens_stateless import doors
from tests.tokens_stateless.callers import API, party
from tests.tokens_stateless.conftest import FIREFOX, Held, Noted, statements
from tokens_stateless import trail
from tokens_stateless.models import Exchange, Family, Stretch

HOME = {"headers": {"User-Agent": FIREFOX}, "REMOTE_ADDR": "203.0.113.9"}
THIEF = {"headers": {"User-Agent": "curl/8.5.0"}, "REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture(autouse=True)
def _each_use_rotates() -> Iterator[None]:
    chosen = replace(settings.TOKENS_STATELESS, rotation_window=timedelta(0))
    with override_settings(TOKENS_STATELESS=chosen):
        yield


def refreshed(token: str, place: dict[str, Any], *, times: int = 1) -> str:
    """The refresh token after so many refreshes from there."""
    for _ in range(times):
        token = doors.refresh(token, **place).json()["refresh"]
    return token


def told(held: Held, kind: str = "refresh") -> list[Moment]:
    """The moments of one kind, newest first."""
    return [moment for moment in story.page_of(held.login).moments if moment.kind == kind]


def seen(held: Held) -> list[tuple[Any, str | None, str | None]]:
    """Generations, address and device of each stretch, newest first."""
    return [(moment.details[0][1], moment.address, moment.device) for moment in told(held)]


def test_refreshes_from_one_place_are_one_moment(held: Held) -> None:
    refreshed(held.refresh, HOME, times=3)

    moment = told(held)[0]

    assert seen(held) == [("1–3", "203.0.113.9", "Firefox on Linux")]
    assert (moment.title, moment.until) == ("Refreshed 3 times", Family.objects.get().rotated_at)
    assert Stretch.objects.count() == 0


def test_another_address_or_device_is_another_moment(held: Held) -> None:
    moved = {**HOME, "REMOTE_ADDR": "203.0.113.10"}
    token = refreshed(refreshed(held.refresh, HOME, times=2), moved)
    refreshed(refreshed(token, THIEF, times=2), HOME)

    assert seen(held) == [
        ("6", "203.0.113.9", "Firefox on Linux"),
        ("4–5", "198.51.100.7", "curl"),
        ("3", "203.0.113.10", "Firefox on Linux"),
        ("1–2", "203.0.113.9", "Firefox on Linux"),
    ]


def test_what_was_refreshed_is_still_told_after_the_end(held: Held) -> None:
    refreshed(refreshed(held.refresh, HOME), THIEF)
    before = seen(held)

    logins.end([held.login.pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert seen(held) == before
    assert Family.objects.count() == 0


def test_a_login_that_moves_all_the_time_keeps_a_bounded_number(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "MOST_STRETCHES", 3)
    token = held.refresh
    for number in range(8):
        token = refreshed(token, {**HOME, "REMOTE_ADDR": f"203.0.113.{number}"})

    logins.end([held.login.pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert [generation for generation, _address, _device in seen(held)] == ["8", "7", "6"]
    assert Stretch.objects.count() == 3


def test_a_refresh_costs_one_statement_more_only_where_the_place_is_new(held: Held) -> None:
    token = refreshed(held.refresh, HOME)

    # The Login, the family, the family again, and the key that signs.
    with statements(4):
        token = refreshed(token, HOME)
    with statements(5):
        refreshed(token, THIEF)


def test_a_family_from_before_there_were_stretches_goes_on(held: Held) -> None:
    token = refreshed(held.refresh, HOME)
    Family.objects.update(stretch_at=None)

    refreshed(token, THIEF)

    assert [generation for generation, _address, _device in seen(held)] == ["2", "1"]


def test_the_replay_is_marked_with_both_its_sides(held: Held) -> None:
    token = refreshed(held.refresh, HOME)
    refreshed(token, HOME)
    doors.refresh(token, **THIEF)

    replay, sides = told(held, "replay")[0], told(held, "replay")[0].sides

    assert [moment.kind for moment in story.page_of(held.login).moments[:2]] == ["end", "replay"]
    assert [value for _label, value in replay.details] == [1, 2]
    assert [side[1:3] for side in sides] == [
        ("198.51.100.7", "curl"),
        ("203.0.113.9", "Firefox on Linux"),
        ("203.0.113.9", "Firefox on Linux"),
    ]
    assert told(held)[0].marks == ["was given the token that came back", "was given the current token"]


def test_each_refresh_is_a_line_and_no_row(held: Held, noted: Noted) -> None:
    refreshed(held.refresh, HOME, times=2)

    lines = [event for event in noted.events if event["name"] == "authn_token_refreshed"]
    assert [(line["generation"], line["login"]) for line in lines] == [(1, held.login.pk), (2, held.login.pk)]


def test_exchanges_are_counted_by_client_and_audience(held: Held, noted: Noted) -> None:
    reports = party()
    for _ in range(3):
        reports.child(held.access)
    party().child(held.access)

    moments = told(held, "exchange")

    assert [moment.details for moment in moments][-1] == [("audience", API), ("client", reports.client.pk)]
    assert sorted(Exchange.objects.values_list("count", flat=True)) == [1, 3]
    assert [event["name"] for event in noted.events].count("authn_token_exchanged") == 4


def test_an_exchange_that_is_refused_is_none(held: Held) -> None:
    logins.end([held.login.pk], reason=EndReason.LOGOUT)

    party().exchange(held.access)

    assert Exchange.objects.count() == 0


def test_cleaning_takes_them_with_the_login(held: Held) -> None:
    refreshed(refreshed(held.refresh, HOME), THIEF)
    party().child(held.access)
    logins.end([held.login.pk], reason=EndReason.LOGOUT)
    Login.objects.update(
        ended_at=timezone.now() - timedelta(days=100), changed_at=timezone.now() - timedelta(days=100)
    )

    with time_machine.travel(timezone.now(), tick=True):
        list(cleaning.history())

    assert (Login.objects.count(), Stretch.objects.count(), Exchange.objects.count()) == (0, 0, 0)
