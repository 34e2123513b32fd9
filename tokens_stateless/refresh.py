"""Refresh: one row per family, nothing at rest that could be replayed, and no false alarm for parallel tabs.

A refresh token is `sid.generation.MAC`. Its key comes from SECRET_KEY, so the same successor can be given
twice. A family rotates at most once per window; within it the previous token and the current one are both
answered with the current one. Outside it, anything but the current one is a replay, and ends the Login.
What came before the rotation and was answered after it counts as within: it has waited for the lock.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import conf as accounts_conf
from accounts import events, logins, mac, notices
from accounts.logins import EndReason, Login
from tokens_stateless import conf, trail
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import RefreshNotValid
from tokens_stateless.models import Family

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser

FORM = re.compile(r"([0-9a-f]{32})\.(0|[1-9][0-9]{0,17})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a genuine refresh token names."""

    login: UUID
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What a client goes on with, and the Login that both tokens carry."""

    access: AccessToken
    refresh: str
    login: Login


def write(login: UUID, *, generation: int) -> str:
    """The refresh token of this generation of this Login's family; always the same one."""
    named = f"{login.hex}.{generation}"
    tail = urlsafe_b64encode(mac.mac("refresh token", named.encode())).rstrip(b"=").decode()
    return f"{named}.{tail}"


def read(text: object) -> RefreshToken:
    """What a refresh token names; RefreshNotValid for whatever we did not write. Costs no I/O."""
    match = FORM.fullmatch(text) if isinstance(text, str) and len(text) < 128 else None
    if match is None:
        raise RefreshNotValid("form")
    login, generation, tail = match.groups()
    given = urlsafe_b64decode(tail + "=")
    if urlsafe_b64encode(given).rstrip(b"=").decode() != tail:
        raise RefreshNotValid("form")
    if not mac.matches("refresh token", f"{login}.{generation}".encode(), given):
        raise RefreshNotValid("signature")
    return RefreshToken(UUID(login), int(generation))


def rotate(request: HttpRequest, text: object) -> Pair:
    """A fresh access token and the refresh token to go on with; RefreshNotValid for all but a live Login's.

    The locks are taken in the house's order: Login, then family. What a replay ends is committed before the
    refusal.
    """
    arrived = timezone.now()
    try:
        token = read(text)
        with transaction.atomic():
            login, user, family = _locked(token)
            replayed = not _advance(family, token, request=request, arrived=arrived)
            if replayed:
                _end(request, login, family, token)
            else:
                _seen(login)
                who, number = login.user_uuid, family.generation
                events.tell(
                    "authn_token_refreshed", request=request, login=login.pk, user=who, generation=number
                )
    except RefreshNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason, kind="refresh")
        raise
    if replayed:
        raise RefreshNotValid("reused")
    access = AccessToken.for_login(login, user, read_at=arrived, authenticated_at=login.started_at)
    return Pair(access=access, refresh=write(login.pk, generation=family.generation), login=login)


def _locked(token: RefreshToken) -> tuple[Login, AbstractUser, Family]:
    locked = Login.objects.select_for_update(of=("self",)).select_related("user")
    login = locked.filter(pk=token.login).first()
    family = Family.objects.select_for_update().filter(pk=token.login).first()
    if login is None or login.user is None or family is None or not (login.is_live and login.user.is_active):
        raise RefreshNotValid("ended")
    if timezone.now() - login.seen_at > login.idle_timeout:
        raise RefreshNotValid("idle")
    return login, login.user, family


def _advance(family: Family, token: RefreshToken, *, request: HttpRequest, arrived: datetime) -> bool:
    """Move the family on if its window is over; False when this token is a replay."""
    # `abs`, because of what has waited for the lock, and because the clocks of two hosts differ either way. A
    # window of zero switches the tolerance off; then every use rotates.
    within = (
        family.rotated_at is not None and abs(arrived - family.rotated_at) < conf.current().rotation_window
    )
    if token.generation != family.generation:
        return within and token.generation == family.generation - 1
    if not within:
        trail.advance(family, request)
    return True


def _seen(login: Login) -> None:
    now = timezone.now()
    if now - login.seen_at >= accounts_conf.current().seen_interval:
        Login.objects.filter(pk=login.pk).update(seen_at=now)


def _end(request: HttpRequest, login: Login, family: Family, token: RefreshToken) -> None:
    """End the Login, and tell of both sides: who comes now, and who had the current token and the sign-in."""
    logins.end([login.pk], reason=EndReason.REFRESH_REUSED, request=request)
    rotated = family.rotated_at is not None
    events.record(
        "authn_token_reuse",
        request=request,
        login=login.pk,
        user=login.user_uuid,
        generation=token.generation,
        current_generation=family.generation,
        current_at=(family.rotated_at or login.started_at).isoformat(),
        current_address=family.rotated_address if rotated else login.address,
        current_device=family.rotated_device if rotated else login.device,
        started_address=login.address,
        started_device=login.device,
    )
    notices.token_reused(login)
