"""The operators' pages of the ring: what they show, who may rotate and revoke, what is written about it."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.test import Client

from accounts.models import Event
from tests.accounts.staff import colleague, operator
from tests.tokens_stateless import rings
from tests.tokens_stateless.rings import states
from tokens_stateless import keyring
from tokens_stateless.models import SigningKey

KEYS = "/admin/tokens_stateless/signingkey/"
BUTTON = "Rotate now"


def revoke(client: Client, *kids: str, **more: str) -> Any:
    """Choose these keys and have them revoked; `confirmed="yes"` is the second page's answer."""
    return client.post(KEYS, {"action": "revoke_selected", "_selected_action": kids, **more})


def text(client: Client, path: str = KEYS) -> str:
    """A page's text."""
    return str(client.get(path).content.decode())


def test_the_list_shows_each_key_s_state_what_it_does_and_when_it_is_safe_to_remove() -> None:
    with time_machine.travel("2026-11-22 12:00Z", tick=False):
        leaked = keyring.ensure()[0]
        keyring.revoke([leaked])
    with time_machine.travel("2026-11-22 13:00Z", tick=False):
        keyring.rotate()
        client = operator()
        page = text(client)

    assert all(kid in page for kid in states())
    for shown in (
        "published; may sign from Nov. 22, 2026, 1:05 p.m. on",
        "signs; rotation is due on Dec. 22, 2026, 1 p.m.",
        "verifies what it signed until Nov. 22, 2026, 1:07 p.m.",
        "from Nov. 22, 2026, 1:07 p.m. on",
        "verifies nothing",
        "On Dec. 22, 2026, 1 p.m. the next rotation is due.",
        "Before Nov. 22, 2026, 1:05 p.m. it is not possible",
    ):
        assert shown in page
    assert BUTTON not in page


def test_an_empty_ring_says_so() -> None:
    assert "There are no keys yet." in text(operator())


def test_the_button_rotates_and_what_it_did_is_written() -> None:
    old = keyring.ensure()[0]
    rings.ripen()
    client = operator()
    assert BUTTON in text(client)

    answer = client.post(f"{KEYS}rotate/", follow=True)

    assert "The keys were rotated." in answer.content.decode()
    assert (states()[old], rings.kid("current") != old) == ("previous", True)
    assert LogEntry.objects.get(object_id=rings.kid("current")).change_message == "Signs since a rotation."
    assert Event.objects.get(name="signing_key_rotated").actor_uuid is not None


def test_pressed_twice_it_rotates_once_and_says_why() -> None:
    keyring.ensure()
    rings.ripen()
    client = operator()
    client.post(f"{KEYS}rotate/")
    before = states()

    answer = client.post(f"{KEYS}rotate/", follow=True)

    assert "Not rotated. The standby key may sign from" in answer.content.decode()
    assert states() == before


def test_a_process_that_cannot_open_the_current_key_says_so(settings: Any) -> None:
    keyring.ensure()
    rings.ripen()
    settings.SECRET_KEY = "another secret of fifty characters, made up by this test"

    answer = operator().post(f"{KEYS}rotate/", follow=True)

    assert "does not open the current key" in answer.content.decode()


def test_revoking_asks_first() -> None:
    leaked, before = keyring.ensure()[0], states()
    client = operator()

    page = revoke(client, leaked).content.decode()

    assert leaked in page
    assert "The standby key signs at once." in page
    assert states() == before


def test_confirmed_it_is_done_and_what_it_did_is_written() -> None:
    leaked, successor = keyring.ensure()[0], rings.kid("standby")
    client = operator()

    revoke(client, leaked, confirmed="yes")

    assert (states()[leaked], states()[successor]) == ("revoked", "current")
    assert "1 key was revoked." in text(client)
    assert LogEntry.objects.get(object_id=leaked).change_message == "Revoked."
    assert Event.objects.get(name="signing_key_revoked").actor_uuid is not None


def test_revoked_keys_are_not_revoked_again() -> None:
    leaked = keyring.ensure()[0]
    keyring.revoke([leaked])
    client = operator()

    revoke(client, leaked, confirmed="yes")

    assert "is revoked already" in text(client)
    assert not LogEntry.objects.filter(object_id=leaked).exists()


@pytest.mark.parametrize(
    ("right", "rotates", "revokes"),
    [
        ("view_signingkey", False, False),
        ("rotate_signingkey", True, False),
        ("revoke_signingkey", False, True),
    ],
)
def test_looking_rotating_and_revoking_are_rights_of_their_own(
    right: str, rotates: bool, revokes: bool
) -> None:
    leaked = keyring.ensure()[0]
    rings.ripen()
    client = colleague(*{"view_signingkey", right})

    assert (BUTTON in text(client), "Revoke selected" in text(client)) == (rotates, revokes)
    revoke(client, leaked, confirmed="yes")
    assert (states()[leaked] == "revoked") is revokes
    rings.ripen()
    answer = client.post(f"{KEYS}rotate/")
    assert answer.status_code == (302 if rotates else 403)


def test_without_a_right_there_is_nothing_to_see() -> None:
    keyring.ensure()

    assert colleague().get(KEYS).status_code == 403
    assert Client().post(f"{KEYS}rotate/").headers["Location"].startswith("/admin/login/")


def test_nothing_happens_without_post_and_a_token_against_forgery() -> None:
    keyring.ensure()
    rings.ripen()
    before, forger = states(), Client(enforce_csrf_checks=True)
    forger.cookies = operator().cookies

    answers = [forger.get(f"{KEYS}rotate/"), forger.post(f"{KEYS}rotate/"), revoke(forger, *before)]

    assert [answer.status_code for answer in answers] == [405, 403, 403]
    assert states() == before


def test_a_key_s_page_tells_all_but_its_private_part() -> None:
    key = keyring.ensure()[0]
    row = SigningKey.objects.get(pk=key)

    page = text(operator(), f"{KEYS}{quote(key)}/change/")

    assert key in page
    assert row.public["x"] in page
    assert bytes(row.private).decode()[10:40] not in page
