"""What a process knows of the ring: read once after a change, made by no reading, never too old."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.utils import quote
from django.db import connection
from django.test import Client, override_settings

from accounts import standing
from accounts.conf import Accounts
from accounts.testing import olga
from tests.servers import wait_until
from tests.tokens_stateless import doors, forge, rings
from tests.tokens_stateless.conftest import Aside, Held, Noted, statements
from tests.tokens_stateless.rings import published, states
from tests.tokens_stateless.test_keypairs import OTHER_SECRET
from tokens_stateless import keypairs, keyring, keys
from tokens_stateless.claims import ES256
from tokens_stateless.models import KeyState, SigningKey


def test_the_first_use_makes_the_first_keys() -> None:
    kid, _private = keys.signer()

    assert (rings.kid("current"), sorted(states().values())) == (kid, ["current", "standby"])


def test_the_same_key_goes_on_signing() -> None:
    first = keys.signer()[0]
    keys.forget()

    assert (keys.signer()[0], keyring.ensure()[0]) == (first, first)


def test_reading_the_ring_makes_no_key() -> None:
    """Verifying never writes: a key that a refused request has made would go with its transaction."""
    assert (doors.me("e30.e30." + "A" * 86).status_code, keys.ring().signer) == (401, None)
    assert SigningKey.objects.count() == 0


def test_the_ring_costs_one_statement_after_a_change_and_none_before() -> None:
    keyring.ensure()
    standing.freshen()
    keys.forget()

    with statements(1):
        keys.ring()
    with statements(0):
        keys.ring()


def test_an_unknown_kid_costs_nothing(held: Held) -> None:
    """Row 9: whoever makes one up must not have us look for it."""
    doors.me(held.access)
    token = forge.forge(forge.header(kid="A" * 43), forge.payload(held.access))
    standing.freshen()

    with statements(0):
        assert doors.me(token).status_code == 401


def test_the_private_part_is_on_no_page(held: Held) -> None:
    client, key = Client(), SigningKey.objects.get(state="current")
    client.force_login(olga())

    pages = [
        client.get(f"/admin/tokens_stateless/signingkey/{path}") for path in ("", f"{quote(key.pk)}/change/")
    ]

    assert [page.status_code for page in pages] == [200, 200]
    assert all(key.kid in page.content.decode() for page in pages)
    assert not any(bytes(key.private).decode()[10:40] in page.content.decode() for page in pages)


def test_a_process_that_is_behind_asks_for_the_ring_each_time(held: Held) -> None:
    """Nothing may vouch by a key of which nobody could say that it was revoked."""
    doors.me(held.access)
    SigningKey.objects.filter(state=KeyState.CURRENT).update(state=KeyState.REVOKED)
    assert forge.read(held.access)[0]["kid"] in keys.ring().verifying

    with override_settings(ACCOUNTS=Accounts(standing_budget=timedelta(0))):
        assert doors.me(held.access).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "HS256"},
        {"public": {"kty": "oct", "k": "c2VjcmV0"}},
        {"public": {**keypairs.make()[0], "crv": "P-521"}},
        {"public": {**keypairs.make()[0], "y": "A" * 43}},
        {"public": keypairs.make()[0]},
        {"public": {**keypairs.make()[0], "use": "enc"}},
        {"public": "nothing"},
    ],
    ids=["algorithm", "type", "curve", "point", "kid", "use", "nothing"],
)
@pytest.mark.parametrize("state", ["previous", "standby"])
def test_a_bad_row_is_left_out_and_takes_nothing_down(
    changes: dict[str, Any], state: str, held: Held, noted: Noted
) -> None:
    """Rows 10, 24 and 37."""
    SigningKey.objects.filter(state=KeyState.STANDBY).delete()
    bad = rings.add(KeyState(state), **{"public": {}, **changes})

    assert doors.me(held.access).status_code == 200
    assert (published(), doors.sign_in().status_code) == ({rings.kid("current")}, 200)
    assert {event["kid"] for event in noted.events if event["name"] == "signing_key_malformed"} == {bad.kid}


def test_a_current_key_whose_row_is_bad_is_replaced(held: Held) -> None:
    bad = rings.kid("current")
    SigningKey.objects.filter(pk=bad).update(public={"kty": "oct", "k": "c2VjcmV0"})
    keys.forget()

    assert doors.me(held.access).status_code == 401
    assert (doors.sign_in().status_code, states()[bad]) == (200, KeyState.PREVIOUS)


def test_a_previous_key_verifies_until_its_last_token_has_expired(held: Held) -> None:
    """From then on it is of no use to whoever may have got hold of it; no row has to change for that."""
    rings.ripen()
    keyring.rotate()
    previous = SigningKey.objects.get(state=KeyState.PREVIOUS)
    ends_at = previous.verifies_until

    with time_machine.travel(ends_at - timedelta(seconds=2), tick=False):
        assert previous.kid in keys.ring().verifying
    with time_machine.travel(ends_at, tick=False), statements(0):
        assert previous.kid not in keys.ring().verifying
        assert previous.kid not in keys.ring().jwks.decode()


def test_tokens_of_the_previous_key_work_until_they_expire(held: Held) -> None:
    rings.ripen()
    signing = keyring.rotate()

    fresh = doors.refresh(held.refresh).json()["access"]

    assert forge.read(fresh)[0]["kid"] == signing.kid != forge.read(held.access)[0]["kid"]
    assert [doors.me(token).status_code for token in (held.access, fresh)] == [200, 200]


def test_a_token_of_the_standby_key_is_good_already(held: Held) -> None:
    """The process that rotates is the first to know, and others verify what it signs at once."""
    keys.ring()
    row = SigningKey.objects.get(state=KeyState.STANDBY)
    private = keyring.opened(row)
    assert private
    head = f"{forge.part(forge.header(kid=row.kid))}.{forge.part(forge.payload(held.access))}"

    signature = forge.part(ES256.sign(head.encode(), private))

    assert doors.me(f"{head}.{signature}").status_code == 200


def test_news_that_come_while_the_ring_is_read_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was being read then may be older than the news."""
    (first, _private), real = keyring.ensure(), keys._read
    standing.freshen()

    def overtaken() -> keys.Ring:
        ring = real()
        keyring.revoke([first])
        return ring

    keys.forget()
    monkeypatch.setattr(keys, "_read", overtaken)
    assert first in keys.ring().verifying
    monkeypatch.setattr(keys, "_read", real)

    assert first not in keys.ring().verifying


# From Python 3.12 on: the child does nothing that a thread of the parent could have locked.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_reads_the_ring_anew() -> None:
    """It hears no news from before its own start."""
    keyring.ensure()
    keys.ring()
    read, write = os.pipe()

    if (child := os.fork()) == 0:
        os.write(write, b"old" if keys._held and keys._held[0] is keys._epoch else b"new")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 3) == b"new"


def test_another_process_learns_of_a_new_key(held: Held, elsewhere: Callable[..., str], aside: Aside) -> None:
    """At the next request on SQLite; on PostgreSQL within a second. Here a new secret makes the key."""
    old = published()

    made = aside(lambda: elsewhere("signing_keys", "ensure", SECRET_KEY=OTHER_SECRET))
    wait_until(lambda: published() != old or made.done(), what="a second key")
    new = made.result().strip().rpartition(" ")[2]
    if connection.vendor != "sqlite":
        wait_until(lambda: new in published(), what="a second key", seconds=1)

    assert published() == {*states()} > {forge.read(held.access)[0]["kid"], new}
    assert states()[new] == KeyState.CURRENT


def test_a_process_that_only_signs_learns_of_a_new_key_too(held: Held, elsewhere: Callable[..., str]) -> None:
    """Nobody has verified a token here meanwhile."""
    keys.ring()
    rings.ripen()

    new = elsewhere("signing_keys", "rotate").strip().rpartition(" ")[2]

    def signed_by() -> str:
        return str(forge.read(doors.refresh(held.refresh).json()["access"])[0]["kid"])

    if connection.vendor != "sqlite":
        wait_until(lambda: signed_by() == new, what="the new key", seconds=1)
    assert signed_by() == new
