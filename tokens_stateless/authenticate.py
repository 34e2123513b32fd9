"""Authenticate: who an access token speaks for, by its signature, its claims and our standing: no look-up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError
from rest_framework_simplejwt.authentication import JWTAuthentication

from accounts import carried, events, logins, standing
from accounts.carried import Carried
from accounts.errors import StandingUnknown
from accounts.standing import Answer
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import BadAuthorization, TokenNotValid, TokenStale
from tokens_stateless.issue import FLOW

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from accounts.models import AbstractUser

SCHEME = b"bearer"
# The scheme is ours when its token (RFC 9110 section 5.6.2) ends where "bearer" does.
OURS = re.compile(rb"\s*bearer(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE)


class TokenAuthentication(JWTAuthentication):
    """simplejwt's authentication, reading our tokens and asking our standing. 0 SQL, 0 Redis commands.

    None when the request carries no bearer token; an exception when it does and the token is not good: a bad
    token never falls back to a session.
    """

    def authenticate(self, request: Request) -> tuple[AbstractUser, AccessToken] | None:  # type: ignore[override]
        """The person and the token, or None."""
        header = self.get_header(request)
        raw = self.get_raw_token(header) if header else None
        if raw is None:
            return None
        token = verify(request._request, raw)
        user = token.user()
        carried.put(
            request._request,
            Carried(login_id=token.login_id, flow=FLOW, authenticated_at=token.authenticated_at),
        )
        return user, token

    def get_raw_token(self, header: bytes) -> bytes | None:
        """The token of an Authorization header; the scheme's case does not matter (RFC 9110 section 11.1)."""
        if not OURS.match(header):
            return None
        scheme, _space, token = header.partition(b" ")
        if scheme.lower() != SCHEME or not token or b" " in token or b"," in token:
            raise BadAuthorization
        return token

    def authenticate_header(self, request: Request) -> str:
        """The challenge when no token was sent: no error attribute (RFC 6750 section 3.1)."""
        return 'Bearer realm="api"'


def verify(request: HttpRequest, raw: bytes) -> AccessToken:
    """The access token in these bytes, if it is good in itself and its Login still stands.

    Raises TokenNotValid, TokenStale or StandingUnknown.
    """
    standing.freshen()
    try:
        token, answer = _judged(raw)
    except TokenNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason)
        raise
    if answer is Answer.STALE:
        raise TokenStale
    logins.seen_by_token(token.login_id)
    return token


def _judged(raw: bytes) -> tuple[AccessToken, Answer]:
    try:
        token = AccessToken(raw)  # type: ignore[arg-type]
    except (DatabaseError, InterfaceError) as error:
        # Only a process that does not know its keys asks for them.
        raise StandingUnknown from error
    answer = standing.check(token.login_id, user=token.public_id, version=token["ver"])
    if answer is Answer.ENDED:
        raise TokenNotValid("ended")
    return token, answer
