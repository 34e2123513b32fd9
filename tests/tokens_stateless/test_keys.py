"""The ring of signing keys: one is current, its private part is sealed, every process learns of a new one."""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts import standing
from accounts.models import Event
from accounts.testing import olga
from tests.servers import wait_until
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Aside, Held, statements
from tokens_stateless import keys
from tokens_stateless.models import KeyState, SigningKey

OTHER_SECRET = "another secret of fifty characters, made up by this test"


def published() -> set[str]:
    """The ids that the key set shows."""
    return {key["kid"] for key in Client().get("/.well-known/jwks.json").json()["keys"]}


def states() -> dict[str, str]:
    return dict(SigningKey.objects.values_list("kid", "state"))


def test_the_first_use_makes_the_first_key() -> None:
    kid, _private = keys.signer()

    assert states() == {kid: KeyState.CURRENT}


def test_the_same_key_goes_on_signing() -> None:
    first = keys.signer()[0]
    keys.forget()

    assert (keys.signer()[0], keys.ensure()[0]) == (first, first)


def test_reading_the_ring_makes_no_key() -> None:
    """Verifying never writes: a key that a refused request has made would go with its transaction."""
    assert (doors.me("e30.e30." + "A" * 86).status_code, keys.ring().signer) == (401, None)
    assert SigningKey.objects.count() == 0


def test_the_ring_costs_one_statement_after_a_change_and_none_before() -> None:
    keys.ensure()
    standing.freshen()
    keys.forget()

    with statements(1):
        keys.ring()
    with statements(0):
        keys.ring()


def test_the_name_of_a_key_is_its_thumbprint() -> None:
    """The method of RFC 7638 section 3, by hand, for an EC key (its members: section 3.2)."""
    kid, _private = keys.ensure()
    public = SigningKey.objects.get().public

    text = f'{{"crv":"P-256","kty":"EC","x":"{public["x"]}","y":"{public["y"]}"}}'
    digest = hashlib.sha256(text.encode()).digest()

    assert kid == urlsafe_b64encode(digest).decode().rstrip("=")


def test_the_thumbprint_is_that_of_a_published_example() -> None:
    """RFC 9449: the key of section 4.1, its thumbprint of 6.1. Order and other members do not count."""
    jwk = {
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "kty": "EC",
        "use": "sig",
        "crv": "P-256",
    }

    assert keys.thumbprint(jwk) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_private_part_is_sealed() -> None:
    _kid, private = keys.ensure()

    stored = bytes(SigningKey.objects.get().private)

    number = private.private_numbers().private_value
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for secret in (plain, number.to_bytes(32, "big"), f"{number:x}".encode(), b"PRIVATE KEY"):
        assert secret not in stored
        assert secret not in urlsafe_b64decode(stored)


def test_the_private_part_is_on_no_page(held: Held) -> None:
    client, key = Client(), SigningKey.objects.get()
    client.force_login(olga())

    pages = [client.get(f"/admin/tokens_stateless/signingkey/{path}") for path in ("", f"{key.pk}/change/")]

    assert [page.status_code for page in pages] == [200, 200]
    assert all(key.kid in page.content.decode() for page in pages)
    assert not any(bytes(key.private).decode()[10:40] in page.content.decode() for page in pages)


def test_there_is_one_current_key() -> None:
    """A constraint of the database, so that no race can make two."""
    keys.ensure()
    other = {"kid": "x" * 43, "algorithm": "ES256", "public": {}, "private": b""}

    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.create(state=KeyState.CURRENT, **other)

    SigningKey.objects.create(state=KeyState.PREVIOUS, **other)


def test_processes_that_start_at_once_agree_on_one_key(aside: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has looked and found none before any has made one."""
    barrier, real = Barrier(8), keys._generate

    def together(**about: Any) -> Any:
        barrier.wait(10)
        return real(**about)

    monkeypatch.setattr(keys, "_generate", together)
    racing = [aside(keys.ensure) for _ in range(8)]

    found = {racer.result()[0] for racer in racing}

    assert states() == dict.fromkeys(found, KeyState.CURRENT)
    assert len(found) == 1


def test_a_key_sealed_under_a_fallback_goes_on_signing(held: Held, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], OTHER_SECRET
    keys.forget()

    assert keys.signer()[0] == forge.read(held.access)[0]["kid"]
    assert SigningKey.objects.count() == 1


def test_a_key_that_cannot_be_opened_becomes_previous_and_another_signs(held: Held, settings: Any) -> None:
    """No 500: the old one goes on verifying what it has signed, and the event tells."""
    old = forge.read(held.access)[0]["kid"]
    settings.SECRET_KEY = OTHER_SECRET
    keys.forget()

    new, _private = keys.signer()

    assert states() == {old: KeyState.PREVIOUS, new: KeyState.CURRENT}
    assert published() == {old, new}
    assert doors.me(held.access).status_code == 200
    assert doors.sign_in().status_code == 200
    assert Event.objects.get(name="signing_key_unreadable").detail == {"kid": old, "successor": new}


@pytest.mark.parametrize("private", [b"", b"junk", b"gAAAAA" + b"A" * 300])
def test_a_private_part_that_is_damaged_is_replaced(private: bytes, held: Held) -> None:
    SigningKey.objects.update(private=private)
    keys.forget()

    assert doors.sign_in().status_code == 200
    assert sorted(states().values()) == [KeyState.CURRENT, KeyState.PREVIOUS]


def test_processes_that_meet_a_key_they_cannot_open_agree_on_its_successor(
    held: Held,
    settings: Any,
    aside: Aside,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SECRET_KEY = OTHER_SECRET
    barrier, real = Barrier(6), keys._generate

    def together(**about: Any) -> Any:
        barrier.wait(10)
        return real(**about)

    monkeypatch.setattr(keys, "_generate", together)
    racing = [aside(keys.ensure) for _ in range(6)]

    assert len({racer.result()[0] for racer in racing}) == 1
    assert sorted(states().values()) == [KeyState.CURRENT, KeyState.PREVIOUS]


def test_news_that_come_while_the_ring_is_read_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was being read then may be older than the news."""
    first, real = keys.ensure()[0], keys._read

    def overtaken() -> keys.Ring:
        ring = real()
        SigningKey.objects.update(state=KeyState.PREVIOUS)
        keys.ensure()
        return ring

    keys.forget()
    monkeypatch.setattr(keys, "_read", overtaken)
    assert set(keys.ring().verifying) == {first}
    monkeypatch.setattr(keys, "_read", real)

    assert set(keys.ring().verifying) == set(states()) > {first}


# From Python 3.12 on: the child does nothing that a thread of the parent could have locked.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_reads_the_ring_anew() -> None:
    """It hears no news from before its own start."""
    keys.ensure()
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
    wait_until(lambda: published() > old or made.done(), what="a second key")
    new = made.result().strip().rpartition(" ")[2]
    if connection.vendor != "sqlite":
        wait_until(lambda: published() > old, what="a second key", seconds=1)

    assert published() == {*old, new}
    assert states()[new] == KeyState.CURRENT


def test_a_process_that_only_signs_learns_of_a_new_key_too(
    held: Held, elsewhere: Callable[..., str], settings: Any
) -> None:
    """Nobody has verified a token here meanwhile. Either process can open the key that the other makes."""
    settings.SECRET_KEY_FALLBACKS = [OTHER_SECRET]
    keys.ring()

    new = elsewhere("signing_keys", "ensure", SECRET_KEY=OTHER_SECRET).strip().rpartition(" ")[2]

    def signed_by() -> str:
        return str(forge.read(doors.refresh(held.refresh).json()["access"])[0]["kid"])

    if connection.vendor != "sqlite":
        wait_until(lambda: signed_by() == new, what="the new key", seconds=1)
    assert signed_by() == new
