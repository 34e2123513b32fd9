"""What this process knows of the ring of signing keys: what verifies, what signs, what it publishes.

The copy is thrown away when the ring's topic is published, here or elsewhere, and read again at the next
use. So an unknown `kid` costs nothing, whoever makes it up.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Any

from django.core.signals import setting_changed
from django.db import DatabaseError, InterfaceError
from django.dispatch import receiver
from django.utils import timezone

from accounts import conf as accounts_conf
from accounts import events, standing
from tokens_stateless import conf, keypairs, keyring
from tokens_stateless.keypairs import PublicKey
from tokens_stateless.keyring import Signer
from tokens_stateless.models import HANDOVER, KeyState, SigningKey
from tokens_stateless.remembered import Remembered

ALGORITHM = keypairs.ALGORITHM
PUBLISHED = (KeyState.CURRENT, KeyState.STANDBY, KeyState.PREVIOUS)
# Whoever asks keeps the key set for this long at least, however soon it changes.
SHORTEST_CACHE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Verifier:
    """One key that verifies, until when (seconds since 1970), and how it is published."""

    kid: str
    public: PublicKey
    until: float
    jwk: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ring:
    """A process's copy: what verifies by `kid`, what is published (RFC 7517), what signs if it opens here."""

    verifying: dict[str, PublicKey]
    signer: Signer | None
    # A stand-in must say now and then that it is in use.
    signs_until: float
    # When the first previous key has done its work.
    until: float
    rotates_at: datetime | None
    jwks: bytes
    etag: str
    verifiers: tuple[Verifier, ...]
    # What these keys have verified; whatever changes the ring makes a new one, which remembers nothing.
    remembered: Remembered = field(default_factory=Remembered, repr=False, compare=False)


_epoch = object()
_held: tuple[object, Ring] | None = None


def ring(*, up_to_date: bool = False, now: float | None = None) -> Ring:
    """The ring as this process knows it: one statement after a change, none while its knowledge is fresh.

    Beyond the budget one statement each time, and DatabaseError where that fails: a key may be revoked.
    Never writes, because verifying never does; where there is no key, nothing verifies. Who has just asked
    whether this process is `up_to_date` may say so.
    """
    global _held
    # What is published while the rows are read may not be in them. Such a copy is of an epoch that is over.
    epoch, held = _epoch, _held
    if held is None or held[0] is not epoch or not (up_to_date or _is_fresh()):
        _held = held = (epoch, _read())
    elif (now or time.time()) >= held[1].until:
        _held = held = (epoch, _without_expired(held[1]))
    return held[1]


def forget() -> None:
    """Throw the copy away; the next use reads it again."""
    global _epoch
    _epoch = object()


# A child hears no news from before its own first read of the ledger, so it must not go on with an older copy.
os.register_at_fork(after_in_child=forget)


@receiver(setting_changed, dispatch_uid="tokens_stateless.keys")
def _forget_what_was_read_otherwise(*, setting: str, **_more: object) -> None:
    if setting == "TOKENS_STATELESS" and _held is not None:
        _held[1].remembered.clear()


def signer() -> Signer:
    """A key's id and its private part to sign with: the current one, where this process can open it.

    Costs one statement: the news that a key was revoked may still be on its way.
    """
    standing.freshen()
    held = ring()
    if held.signer and keyring.is_revoked(held.signer[0]):
        forget()
        held = ring()
    if held.signer is None or time.time() >= held.signs_until:
        return keyring.ensure()
    return held.signer


def published() -> tuple[Ring, int]:
    """What others may know of the ring, and for how many seconds they may keep it. Never an empty one.

    The database may be away for as long as they could have kept it anyway; then DatabaseError.
    """
    standing.freshen()
    try:
        if not ring().verifiers:
            keyring.ensure()
        found = ring()
    except (DatabaseError, InterfaceError):
        last, age = _held, standing.here().age()
        # A copy of which we know that it is out of date may show a key that was revoked.
        if last is None or last[0] is not _epoch or age is None or age > _longest_cache().total_seconds():
            raise
        return last[1], _seconds(SHORTEST_CACHE)
    left = found.rotates_at - timezone.now() if found.rotates_at else timedelta(0)
    return found, _seconds(max(left, SHORTEST_CACHE))


def _seconds(wanted: timedelta) -> int:
    return int(min(wanted, _longest_cache()).total_seconds())


def _longest_cache() -> timedelta:
    return conf.current().jwks_max_age


def _is_fresh() -> bool:
    return standing.here().is_within(accounts_conf.current().standing_budget_seconds)


def _read() -> Ring:
    rows = list(SigningKey.objects.filter(state__in=PUBLISHED))
    rows.sort(key=lambda row: PUBLISHED.index(KeyState(row.state)))
    verifiers = [verifier for row in rows if (verifier := _verifier(row))]
    current = next((row for row in rows if row.state == KeyState.CURRENT), None)
    signs = current
    if (private := keyring.opened(current)) is None:
        signs = keyring.stand_in(rows)
        private = keyring.opened(signs)
    used_until = inf if signs is current or signs is None else (signs.since_at + HANDOVER).timestamp()
    return _ring(
        verifiers,
        signer=(signs.kid, private) if signs and private else None,
        signs_until=used_until,
        rotates_at=current.due_at if current else None,
    )


def _without_expired(known: Ring) -> Ring:
    return _ring(
        known.verifiers, signer=known.signer, signs_until=known.signs_until, rotates_at=known.rotates_at
    )


def _ring(
    verifiers: Iterable[Verifier],
    *,
    signer: Signer | None,
    signs_until: float,
    rotates_at: datetime | None,
) -> Ring:
    now = time.time()
    alive = tuple(verifier for verifier in verifiers if verifier.until > now)
    jwks = json.dumps({"keys": [verifier.jwk for verifier in alive]}).encode()
    return Ring(
        verifying={verifier.kid: verifier.public for verifier in alive},
        signer=signer,
        signs_until=signs_until,
        until=min((verifier.until for verifier in alive), default=inf),
        rotates_at=rotates_at,
        jwks=jwks,
        etag=f'"{hashlib.sha256(jwks).hexdigest()[:32]}"',
        verifiers=alive,
    )


def _verifier(row: SigningKey) -> Verifier | None:
    """What a row verifies. One that is not as we write them is left out: it must not take the others down."""
    try:
        public = keypairs.public(row.public, kid=row.kid, algorithm=row.algorithm)
    except keypairs.Malformed as error:
        events.note("signing_key_malformed", kid=row.kid, reason=str(error))
        return None
    return Verifier(
        kid=row.kid,
        public=public,
        until=row.verifies_until.timestamp() if row.state == KeyState.PREVIOUS else inf,
        jwk={**row.public, "kid": row.kid, "use": "sig", "alg": row.algorithm},
    )
