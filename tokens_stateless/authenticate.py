"""Authenticate: who an access token speaks for, by its signature, its claims and our standing: no look-up."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError
from rest_framework_simplejwt.authentication import JWTAuthentication

from accounts import budget, carried, events, logins, standing
from accounts.carried import Carried
from accounts.errors import StandingUnknown
from accounts.standing import Answer, Standing
from tokens_stateless import claims, conf, keys
from tokens_stateless.claims import AccessToken, VerifiedToken
from tokens_stateless.errors import BadAuthorization, TokenNotValid, TokenStale
from tokens_stateless.issue import FLOW
from tokens_stateless.remembered import Verified

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from accounts.models import AbstractUser

# What the header begins with, mostly; and with what, where it is ours: the scheme's token (RFC 9110 section
# 5.6.2) ends where "bearer" does, and its case does not matter (section 11.1).
USUAL = "Bearer "
OURS = re.compile(r"\s*bearer(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE | re.ASCII)
# What the token is called in an address or a form, where others allow that.
PARAMETER, FORM = "access_token", "application/x-www-form-urlencoded"


class TokenAuthentication(JWTAuthentication):
    """simplejwt's authentication, reading our tokens and asking our standing. 0 SQL, 0 Redis commands.

    None when the request carries no bearer token; an exception when it does and the token is not good: a bad
    token never falls back to a session.
    """

    # DRF makes one for each request, and simplejwt's looks up the user model, which nobody needs.
    __init__ = object.__init__

    @property
    def user_model(self) -> type[AbstractUser]:  # type: ignore[override]
        """The model of the people."""
        return get_user_model()

    def authenticate(self, request: Request) -> tuple[AbstractUser, AccessToken] | None:  # type: ignore[override]
        """The person and the token, or None."""
        plain = request._request
        header = plain.META.get("HTTP_AUTHORIZATION")
        if not header or not (header.startswith(USUAL) or OURS.match(header)):
            return None
        # Mostly there is neither, and nothing to look into.
        if (plain.META.get("QUERY_STRING") or plain.content_type == FORM) and _comes_twice(plain):
            raise BadAuthorization
        known = _accepted(plain, header)
        carried.put(plain, known.carried)
        return known.make_user(), VerifiedToken(known)

    def authenticate_header(self, request: Request) -> str:
        """The challenge when no token was sent: no error attribute (RFC 6750 section 3.1)."""
        return 'Bearer realm="api"'


def _comes_twice(request: HttpRequest) -> bool:
    """Whether a token is sent in a second way, which nobody ever reads (RFC 6750 section 3.1)."""
    return PARAMETER in request.GET or (request.content_type == FORM and PARAMETER in request.POST)


def _token(header: str) -> str:
    """The token in an Authorization header of ours."""
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token or "," in token:
        raise BadAuthorization
    return token


def verify(request: HttpRequest, token: str) -> AccessToken:
    """This access token, if it is good in itself and its Login still stands.

    Raises TokenNotValid, TokenStale or StandingUnknown.
    """
    try:
        return VerifiedToken(_accepted(request, USUAL + token))
    except BadAuthorization:
        # It did not come in a header.
        raise TokenNotValid("form") from None


def _accepted(request: HttpRequest, header: str) -> Verified:
    mine = standing.freshen()
    is_fresh, now = mine.is_within(budget.seconds_of(request)), time.time()
    try:
        remembered = keys.ring(up_to_date=is_fresh, now=now).remembered
        known = remembered.get(header, now)
        if known is None:
            known = _read(header)
            remembered.put(known, most=conf.current().remembered_tokens, now=now)
        # Read before the answer: what is learned meanwhile makes another.
        edition = mine.known.edition
        if not is_fresh or known.good_in is not edition:
            _demand_good(known, mine, is_fresh=is_fresh)
            known.good_in = edition if is_fresh else None
    except TokenNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason)
        raise
    except (DatabaseError, InterfaceError) as error:
        # Only a process that does not know its keys asks for them.
        raise StandingUnknown from error
    logins.seen_by_token(known.carried.login_id, now)
    return known


def _demand_good(known: Verified, mine: Standing, *, is_fresh: bool) -> None:
    """Raise unless the Login of this token stands, and its person is as it says."""
    login = known.carried.login_id
    answer = mine.judge(login, user=known.public_id, version=known.version, is_fresh=is_fresh)
    if answer is Answer.ENDED:
        raise TokenNotValid("ended")
    if answer is not Answer.GOOD:
        raise TokenStale


def _read(header: str) -> Verified:
    """What the token in this header says, read strictly."""
    said = claims.read(_token(header).encode("utf-8", "replace"))
    leeway, public_id = conf.current().leeway.total_seconds(), UUID(said["sub"])
    signed_in = datetime.fromtimestamp(said["auth_time"], tz=timezone.utc)
    return Verified(
        header=header,
        begins_at=max(said["iat"], said.get("nbf", 0)) - leeway,
        ends_at=said["exp"] + leeway,
        carried=Carried(login_id=UUID(said["sid"]), flow=FLOW, authenticated_at=signed_in),
        public_id=public_id,
        version=said["ver"],
        make_user=claims.user_maker(said, public_id),
    )
