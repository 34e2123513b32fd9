"""Refresh: one row per family, nothing at rest that could be replayed, and no false alarm for parallel tabs.

A refresh token is `sid.generation.MAC`. Its key comes from SECRET_KEY, so the same successor can be given
twice. A family rotates at most once per window; within it the previous token and the current one are both
answered with the current one. Outside it, anything but the current one is a replay, and ends the Login.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import events, logins, mac, notices
from accounts.logins import EndReason, Login
from tokens_stateless import conf
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


def rotate(request: HttpRequest, text: object) -> tuple[AccessToken, str]:
    """A fresh access token and the refresh token to go on with; RefreshNotValid for all but a live Login's.

    The locks are taken in the house's order: Login, then family. What a replay ends is committed before the
    refusal.
    """
    read_at = timezone.now()
    try:
        token = read(text)
        with transaction.atomic():
            login, user, family = _locked(token)
            replayed = not _advance(family, token, now=timezone.now())
            if replayed:
                _end(request, login, family, token)
            else:
                Login.objects.filter(pk=login.pk).update(seen_at=timezone.now())
    except RefreshNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason, kind="refresh")
        raise
    if replayed:
        raise RefreshNotValid("reused")
    access = AccessToken.for_login(login, user, read_at=read_at, authenticated_at=login.started_at)
    return access, write(login.pk, generation=family.generation)


def _locked(token: RefreshToken) -> tuple[Login, AbstractUser, Family]:
    locked = Login.objects.select_for_update(of=("self",)).select_related("user")
    login = locked.filter(pk=token.login).first()
    family = Family.objects.select_for_update().filter(pk=token.login).first()
    if login is None or login.user is None or family is None or not (login.is_live and login.user.is_active):
        raise RefreshNotValid("ended")
    if timezone.now() - login.seen_at > login.idle_timeout:
        raise RefreshNotValid("idle")
    return login, login.user, family


def _advance(family: Family, token: RefreshToken, *, now: datetime) -> bool:
    """Move the family on if its window is over; False when this token is a replay."""
    window = conf.current().rotation_window
    within = family.rotated_at is not None and now - family.rotated_at < window
    if token.generation == family.generation:
        # A window of zero switches the tolerance off; then every use rotates.
        if not within:
            family.generation, family.rotated_at = family.generation + 1, now
            family.save(update_fields=["generation", "rotated_at"])
        return True
    return within and token.generation == family.generation - 1 and window > timedelta(0)


def _end(request: HttpRequest, login: Login, family: Family, token: RefreshToken) -> None:
    logins.end([login.pk], reason=EndReason.REFRESH_REUSED, request=request)
    events.record(
        "authn_token_reuse",
        request=request,
        login=login.pk,
        user=login.user_uuid,
        generation=token.generation,
        current_generation=family.generation,
        started_device=login.device,
        started_address=login.address,
    )
    notices.token_reused(login)
