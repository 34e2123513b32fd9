"""Refresh tokens: one lineage, a window for parallel tabs and lost answers, an end for whoever replays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event as Signal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client, override_settings
from django.utils import timezone

from accounts.logins import EndReason, Login
from accounts.models import Event
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Aside, Held, Noted, statements
from tokens_stateless import refresh
from tokens_stateless.conf import Tokens
from tokens_stateless.models import Family


def later(seconds: float = 0, **more: float) -> Any:
    """The clock of this process, so much later."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds, **more), tick=False)


def generation(token: str) -> int:
    """Which one of its family this is."""
    return int(token.split(".")[1])


def refreshed(token: str) -> str:
    """The refresh token that this one is answered with."""
    answer = doors.refresh(token)
    assert answer.status_code == 200
    assert doors.me(answer.json()["access"]).status_code == 200
    return str(answer.json()["refresh"])


def test_a_refresh_answers_as_a_sign_in_does(held: Held) -> None:
    """simplejwt's names, with rotation."""
    answer = doors.refresh(held.refresh)

    assert set(answer.json()) == {"access", "refresh", "token_type", "expires_in"}
    assert answer.json()["token_type"] == "Bearer"
    assert 270 <= answer.json()["expires_in"] <= 300
    assert (answer.headers["Cache-Control"], bool(answer.cookies)) == ("no-store", False)


def test_the_first_use_rotates(held: Held) -> None:
    assert (generation(held.refresh), generation(refreshed(held.refresh))) == (0, 1)


def test_within_the_window_the_previous_and_the_current_one_answer_with_the_current_one(held: Held) -> None:
    """A lost answer, twenty tabs, a page rendered on the server: nobody is signed out."""
    current = refreshed(held.refresh)

    with later(seconds=9):
        answers = [refreshed(held.refresh), refreshed(current), refreshed(held.refresh)]

    assert answers == [current] * 3


def test_after_the_window_the_current_one_rotates(held: Held) -> None:
    current = refreshed(held.refresh)

    with later(seconds=11):
        assert generation(refreshed(current)) == 2


def test_after_the_window_the_previous_one_is_a_replay_and_ends_the_login(held: Held) -> None:
    """T6: and with it goes what its successor has become."""
    current = doors.refresh(held.refresh).json()

    with later(seconds=11):
        refused = doors.refresh(held.refresh)

    assert (refused.status_code, refused.json()["code"]) == (401, "token_not_valid")
    assert held.login.end_reason == EndReason.REFRESH_REUSED
    assert doors.refresh(current["refresh"]).status_code == 401
    assert [doors.me(access).status_code for access in (current["access"], held.access)] == [401, 401]


def test_the_generation_before_the_previous_is_a_replay_even_within_the_window(held: Held) -> None:
    """T4"""
    current = refreshed(held.refresh)
    with later(seconds=11):
        refreshed(current)

        refused = doors.refresh(held.refresh)

    assert (refused.status_code, held.login.end_reason) == (401, EndReason.REFRESH_REUSED)


def test_a_generation_that_was_never_handed_out_is_a_replay(held: Held) -> None:
    """It is genuine by its MAC: an old database was put back, or somebody has the secret."""
    ahead = refresh.write(held.login.pk, generation=7)

    assert doors.refresh(ahead).status_code == 401
    assert held.login.end_reason == EndReason.REFRESH_REUSED


def test_a_second_replay_finds_nothing_to_end(held: Held) -> None:
    refreshed(held.refresh)

    with later(seconds=11):
        answers = [doors.refresh(held.refresh), doors.refresh(held.refresh)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert Event.objects.filter(name="authn_token_reuse").count() == 1


def test_a_replay_tells_of_both_sides(held: Held) -> None:
    """Who has come now with which generation, who was given the current one, and who signed in."""
    doors.refresh(held.refresh, headers={"User-Agent": "curl/8.5.0"}, REMOTE_ADDR="198.51.100.7")
    rotated_at = Family.objects.get().rotated_at

    with later(seconds=11):
        doors.refresh(held.refresh, headers={"User-Agent": "Wget/1.21"}, REMOTE_ADDR="192.0.2.1")

    event = Event.objects.get(name="authn_token_reuse")
    assert (event.login_id, event.user_uuid) == (held.login.pk, held.user.pk)
    assert (str(event.address), event.device) == ("192.0.2.1", "Wget")
    assert event.detail == {
        "generation": 0,
        "current_generation": 1,
        "current_at": rotated_at and rotated_at.isoformat(),
        "current_address": "198.51.100.7",
        "current_device": "curl",
        "started_address": "203.0.113.9",
        "started_device": "Firefox on Linux",
    }


def test_before_any_rotation_the_other_side_is_whoever_signed_in(held: Held) -> None:
    doors.refresh(refresh.write(held.login.pk, generation=7), REMOTE_ADDR="192.0.2.1")

    told = Event.objects.get(name="authn_token_reuse").detail
    assert (told["generation"], told["current_generation"]) == (7, 0)
    assert (told["current_address"], told["current_device"]) == ("203.0.113.9", "Firefox on Linux")


def test_who_came_in_time_and_was_answered_late_is_no_thief(
    held: Held, aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T3: on a busy server the lock is long in coming."""
    reached, go_on, real = Signal(), Signal(), refresh.read

    def hold(text: object) -> refresh.RefreshToken:
        reached.set()
        assert go_on.wait(10)
        return real(text)

    monkeypatch.setattr(refresh, "read", hold)
    slow = aside(lambda: doors.refresh(held.refresh))
    assert reached.wait(10)
    monkeypatch.setattr(refresh, "read", real)
    current = refreshed(held.refresh)
    with later(seconds=11):
        go_on.set()
        answer = slow.result(timeout=20)

    assert (answer.status_code, answer.json()["refresh"]) == (200, current)


@pytest.mark.parametrize(("ahead", "status"), [(3, 200), (3600, 401)])
def test_a_host_whose_clock_is_a_little_ahead_does_no_harm(held: Held, ahead: int, status: int) -> None:
    """And one that is far ahead opens no long window."""
    with later(seconds=ahead):
        refreshed(held.refresh)

    assert doors.refresh(held.refresh).status_code == status


def test_last_seen_is_written_once_a_minute_at_most(held: Held) -> None:
    before = held.login.seen_at

    with later(seconds=59):
        current = refreshed(held.refresh)
    early = held.login.seen_at
    with later(seconds=61):
        refreshed(current)

    assert early == before
    assert held.login.seen_at > before + timedelta(seconds=60)


def test_the_end_is_committed_although_the_answer_refuses(held: Held, atomic_requests: None) -> None:
    """Feed 11: a transaction around the request would take it back."""
    refreshed(held.refresh)

    with later(seconds=11):
        refused = doors.refresh(held.refresh)

    assert (refused.status_code, held.login.end_reason) == (401, EndReason.REFRESH_REUSED)
    assert Event.objects.filter(name="authn_token_reuse").count() == 1


@override_settings(TOKENS_STATELESS=Tokens(rotation_window=timedelta(0)))
def test_without_a_window_every_second_use_is_a_replay(held: Held) -> None:
    current = refreshed(held.refresh)
    latest = refreshed(current)

    refused = doors.refresh(current)

    assert (generation(latest), refused.status_code) == (2, 401)
    assert held.login.end_reason == EndReason.REFRESH_REUSED


def test_who_comes_while_another_use_is_under_way_waits_for_it(
    held: Held, aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the slower one would put the family back to where it had found it."""
    reached, go_on, real = Signal(), Signal(), refresh._advance

    def hold(family: Family, *args: Any, **kwargs: Any) -> bool:
        if not reached.is_set():
            reached.set()
            assert go_on.wait(10)
        return real(family, *args, **kwargs)

    monkeypatch.setattr(refresh, "_advance", hold)
    slow = aside(lambda: doors.refresh(held.refresh))
    assert reached.wait(10)
    quick = aside(lambda: doors.refresh(held.refresh))
    with pytest.raises(TimeoutError):
        quick.result(timeout=0.3)
    go_on.set()

    assert slow.result().json()["refresh"] == quick.result().json()["refresh"]
    assert Family.objects.get().generation == 1


def test_no_use_prolongs_the_absolute_lifetime(held: Held) -> None:
    """T7"""
    end, token, exp = held.login.expires_at, held.refresh, []

    for day in (9, 18, 27, 29.9999):
        with later(days=day):
            answer = doors.refresh(token).json()
            token = answer["refresh"]
            exp.append(forge.read(answer["access"])[1]["exp"])
    with later(days=30, seconds=1):
        refused = doors.refresh(token)

    assert max(exp) <= end.timestamp()
    assert (held.login.expires_at, refused.status_code) == (end, 401)


def test_who_does_not_come_for_two_weeks_must_sign_in_again(held: Held, noted: Noted) -> None:
    with later(days=14, seconds=5):
        refused = doors.refresh(held.refresh)

    assert (refused.status_code, noted.reasons) == (401, ["idle"])
    assert held.login.ended_at is None, "a timeout is recorded by cleaning; a refusal compares"


def test_whoever_comes_in_time_may_be_idle_for_as_long_again(held: Held) -> None:
    with later(days=13):
        current = refreshed(held.refresh)
    with later(days=26):
        assert generation(refreshed(current)) == 2


def bit_flipped(token: str) -> str:
    head, _dot, tail = token.rpartition(".")
    return f"{head}.{'B' if tail[0] == 'A' else 'A'}{tail[1:]}"


FORGED: dict[str, Callable[[str], str]] = {
    "a bit is flipped": bit_flipped,
    "a bit that stands for nothing is flipped": lambda token: token[:-43] + forge.with_spare_bit(token[-43:]),
    "the MAC is cut": lambda token: token[:-1],
    "the MAC is cut to 8 bytes": lambda token: token.rpartition(".")[0] + "." + token.rpartition(".")[2][:11],
    "the MAC is missing": lambda token: token.rpartition(".")[0],
    "the MAC is empty": lambda token: token.rpartition(".")[0] + ".",
    "the MAC is of another generation": lambda token: token.replace(".0.", ".1."),
    "the MAC is of another login": lambda token: f"{uuid4().hex}{token[32:]}",
    "the generation has a zero before": lambda token: token.replace(".0.", ".00."),
    "the generation is negative": lambda token: token.replace(".0.", ".-0."),
    "the generation is in other digits": lambda token: token.replace(".0.", ".\u0660."),
    "the generation is huge": lambda token: token.replace(".0.", f".{10**30}."),
    "the id is in capitals": lambda token: token[:32].upper() + token[32:],
    "the id has its dashes": lambda token: f"{token[:8]}-{token[8:]}",
    "it is padded": lambda token: token + "=",
    "there is a blank before": lambda token: " " + token,
    "there is a newline behind": lambda token: token + "\n",
    "it is twice": lambda token: token + token,
    "it is long": lambda token: token * 30,
}


def test_a_text_that_we_did_not_write_is_refused_without_a_look_up(held: Held, noted: Noted) -> None:
    with statements(0):
        refused = {name: doors.refresh(change(held.refresh)) for name, change in FORGED.items()}

    found = {name: (answer.status_code, answer.json()["code"]) for name, answer in refused.items()}
    assert found == dict.fromkeys(FORGED, (401, "token_not_valid"))
    assert {answer.headers["WWW-Authenticate"] for answer in refused.values()} == {doors.REFUSED}
    assert (len(noted.reasons), set(noted.reasons)) == (len(FORGED), {"form", "signature"})
    assert (held.login.ended_at, Family.objects.get().generation) == (None, 0)


@pytest.mark.nodb
@pytest.mark.parametrize("body", [{}, {"refresh": ""}, {"refresh": None}, {"refresh": ["a"]}, {"token": "a"}])
def test_a_body_without_a_token_is_a_bad_request(body: dict[str, object]) -> None:
    answer = doors.post("/api/token/refresh/", body)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"refresh"})


def test_a_form_is_not_taken(held: Held) -> None:
    answer = Client().post("/api/token/refresh/", {"refresh": held.refresh})

    assert (answer.status_code, Family.objects.get().generation) == (415, 0)


def test_tokens_outlive_a_change_of_the_secret_while_the_old_one_is_a_fallback(
    held: Held, settings: Any
) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, "a new secret of fifty characters, made up by this test"
    settings.SECRET_KEY_FALLBACKS = [old]

    successor = refreshed(held.refresh)
    settings.SECRET_KEY_FALLBACKS = []

    assert doors.refresh(held.refresh).status_code == 401
    assert refreshed(successor) == successor


def test_a_family_alone_is_nothing(held: Held) -> None:
    """A Login that has ended, by whatever way, has no use for its family."""
    Login.objects.update(ended_at=timezone.now())

    assert doors.refresh(held.refresh).status_code == 401
    assert Family.objects.get().generation == 0


def test_a_login_without_a_family_cannot_be_refreshed(held: Held) -> None:
    Family.objects.all().delete()

    assert doors.refresh(held.refresh).status_code == 401
    assert held.login.ended_at is None
