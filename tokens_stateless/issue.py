"""Issue: a person whose credentials were verified gets a Login, its family, and the first pair of tokens.

Whose password was verified again gets an access token that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.utils import timezone

from accounts import events, logins
from accounts.errors import InvalidCredentials
from accounts.logins import Login
from tokens_stateless import conf, refresh
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import TokenNotValid
from tokens_stateless.models import Family
from tokens_stateless.refresh import Pair

if TYPE_CHECKING:
    from uuid import UUID

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


def step_up(request: HttpRequest, user: AbstractUser, *, login: UUID) -> AccessToken:
    """An access token of this Login for its person, whose password was verified again just now (RFC 9470).

    Nothing is kept of it: a refresh goes back to the instant of the sign-in, so that whoever has copied the
    refresh token gains nothing. Raises TokenNotValid for a Login that has ended, InvalidCredentials for a
    password that was changed meanwhile.
    """
    read_at = timezone.now()
    with transaction.atomic():
        # Locked, so that an end under way comes before or after, not between.
        locked = Login.objects.select_for_update(of=("self",)).select_related("user")
        row = locked.filter(pk=login, user_id=user.pk).first()
        if row is None or row.user is None or not (row.is_live and row.user.is_active):
            raise TokenNotValid("ended")
        if row.user.stamp != user.stamp:
            raise InvalidCredentials
        who = user.public_id
        events.record("authn_step_up", request=request, login=row.pk, user=who, actor=who, flow=FLOW)
    return AccessToken.for_login(row, row.user, read_at=read_at, authenticated_at=read_at)


def answer(pair: Pair) -> dict[str, Any]:
    """What a client is told of a pair, in the names of simplejwt and of OAuth (RFC 6749 section 5.1)."""
    return {**answer_of(pair.access), "refresh": pair.refresh}


def answer_of(access: AccessToken) -> dict[str, Any]:
    """As `answer`, of an access token that comes alone."""
    return {"access": str(access), "token_type": "Bearer", "expires_in": access["exp"] - access["iat"]}
