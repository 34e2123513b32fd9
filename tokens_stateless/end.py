"""End: what carries an ended Login becomes useless; a client that signs out ends its own (RFC 7009)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from accounts import events, logins
from accounts.logins import EndReason, Login
from tokens_stateless import exchange, refresh, trail
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import RefreshNotValid, TokenNotValid, UnsupportedTokenType
from tokens_stateless.models import Family

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tokens_stateless.clients import Client


def kill(login_ids: Sequence[UUID]) -> None:
    """The flow's `end`: the families go, so no refresh token finds a row; access tokens die by standing."""
    families = Family.objects.filter(pk__in=list(login_ids))
    trail.keep_last(families)
    families.delete()


def revoke(request: HttpRequest, text: str) -> None:
    """Sign out with either token of a pair; unknown, foreign and dead ones are fine (RFC 7009, 2.2)."""
    try:
        login = _named(text)
    except TokenNotValid as error:
        if exchange.is_one(text.encode("utf-8", "replace")):
            # Third parties hold these. To say "done" would be a lie, and to do it too much.
            raise UnsupportedTokenType from None
        events.note("authn_token_refused", request=request, reason=error.reason)
        return
    _sign_out(request, login)


def revoke_for(client: Client, request: HttpRequest, text: str) -> None:
    """As `revoke`, by a client, with a token for one of its audiences: the whole Login ends, everywhere."""
    try:
        found = exchange.read(text.encode("utf-8", "replace"), audiences=client.audience_set)
    except TokenNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason, client=client.pk)
        return
    _sign_out(request, UUID(found["sid"]), client=client.pk)


def _sign_out(request: HttpRequest, login: UUID, **detail: str) -> None:
    if found := Login.objects.filter(pk=login, ended_at__isnull=True).first():
        logins.end([login], reason=EndReason.LOGOUT, by=found.user, request=request, **detail)


def _named(text: str) -> UUID:
    with suppress(RefreshNotValid):
        return refresh.read(text).login
    return AccessToken(text.encode("utf-8", "replace")).login_id  # type: ignore[arg-type]
