"""The ring of signing keys as rows: standby, current, previous, revoked. It is changed here and nowhere else.

Whoever changes it holds the lock of its topic's row, so that processes and operators who do the same at once
do it one after the other, and publishes the topic, so that every process reads the ring anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import conf as accounts_conf
from accounts import events, feed
from tokens_stateless import keypairs
from tokens_stateless.keypairs import PrivateKey
from tokens_stateless.models import KeyState, SigningKey, verifying_lifetime

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

    from accounts.models import AbstractUser

TOPIC = "signing_keys"

Signer = tuple[str, PrivateKey]


class StandbyTooYoung(Exception):
    """Somebody may still keep a key set without the standby key, until `ready_at`."""

    def __init__(self, ready_at: datetime) -> None:
        super().__init__(
            f"The standby key was not published for long enough; it may sign from {ready_at} on."
        )
        self.ready_at = ready_at


class CurrentNotOurs(Exception):
    """No secret of this process opens the current key: whoever made it has another SECRET_KEY."""


def opened(row: SigningKey | None) -> PrivateKey | None:
    """The private part of a key; None when it was dropped, is not what it says, or no secret opens it."""
    if row is None or not row.private:
        return None
    try:
        public = keypairs.public(row.public, kid=row.kid, algorithm=row.algorithm)
    except keypairs.Malformed:
        return None
    return keypairs.unseal(bytes(row.private), of=public)


def is_revoked(kid: str) -> bool:
    """Whether this key was revoked, or is gone altogether; one statement."""
    return not SigningKey.objects.filter(pk=kid).exclude(state=KeyState.REVOKED).exists()


def stand_in(rows: Collection[SigningKey]) -> SigningKey | None:
    """The key to sign with where the current one does not open: a previous one of ours that still verifies.

    Only a key that was replaced because *another* process could not open it has kept its private part.
    """
    now = timezone.now()
    verifying = (row for row in rows if row.state == KeyState.PREVIOUS and row.verifies_until > now)
    return max(filter(opened, verifying), key=lambda row: row.since_at, default=None)


def ensure() -> Signer:
    """What to sign with. Makes what the ring lacks: a current key that opens here, and a standby.

    A current key that does not open becomes previous, and goes on verifying. But where its maker still works,
    which has then taken ours for previous, both go on with their own: replacing each other's key would never
    end. One statement when nothing is missing.
    """
    wanted = SigningKey.objects.filter(state__in=(KeyState.CURRENT, KeyState.STANDBY))
    private = {row.state: (row.kid, found) for row in wanted if (found := opened(row))}
    if len(private) == 2:
        return private[KeyState.CURRENT]
    with _changing():
        return _go_on_with_own() or _mended()


def rotate(*, by: AbstractUser | None = None, request: HttpRequest | None = None) -> SigningKey:
    """The standby key signs, the current one only verifies from now on, and there is a new standby.

    Returns the key that signs now. Raises StandbyTooYoung, CurrentNotOurs. Of several at once one succeeds:
    the others meet its new standby, which is too young.
    """
    now = timezone.now()
    with _changing():
        current = _find(KeyState.CURRENT)
        if current and not opened(current):
            raise CurrentNotOurs("The SECRET_KEY of this process does not open the current key.")
        # In a transaction of its own: what was missing is made, though the rotation is then refused.
        _mended()
    with _changing():
        current = SigningKey.objects.get(state=KeyState.CURRENT)
        standby = SigningKey.objects.get(state=KeyState.STANDBY)
        if now < standby.ready_at:
            raise StandbyTooYoung(standby.ready_at)
        # Nobody needs it any more: who signs has a copy in memory for as long as it takes to hear of this.
        current.private = b""
        _move(current, KeyState.PREVIOUS)
        _move(standby, KeyState.CURRENT)
        following, _private = _make(KeyState.STANDBY)
        events.record(
            "signing_key_rotated",
            actor=_id(by),
            request=request,
            kid=current.kid,
            successor=standby.kid,
            standby=following.kid,
        )
    return standby


def revoke(
    kids: Collection[str], *, by: AbstractUser | None = None, request: HttpRequest | None = None
) -> list[str]:
    """These keys verify nothing from now on, in any process; for keys that have leaked. Returns which.

    In place of the current one the standby signs at once, however young. Again is fine, and does nothing.
    Raises SigningKey.DoesNotExist for an unknown one.
    """
    with _changing():
        chosen = list(SigningKey.objects.filter(pk__in=kids))
        if len(chosen) < len(set(kids)):
            raise SigningKey.DoesNotExist("There is no such key.")
        chosen = [row for row in chosen if row.state != KeyState.REVOKED]
        was = {row.kid: row.state for row in chosen}
        for row in chosen:
            row.private = b""
            _move(row, KeyState.REVOKED)
        signer = _succeeded(None)[0] if KeyState.CURRENT in was.values() else None
        if was and not _find(KeyState.STANDBY):
            _make(KeyState.STANDBY)
        for kid, state in was.items():
            next_kid = signer if state == KeyState.CURRENT else None
            events.record(
                "signing_key_revoked",
                actor=_id(by),
                request=request,
                kid=kid,
                state=state,
                successor=next_kid,
            )
    return list(was)


def clean() -> int:
    """Take away keys that verify nothing; returns how many. Seal anew what a former SECRET_KEY sealed.

    Previous ones go when their last token has expired, revoked ones are kept to be looked at for
    `history_lifetime`.
    """
    _seal_anew()
    now = timezone.now()
    verified = Q(state=KeyState.PREVIOUS, previous_at__lte=now - verifying_lifetime())
    shown = Q(state=KeyState.REVOKED, revoked_at__lte=now - accounts_conf.current().history_lifetime)
    with transaction.atomic():
        # Locked, since a process that cannot open the current key may just say that it still signs with one.
        gone = list(SigningKey.objects.select_for_update().filter(verified | shown))
        for row in gone:
            events.record("signing_key_removed", kid=row.kid, state=row.state)
        SigningKey.objects.filter(pk__in=[row.pk for row in gone]).delete()
    return len(gone)


@contextmanager
def _changing() -> Iterator[None]:
    with transaction.atomic():
        # First, not last: the lock of the topic's row is held until the commit.
        feed.publish(topics=[TOPIC])
        yield


def _find(state: KeyState) -> SigningKey | None:
    return SigningKey.objects.filter(state=state).first()


def _move(row: SigningKey, state: KeyState) -> None:
    row.move(state, timezone.now())
    row.save(force_update=True)


def _make(state: KeyState) -> tuple[SigningKey, PrivateKey]:
    public, private = keypairs.make()
    row = SigningKey(
        kid=keypairs.thumbprint(public),
        algorithm=keypairs.ALGORITHM,
        state=state,
        public=public,
        private=keypairs.seal(private),
    )
    if state == KeyState.CURRENT:
        row.current_at = row.created_at
    row.save(force_insert=True)
    return row, private


def _go_on_with_own() -> Signer | None:
    """Our stand-in, said to be in use, where somebody else's key is the current one."""
    current = _find(KeyState.CURRENT)
    if current is None or opened(current):
        return None
    own = stand_in(SigningKey.objects.filter(state=KeyState.PREVIOUS))
    if own is None or (private := opened(own)) is None:
        return None
    # It verifies for as long as it is in use, and a little longer.
    _move(own, KeyState.PREVIOUS)
    events.note("signing_key_not_ours", kid=current.kid, signs=own.kid)
    return own.kid, private


def _mended() -> Signer:
    current = _find(KeyState.CURRENT)
    private = opened(current)
    signer = (current.kid, private) if current and private else _succeeded(current)
    standby = _find(KeyState.STANDBY)
    if standby and not opened(standby):
        # It has signed nothing, so nobody misses it.
        events.record("signing_key_removed", kid=standby.kid, state=standby.state)
        standby.delete()
        standby = None
    if standby is None:
        _make(KeyState.STANDBY)
    return signer


def _succeeded(unreadable: SigningKey | None) -> Signer:
    """Another key signs at once: the standby if it opens, since others know it already; else a new one."""
    if unreadable:
        # With its private part, which whoever can open it goes on using (`stand_in`).
        _move(unreadable, KeyState.PREVIOUS)
    successor = _find(KeyState.STANDBY)
    private = opened(successor)
    if successor and private:
        _move(successor, KeyState.CURRENT)
    else:
        successor, private = _make(KeyState.CURRENT)
    if unreadable:
        events.record("signing_key_unreadable", kid=unreadable.kid, successor=successor.kid)
    return successor.kid, private


def _seal_anew() -> None:
    # Not as soon as there is a new SECRET_KEY: processes of the old one may still be at work, and could not
    # open it any more.
    for row in SigningKey.objects.exclude(private=b""):
        sealed = bytes(row.private)
        if fresh := keypairs.resealed(sealed):
            SigningKey.objects.filter(pk=row.pk, private=sealed).update(private=fresh)


def _id(by: AbstractUser | None) -> UUID | None:
    return by.public_id if by else None
