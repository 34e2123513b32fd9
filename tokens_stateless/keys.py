"""The ring of signing keys: kept in the database with the private part encrypted, and a copy in each process.

The copy is thrown away when the topic `signing_keys` is published, here or elsewhere, and read again at the
next use. So an unknown `kid` costs nothing, whoever makes it up.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import IntegrityError, transaction
from jwt.algorithms import ECAlgorithm

from accounts import events, feed, mac, standing
from tokens_stateless.models import KeyState, SigningKey

ALGORITHM = "ES256"
TOPIC = "signing_keys"
PUBLISHED = (KeyState.STANDBY, KeyState.CURRENT, KeyState.PREVIOUS)


Signer = tuple[str, ec.EllipticCurvePrivateKey]


@dataclass(frozen=True, slots=True)
class Ring:
    """A process's copy: what verifies by `kid`, what is published (RFC 7517), what signs if it opens here."""

    verifying: dict[str, ec.EllipticCurvePublicKey]
    jwks: dict[str, Any]
    signer: Signer | None


_epoch = object()
_held: tuple[object, Ring] | None = None


def ring() -> Ring:
    """The ring as this process knows it; one statement after a change, else none.

    Never writes, because verifying never does; where there is no key, nothing verifies.
    """
    global _held
    # What is published while the rows are read may not be in them. Such a copy is of an epoch that is over.
    epoch, held = _epoch, _held
    if held is None or held[0] is not epoch:
        _held = held = (epoch, _read())
    return held[1]


def forget() -> None:
    """Throw the copy away; the next use reads it again."""
    global _epoch
    _epoch = object()


# A child hears no news from before its own first read of the ledger, so it must not go on with an older copy.
os.register_at_fork(after_in_child=forget)


def signer() -> Signer:
    """The current key's id and private part; as `ensure` when this process knows none that it can open."""
    standing.freshen()
    return ring().signer or ensure()


def ensure() -> Signer:
    """The current key, made now if there is none that we can open.

    Processes may race here: the constraint lets one win. A key that neither SECRET_KEY nor its fallbacks open
    cannot sign any more; it becomes previous and goes on verifying what it has signed.
    """
    while True:
        current = SigningKey.objects.filter(state=KeyState.CURRENT).first()
        found = _open(current) if current else None
        with suppress(IntegrityError):
            return found or _generate(replacing=current)


def thumbprint(jwk: dict[str, Any]) -> str:
    """The RFC 7638 thumbprint of an EC key: SHA-256 over its required members in lexical order."""
    required = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(required.encode()).digest()).rstrip(b"=").decode()


def _read() -> Ring:
    rows = list(SigningKey.objects.filter(state__in=PUBLISHED))
    current = next((row for row in rows if row.state == KeyState.CURRENT), None)
    return Ring(
        verifying={row.kid: ECAlgorithm.from_jwk(row.public) for row in rows},  # type: ignore[misc]
        jwks={"keys": [{**row.public, "kid": row.kid, "use": "sig", "alg": row.algorithm} for row in rows]},
        signer=_open(current) if current else None,
    )


def _generate(*, replacing: SigningKey | None) -> Signer:
    private = ec.generate_private_key(ec.SECP256R1())
    public: dict[str, Any] = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    public = {name: public[name] for name in ("kty", "crv", "x", "y")}
    kid = thumbprint(public)
    with transaction.atomic():
        if replacing:
            SigningKey.objects.filter(pk=replacing.pk).update(state=KeyState.PREVIOUS)
            events.record("signing_key_unreadable", kid=replacing.kid, successor=kid)
        SigningKey.objects.create(
            kid=kid, algorithm=ALGORITHM, state=KeyState.CURRENT, public=public, private=_encrypt(private)
        )
        feed.publish(topics=[TOPIC])
    return kid, private


def _box() -> MultiFernet:
    return MultiFernet(
        [Fernet(urlsafe_b64encode(mac.derived_key("signing key", secret))) for secret in mac.secrets_now()]
    )


def _encrypt(private: ec.EllipticCurvePrivateKey) -> bytes:
    plain = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _box().encrypt(plain)


def _open(key: SigningKey) -> Signer | None:
    """The id and private part of a key, or None when no secret of ours opens it."""
    try:
        private = serialization.load_der_private_key(_box().decrypt(bytes(key.private)), password=None)
    except (InvalidToken, ValueError):
        return None
    return (key.kid, private) if isinstance(private, ec.EllipticCurvePrivateKey) else None
