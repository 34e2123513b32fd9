"""Issue: a person whose credentials were verified gets a Login, its family, and the first pair of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.utils import timezone

from accounts import logins
from tokens_stateless import conf, refresh
from tokens_stateless.claims import AccessToken
from tokens_stateless.models import Family
from tokens_stateless.refresh import Pair

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser

FLOW = "token"


def sign_in(request: HttpRequest, user: AbstractUser) -> Pair:
    """Start a verified person's Login."""
    chosen = conf.current()
    read_at = timezone.now()
    with transaction.atomic():
        login = logins.start(
            request,
            user,
            flow=FLOW,
            idle_timeout=chosen.idle_timeout,
            absolute_timeout=chosen.absolute_timeout,
        )
        Family.objects.create(login=login)
    user_logged_in.send(sender=user.__class__, request=request, user=user)
    access = AccessToken.for_login(login, user, read_at=read_at, authenticated_at=login.started_at)
    return Pair(access=access, refresh=refresh.write(login.pk, generation=0), login=login)


def answer(pair: Pair) -> dict[str, Any]:
    """What a client is told of a pair, in the names of simplejwt and of OAuth (RFC 6749 section 5.1)."""
    return {
        "access": str(pair.access),
        "refresh": pair.refresh,
        "token_type": "Bearer",
        "expires_in": pair.access["exp"] - pair.access["iat"],
    }
