"""The two parts of a signing key: read back is only what we write, and it opens with our secret alone."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.tokens_stateless.forge import with_spare_bit
from tokens_stateless import keypairs

pytestmark = pytest.mark.nodb

OTHER_SECRET = "another secret of fifty characters, made up by this test"
PUBLIC, PRIVATE = keypairs.make()
KID = keypairs.thumbprint(PUBLIC)


def test_the_name_of_a_key_is_its_thumbprint() -> None:
    """The method of RFC 7638 section 3, by hand, for an EC key (its members: section 3.2)."""
    text = f'{{"crv":"P-256","kty":"EC","x":"{PUBLIC["x"]}","y":"{PUBLIC["y"]}"}}'
    digest = hashlib.sha256(text.encode()).digest()

    assert urlsafe_b64encode(digest).decode().rstrip("=") == KID


def test_the_thumbprint_is_that_of_a_published_example() -> None:
    """RFC 9449: the key of section 4.1, its thumbprint of 6.1. Order and other members do not count."""
    jwk = {
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "kty": "EC",
        "use": "sig",
        "crv": "P-256",
    }

    assert keypairs.thumbprint(jwk) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_a_public_part_is_read_back() -> None:
    assert keypairs.public(PUBLIC, kid=KID, algorithm="ES256") == PRIVATE.public_key()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kty": "oct"}, "type"),
        ({"kty": "RSA"}, "type"),
        ({"crv": "P-384"}, "type"),
        ({"crv": "Ed25519"}, "type"),
        ({"use": "enc"}, "members"),
        ({"key_ops": ["sign"]}, "members"),
        ({"alg": "HS256"}, "members"),
        ({"d": "A" * 43}, "members"),
        ({"k": "c2VjcmV0"}, "members"),
        ({"x": ""}, "coordinate"),
        ({"x": None}, "coordinate"),
        ({"x": 1}, "coordinate"),
        ({"x": PUBLIC["x"] + "="}, "coordinate"),
        ({"x": PUBLIC["x"] + "A"}, "coordinate"),
        ({"x": with_spare_bit(PUBLIC["x"])}, "coordinate"),
        ({"x": PUBLIC["y"]}, "kid"),
        ({"y": keypairs.make()[0]["y"]}, "kid"),
    ],
    ids=str,
)
def test_another_public_part_is_refused(changes: dict[str, Any], why: str) -> None:
    """Section 2, row 10: mixed types, another use, a curve of another algorithm."""
    with pytest.raises(keypairs.Malformed, match=f"^{why}$"):
        keypairs.public({**PUBLIC, **changes}, kid=KID, algorithm="ES256")


@pytest.mark.parametrize("jwk", [None, [], "", 1, {}, {"keys": [PUBLIC]}], ids=str)
def test_what_is_no_public_part_at_all_is_refused(jwk: Any) -> None:
    with pytest.raises(keypairs.Malformed, match=r"^members$"):
        keypairs.public(jwk, kid=KID, algorithm="ES256")


@pytest.mark.parametrize("algorithm", ["", "none", "HS256", "ES384", "RS256", "es256"])
def test_a_key_of_another_algorithm_is_refused(algorithm: str) -> None:
    """Row 37: a new key must not bring an older algorithm with it."""
    with pytest.raises(keypairs.Malformed, match=r"^algorithm$"):
        keypairs.public(PUBLIC, kid=KID, algorithm=algorithm)


@pytest.mark.parametrize(
    "off", [{"y": "A" * 43}, {"x": "A" * 43, "y": "A" * 43}, {"x": "_" * 42 + "8"}], ids=str
)
def test_a_point_that_is_not_on_the_curve_is_refused(off: dict[str, str]) -> None:
    """Row 24. Its name is its own thumbprint, so nothing else is wrong with it."""
    jwk = {**PUBLIC, **off}

    with pytest.raises(keypairs.Malformed, match=r"^point$"):
        keypairs.public(jwk, kid=keypairs.thumbprint(jwk), algorithm="ES256")


def test_a_private_part_is_sealed() -> None:
    sealed = keypairs.seal(PRIVATE)

    number = PRIVATE.private_numbers().private_value
    plain = PRIVATE.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for secret in (plain, number.to_bytes(32, "big"), f"{number:x}".encode(), b"PRIVATE KEY"):
        assert secret not in sealed
        assert secret not in urlsafe_b64decode(sealed)


def test_it_opens_under_the_present_and_a_former_secret(settings: Any) -> None:
    sealed = keypairs.seal(PRIVATE)
    assert keypairs.unseal(sealed, of=PRIVATE.public_key()) is not None

    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], OTHER_SECRET
    assert keypairs.unseal(sealed, of=PRIVATE.public_key()) is not None

    settings.SECRET_KEY_FALLBACKS = []
    assert keypairs.unseal(sealed, of=PRIVATE.public_key()) is None


def test_it_is_sealed_anew_for_the_present_secret(settings: Any) -> None:
    sealed = keypairs.seal(PRIVATE)
    assert keypairs.resealed(sealed) is None
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], OTHER_SECRET

    fresh = keypairs.resealed(sealed)

    settings.SECRET_KEY_FALLBACKS = []
    assert fresh
    assert keypairs.unseal(fresh, of=PRIVATE.public_key()) is not None
    assert keypairs.resealed(sealed) is None


@pytest.mark.parametrize("sealed", [b"", b"junk", b"gAAAAA" + b"A" * 300])
def test_junk_does_not_open(sealed: bytes) -> None:
    assert keypairs.unseal(sealed, of=PRIVATE.public_key()) is None
    assert keypairs.resealed(sealed) is None


@pytest.mark.parametrize(
    "other",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["another of the same kind", "of another curve", "of another type"],
)
def test_a_private_part_of_another_key_does_not_open(other: Any) -> None:
    """It would sign what nobody can verify."""
    assert keypairs.unseal(keypairs.seal(other), of=PRIVATE.public_key()) is None
