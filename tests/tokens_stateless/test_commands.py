"""`manage.py signing_keys`: makes, lists, rotates and revokes, and never shows a private part."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.tokens_stateless import rings
from tokens_stateless import keyring
from tokens_stateless.models import KeyState, SigningKey


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("signing_keys", *arguments, stdout=out)
    return out.getvalue()


def test_ensure_makes_the_keys_once() -> None:
    first, second = said("ensure"), said("ensure")

    assert first == second == f"current signing key: {rings.kid('current')}\n"
    assert sorted(rings.states().values()) == ["current", "standby"]


def test_list_shows_each_key_what_it_does_and_until_when() -> None:
    with time_machine.travel("2026-11-22 12:00Z", tick=False):
        leaked = keyring.ensure()[0]
        keyring.revoke([leaked])
    with time_machine.travel("2026-11-22 13:00Z", tick=False):
        keyring.rotate()

        lines = {line.split()[2]: line for line in said("list").splitlines()}

    assert lines["revoked"] == f"{leaked}  ES256  revoked   since 2026-11-22 12:00 UTC  verifies nothing"
    assert lines["previous"].endswith(
        "since 2026-11-22 13:00 UTC  verifies what it signed until 2026-11-22 13:07 UTC"
    )
    assert lines["current"].endswith(
        "since 2026-11-22 13:00 UTC  signs; rotation is due on 2026-12-22 13:00 UTC"
    )
    assert lines["standby"].endswith(
        "since 2026-11-22 13:00 UTC  published; may sign from 2026-11-22 13:05 UTC on"
    )


def test_list_tells_programs_the_same_and_no_private_part() -> None:
    keyring.ensure()
    rings.ripen()
    keyring.rotate()

    found = [json.loads(line) for line in said("list", "--json").splitlines()]

    assert {key["kid"]: key["state"] for key in found} == rings.states()
    told = {key["state"]: {name for name, value in key.items() if value} for key in found}
    always = {"kid", "algorithm", "state", "since"}
    assert told == {
        "standby": always | {"may_sign_from"},
        "current": always | {"rotation_due_at"},
        "previous": always | {"verifies_until", "removable_at"},
    }


def test_list_of_nothing_is_empty() -> None:
    assert said("list") == ""


def test_rotate_says_which_key_signs_now() -> None:
    keyring.ensure()
    rings.ripen()
    standby = rings.kid("standby")

    assert said("rotate") == f"current signing key: {standby}\n"
    assert rings.kid("current") == standby


def test_rotate_is_refused_too_early_and_says_from_when_on_it_can_be() -> None:
    with time_machine.travel("2026-11-22 12:00Z", tick=False):
        keyring.ensure()
        with pytest.raises(CommandError, match=r"may sign from 2026-11-22 12:05 UTC on"):
            said("rotate")


def test_rotate_if_due_waits_until_it_is() -> None:
    """For cron: as often as one likes."""
    before = keyring.ensure()[0]
    rings.ripen()

    assert said("rotate", "--if-due").startswith("not due before ")
    assert rings.kid("current") == before
    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1)):
        assert said("rotate", "--if-due") == f"current signing key: {rings.kid('current')}\n"
        assert said("rotate", "--if-due").startswith("not due before ")
    assert rings.kid("previous") == before


def test_rotate_does_not_take_over_a_key_of_another_secret(settings: object) -> None:
    keyring.ensure()
    settings.SECRET_KEY = "another secret of fifty characters, made up by this test"  # type: ignore[attr-defined]

    with pytest.raises(CommandError, match="does not open the current key"):
        said("rotate")


def test_revoke_is_for_good_and_again_is_fine() -> None:
    leaked = keyring.ensure()[0]

    assert said("revoke", leaked) == f"revoked: {leaked}\n"
    assert said("revoke", leaked) == f"was revoked before: {leaked}\n"
    assert rings.states()[leaked] == KeyState.REVOKED


@pytest.mark.parametrize(
    "kid", ["unknown", "-vAn_id_that_begins_as_an_option_does_0123456", "--also-this-one", "-h"]
)
def test_revoke_of_what_is_no_key_is_refused(kid: str) -> None:
    with pytest.raises(CommandError, match="no such key"):
        said("revoke", kid)


def test_no_private_part_is_printed() -> None:
    keyring.ensure()
    sealed = [bytes(key.private).decode()[10:40] for key in SigningKey.objects.all()]

    printed = said("ensure") + said("list")

    assert not any(part in printed for part in sealed)


@pytest.mark.parametrize("verb", ["", "remove"])
def test_another_verb_is_refused(verb: str) -> None:
    with pytest.raises(CommandError):
        said(verb)
