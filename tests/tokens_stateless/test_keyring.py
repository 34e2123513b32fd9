"""The ring as rows: made, rotated and cleaned, and what becomes of a key that leaked or does not open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.feed import Topic
from accounts.models import Event
from accounts.testing import olga
from tests.tokens_stateless import doors, forge, rings
from tests.tokens_stateless.conftest import Aside, Held, Noted
from tests.tokens_stateless.rings import published, states
from tests.tokens_stateless.test_keypairs import OTHER_SECRET
from tokens_stateless import keyring, keys
from tokens_stateless.models import HANDOVER, KeyState, SigningKey, verifying_lifetime

CURRENT, STANDBY, PREVIOUS, REVOKED = "current", "standby", "previous", "revoked"


@pytest.fixture
def others(settings: Any) -> Any:
    """`with others():` is a process with another SECRET_KEY, and no former one."""

    @contextmanager
    def process() -> Iterator[None]:
        ours, settings.SECRET_KEY = settings.SECRET_KEY, OTHER_SECRET
        keys.forget()
        yield
        settings.SECRET_KEY = ours
        keys.forget()

    return process


def at_once(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many have looked at the ring before any of them begins to change it."""
    barrier, real, here = Barrier(number), keyring._changing, threading.local()

    @contextmanager
    def together() -> Iterator[None]:
        if not hasattr(here, "waited"):
            here.waited = barrier.wait(10)
        with real():
            yield

    monkeypatch.setattr(keyring, "_changing", together)


@pytest.mark.parametrize("state", [CURRENT, STANDBY])
def test_there_is_at_most_one_in_each_of_these_states(state: str) -> None:
    """A constraint of the database, so that no race can make two."""
    keyring.ensure()

    with pytest.raises(IntegrityError), transaction.atomic():
        rings.add(KeyState(state))


def test_processes_that_start_at_once_agree_on_one_key(aside: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has looked and found none before any has made one."""
    at_once(8, monkeypatch)
    racing = [aside(keyring.ensure) for _ in range(8)]

    found = {racer.result()[0] for racer in racing}

    assert found == {rings.kid(CURRENT)}
    assert sorted(states().values()) == [CURRENT, STANDBY]


def test_a_rotation_moves_each_key_on() -> None:
    first, second, operator = keyring.ensure()[0], rings.kid(STANDBY), olga()
    rings.ripen()

    keyring.rotate(by=operator)

    third = rings.kid(STANDBY)
    assert states() == {first: PREVIOUS, second: CURRENT, third: STANDBY}
    assert bytes(SigningKey.objects.get(pk=first).private) == b""
    event = Event.objects.get(name="signing_key_rotated")
    assert event.actor_uuid == operator.public_id
    assert event.detail == {"kid": first, "successor": second, "standby": third}


def test_a_rotation_is_refused_while_somebody_may_not_know_the_standby() -> None:
    """A key set may be kept for `jwks_max_age`, and was handed out for as long as nobody told its process."""
    keyring.ensure()
    standby, before = SigningKey.objects.get(state=STANDBY), states()

    early = time_machine.travel(standby.ready_at - timedelta(seconds=1), tick=False)
    with early, pytest.raises(keyring.StandbyTooYoung) as refused:
        keyring.rotate()

    assert refused.value.ready_at == standby.created_at + timedelta(minutes=5, seconds=5)
    assert states() == before
    with time_machine.travel(standby.ready_at, tick=False):
        assert keyring.rotate().kid == standby.kid


def test_of_rotations_at_once_one_succeeds(aside: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.ensure()
    rings.ripen()
    at_once(5, monkeypatch)

    racing = [aside(keyring.rotate) for _ in range(5)]
    refused = [racer for racer in racing if isinstance(racer.exception(), keyring.StandbyTooYoung)]

    assert len(refused) == 4
    assert sorted(states().values()) == [CURRENT, PREVIOUS, STANDBY]
    assert Event.objects.filter(name="signing_key_rotated").count() == 1


def test_a_rotation_that_fails_changes_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.ensure()
    rings.ripen()
    before, version = states(), Topic.objects.get().version

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(keyring, "_make", fails)
    with pytest.raises(RuntimeError):
        keyring.rotate()

    assert (states(), Topic.objects.get().version - version) == (before, 1)
    assert keys.signer()[0] == rings.kid(CURRENT)


def test_a_ring_without_a_standby_gets_one_when_it_is_to_rotate() -> None:
    keyring.ensure()
    SigningKey.objects.filter(state=STANDBY).delete()

    with pytest.raises(keyring.StandbyTooYoung):
        keyring.rotate()

    assert sorted(states().values()) == [CURRENT, STANDBY]


def test_a_revoked_key_verifies_nothing_and_the_standby_signs_at_once(held: Held) -> None:
    leaked, standby, operator = rings.kid(CURRENT), rings.kid(STANDBY), olga()
    assert doors.me(held.access).status_code == 200

    assert keyring.revoke([leaked], by=operator) == [leaked]

    assert doors.me(held.access).status_code == 401
    assert leaked not in published() >= {standby}
    fresh = doors.refresh(held.refresh).json()["access"]
    assert (forge.read(fresh)[0]["kid"], doors.me(fresh).status_code) == (standby, 200)
    assert (states()[leaked], bytes(SigningKey.objects.get(pk=leaked).private)) == (REVOKED, b"")
    event = Event.objects.get(name="signing_key_revoked")
    assert event.actor_uuid == operator.public_id
    assert event.detail == {"kid": leaked, "state": CURRENT, "successor": standby}


def test_a_revoked_standby_is_replaced_by_another() -> None:
    signing, leaked = keyring.ensure()[0], rings.kid(STANDBY)

    keyring.revoke([leaked])

    assert states() == {signing: CURRENT, leaked: REVOKED, rings.kid(STANDBY): STANDBY}


def test_all_keys_can_be_revoked_at_once() -> None:
    keyring.ensure()
    before = set(states())

    keyring.revoke(before)

    assert {kid for kid, state in states().items() if state == REVOKED} == before
    assert not before & {rings.kid(CURRENT), rings.kid(STANDBY)}


def test_revoking_again_does_nothing_and_an_unknown_key_is_refused() -> None:
    leaked = keyring.ensure()[0]
    keyring.revoke([leaked])
    before = states()

    assert keyring.revoke([leaked]) == []
    with pytest.raises(SigningKey.DoesNotExist):
        keyring.revoke([rings.kid(CURRENT), "unknown"])

    assert states() == before


def test_a_key_sealed_under_a_former_secret_goes_on_signing(held: Held, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], OTHER_SECRET
    keys.forget()

    assert keys.signer()[0] == forge.read(held.access)[0]["kid"]
    assert sorted(states().values()) == [CURRENT, STANDBY]


def test_cleaning_seals_it_anew_so_that_the_former_secret_can_go(held: Held, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], OTHER_SECRET
    assert keyring.clean() == 0
    settings.SECRET_KEY_FALLBACKS = []
    keys.forget()

    assert keys.signer()[0] == forge.read(held.access)[0]["kid"]
    rings.ripen()
    assert keyring.rotate().state == CURRENT


def test_a_key_that_cannot_be_opened_becomes_previous_and_another_signs(held: Held, settings: Any) -> None:
    """No 500: the old one goes on verifying what it has signed, and the event tells."""
    old, standby = rings.kid(CURRENT), rings.kid(STANDBY)
    settings.SECRET_KEY = OTHER_SECRET
    keys.forget()

    new, _private = keys.signer()

    assert states() == {old: PREVIOUS, new: CURRENT, rings.kid(STANDBY): STANDBY}
    assert published() == set(states())
    assert doors.me(held.access).status_code == 200
    assert doors.sign_in().status_code == 200
    assert Event.objects.get(name="signing_key_unreadable").detail == {"kid": old, "successor": new}
    assert Event.objects.get(name="signing_key_removed").detail == {"kid": standby, "state": STANDBY}


@pytest.mark.parametrize("private", [b"", b"junk", b"gAAAAA" + b"A" * 300])
def test_a_damaged_private_part_makes_its_key_previous_and_the_standby_signs(
    private: bytes, held: Held
) -> None:
    SigningKey.objects.filter(state=CURRENT).update(private=private)
    old, standby = rings.kid(CURRENT), rings.kid(STANDBY)
    keys.forget()

    assert doors.sign_in().status_code == 200
    assert states() == {old: PREVIOUS, standby: CURRENT, rings.kid(STANDBY): STANDBY}


def test_a_damaged_standby_is_replaced_when_it_is_to_sign() -> None:
    keyring.ensure()
    damaged = rings.kid(STANDBY)
    SigningKey.objects.filter(state=STANDBY).update(private=b"junk")
    rings.ripen()

    with pytest.raises(keyring.StandbyTooYoung):
        keyring.rotate()

    assert damaged not in states()
    assert sorted(states().values()) == [CURRENT, STANDBY]


def test_processes_that_cannot_open_the_current_key_agree_on_its_successor(
    held: Held, settings: Any, aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECRET_KEY = OTHER_SECRET
    at_once(6, monkeypatch)

    racing = [aside(keyring.ensure) for _ in range(6)]

    assert len({racer.result()[0] for racer in racing}) == 1
    assert sorted(states().values()) == [CURRENT, PREVIOUS, STANDBY]


def test_two_processes_of_different_secrets_do_not_replace_each_other_s_key_for_ever(
    held: Held, others: Any, noted: Noted
) -> None:
    """Each signs with its own, everybody verifies both, and the log says so."""
    ours = rings.kid(CURRENT)
    with others():
        theirs = keys.signer()[0]
    ring = states()

    for _ in range(3):
        assert keys.signer()[0] == ours
        with others():
            assert keys.signer()[0] == theirs

    assert states() == ring == {ours: PREVIOUS, theirs: CURRENT, rings.kid(STANDBY): STANDBY}
    assert doors.me(held.access).status_code == 200
    with time_machine.travel(timezone.now() + HANDOVER):
        assert keys.signer()[0] == ours
    assert [e["signs"] for e in noted.events if e["name"] == "signing_key_not_ours"] == [ours]


def test_a_key_verifies_for_as_long_as_such_a_process_signs_with_it(held: Held, others: Any) -> None:
    with others():
        keys.signer()
    ours, before = forge.read(held.access)[0]["kid"], SigningKey.objects.get(state=PREVIOUS).verifies_until

    with time_machine.travel(before - timedelta(seconds=1), tick=False):
        assert keys.signer()[0] == ours
        with others():
            assert ours in keys.ring().verifying
            assert SigningKey.objects.get(pk=ours).verifies_until > before + timedelta(minutes=5)
    assert states()[ours] == PREVIOUS


def test_a_process_of_another_secret_does_not_rotate(others: Any) -> None:
    keyring.ensure()
    rings.ripen()
    before = states()

    with others(), pytest.raises(keyring.CurrentNotOurs):
        keyring.rotate()

    assert states() == before


def test_cleaning_takes_a_key_away_when_it_is_safe_and_not_before() -> None:
    keyring.ensure()
    rings.ripen()
    keyring.rotate()
    previous = SigningKey.objects.get(state=PREVIOUS)

    with time_machine.travel(previous.verifies_until - timedelta(seconds=1), tick=False):
        assert keyring.clean() == 0
    with time_machine.travel(previous.verifies_until, tick=False):
        assert keyring.clean() == 1

    assert sorted(states().values()) == [CURRENT, STANDBY]
    assert Event.objects.get(name="signing_key_removed").detail == {"kid": previous.kid, "state": PREVIOUS}


def test_a_revoked_key_is_shown_for_as_long_as_all_history() -> None:
    leaked = keyring.ensure()[0]
    keyring.revoke([leaked])

    with time_machine.travel(timezone.now() + timedelta(days=89)):
        assert keyring.clean() == 0
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        assert keyring.clean() == 1


def test_a_key_verifies_a_little_longer_than_the_last_token_that_any_process_has_signed() -> None:
    """Access lifetime, leeway of three clocks, the budget to hear of it, and a stand-in's time."""
    assert verifying_lifetime() == timedelta(seconds=300 + 3 * 30 + 5 + 30)
