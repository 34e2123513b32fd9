"""End: what carries an ended Login becomes useless; a client that signs out ends its own (RFC 7009)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from accounts import events, logins
from accounts.logins import EndReason, Login
from tokens_stateless import refresh
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import RefreshNotValid, TokenNotValid
from tokens_stateless.models import Family

if TYPE_CHECKING:
    from django.http import HttpRequest


def kill(login_ids: Sequence[UUID]) -> None:
    """The flow's `end`: the families go, so no refresh token finds a row; access tokens die by standing."""
    Family.objects.filter(pk__in=list(login_ids)).delete()


def revoke(request: HttpRequest, text: str) -> None:
    """Sign out with either token of a pair; unknown, foreign and dead ones are fine (RFC 7009, 2.2)."""
    try:
        login = _named(text)
    except TokenNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason)
        return
    if found := Login.objects.filter(pk=login, ended_at__isnull=True).first():
        logins.end([login], reason=EndReason.LOGOUT, by=found.user, request=request)


def _named(text: str) -> UUID:
    with suppress(RefreshNotValid):
        return refresh.read(text).login
    return AccessToken(text.encode("utf-8", "replace")).login_id  # type: ignore[arg-type]
