"""The key that the cookie carries, and the seal on what is stored under it."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from django.test import override_settings

from sessions_stateful import keys

pytestmark = pytest.mark.nodb

ALPHABET = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
OLD, NEW = "the-former-secret-" * 4, "the-present-secret-" * 4


def test_ten_thousand_keys_are_all_different_and_hold_256_random_bits() -> None:
    made = {keys.new_key() for _ in range(10_000)}

    assert len(made) == 10_000
    assert {len(urlsafe_b64decode(key[: keys.RANDOM_CHARACTERS] + "=")) * 8 for key in made} == {256}
    assert set("".join(made)) == ALPHABET


def test_a_key_has_no_part_that_tells_when_it_was_made() -> None:
    # Two hundred keys in a row: no position holds the same character throughout.
    columns = zip(*(keys.new_key() for _ in range(200)), strict=True)

    assert all(len(set(column)) > 8 for column in columns)


def test_a_key_of_ours_is_ours() -> None:
    assert keys.is_ours(keys.new_key())


@pytest.mark.parametrize(
    "junk",
    [
        None,
        b"",
        54,
        "",
        "a",
        "A" * 54,
        "a" * 5_000,
        "\0" * 54,
        "é" * 54,
        "٠" * 54,
        "\ud800" * 54,
        "' OR 1=1 --" + "a" * 43,
    ],
)
def test_junk_is_not_ours_whatever_its_type(junk: object) -> None:
    assert not keys.is_ours(junk)


@pytest.mark.parametrize("change", ["{0}x", "x{0}", " {0}", "{0}\n", '"{0}"', "{0}=", "{0}{0}"])
def test_a_key_with_something_around_it_is_not_ours(change: str) -> None:
    assert not keys.is_ours(change.format(keys.new_key()))


def test_a_key_with_any_character_changed_is_not_ours() -> None:
    key = keys.new_key()

    others = [key[:at] + other + key[at + 1 :] for at in range(len(key)) for other in ALPHABET - {key[at]}]

    assert not any(map(keys.is_ours, others))


def test_a_key_in_other_case_is_not_ours() -> None:
    assert not keys.is_ours(keys.new_key().swapcase())


def test_stores_know_a_hash_that_is_no_key() -> None:
    key = keys.new_key()

    assert len(keys.hashed(key)) == 43
    assert key[:20] not in keys.hashed(key)
    assert not keys.is_ours(keys.hashed(key))


def test_what_was_sealed_opens_for_its_key_and_its_login() -> None:
    sealed = keys.seal(b"data", key_hash="k", login="l")

    assert keys.unseal(sealed, key_hash="k", login="l") == b"data"


@pytest.mark.parametrize(("key_hash", "login"), [("K", "l"), ("k", "L"), ("k", ""), ("", "l"), ("k\nl", "")])
def test_what_was_sealed_opens_for_no_other_key_and_no_other_login(key_hash: str, login: str) -> None:
    sealed = keys.seal(b"data", key_hash="k", login="l")

    assert keys.unseal(sealed, key_hash=key_hash, login=login) is None


def test_no_bit_of_what_was_sealed_can_be_flipped() -> None:
    sealed = keys.seal(b'{"a": 1}', key_hash="k", login="l")

    flipped = [
        sealed[:at] + bytes([sealed[at] ^ 1 << bit]) + sealed[at + 1 :]
        for at in range(len(sealed))
        for bit in range(8)
    ]

    assert {keys.unseal(other, key_hash="k", login="l") for other in flipped} == {None}


@pytest.mark.parametrize("size", range(keys.SEAL_BYTES + 1))
def test_what_is_cut_off_does_not_open(size: int) -> None:
    full, empty = (keys.seal(data, key_hash="k", login="l") for data in (b"data", b""))

    assert keys.unseal(full[:size], key_hash="k", login="l") is None
    assert keys.unseal(empty[:size], key_hash="k", login="l") == (b"" if size == keys.SEAL_BYTES else None)


@pytest.mark.parametrize(("fallbacks", "accepted"), [([OLD], True), ([], False)])
def test_a_former_secret_is_accepted_while_it_is_listed(fallbacks: list[str], accepted: bool) -> None:
    with override_settings(SECRET_KEY=OLD):
        key, sealed = keys.new_key(), keys.seal(b"data", key_hash="k", login="l")

    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=fallbacks):
        assert keys.is_ours(key) is accepted
        assert (keys.unseal(sealed, key_hash="k", login="l") == b"data") is accepted


def test_what_is_new_is_made_with_the_present_secret() -> None:
    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[OLD]):
        key, sealed = keys.new_key(), keys.seal(b"data", key_hash="k", login="l")

    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[]):
        assert keys.is_ours(key)
        assert keys.unseal(sealed, key_hash="k", login="l") == b"data"
