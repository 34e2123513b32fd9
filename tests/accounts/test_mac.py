"""One key per purpose, the fallbacks accepted, nothing shorter than 64 bits."""

from __future__ import annotations

import hmac
import re

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from django.test import override_settings

from accounts import mac

pytestmark = pytest.mark.nodb

NEW, OLD, FOREIGN = "new" * 20, "old" * 20, "foreign" * 10


@override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[])
def test_the_key_of_a_purpose_is_hkdf_s_expand_step_over_the_secret() -> None:
    key = HKDFExpand(SHA256(), 32, b"refresh token").derive(NEW.encode())

    assert mac.derived_key("refresh token", NEW) == key
    assert mac.mac("refresh token", b"message") == hmac.digest(key, b"message", "sha256")


def test_a_mac_made_for_one_purpose_means_nothing_for_another() -> None:
    made = mac.mac("session key", b"message")

    assert mac.matches("session key", b"message", made)
    assert not mac.matches("session data", b"message", made)


def test_a_mac_holds_for_its_message_alone() -> None:
    made = mac.mac("session key", b"message")

    assert not mac.matches("session key", b"massage", made)
    assert not mac.matches("session key", b"message", made[:-1] + bytes([made[-1] ^ 1]))


def test_a_secret_that_was_replaced_is_accepted_while_it_is_a_fallback() -> None:
    with override_settings(SECRET_KEY=OLD, SECRET_KEY_FALLBACKS=[]):
        made = mac.mac("session key", b"message")

    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[FOREIGN, OLD]):
        assert mac.matches("session key", b"message", made)
        assert mac.mac("session key", b"message") != made
    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[FOREIGN]):
        assert not mac.matches("session key", b"message", made)


@pytest.mark.parametrize("size", [8, 16, 32])
def test_a_mac_may_be_cut_to_eight_bytes_or_more(size: int) -> None:
    assert mac.matches("session key", b"message", mac.mac("session key", b"message")[:size])


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_shorter_one_is_refused_though_it_agrees(size: int) -> None:
    assert not mac.matches("session key", b"message", mac.mac("session key", b"message")[:size])


def test_a_longer_one_is_refused() -> None:
    assert not mac.matches("session key", b"message", mac.mac("session key", b"message") + b"\0")


def test_a_fingerprint_is_32_hex_digits_of_its_purpose() -> None:
    made = mac.fingerprint("throttle", b"alice@example.com")

    assert re.fullmatch("[0-9a-f]{32}", made)
    assert made == mac.mac("throttle", b"alice@example.com").hex()[:32]
    assert made != mac.fingerprint("log", b"alice@example.com")
