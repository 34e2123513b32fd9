"""Authenticate: who an access token speaks for, by its signature, its claims and our standing: no look-up."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError
from rest_framework_simplejwt.authentication import JWTAuthentication

from accounts import budget, carried, events, logins, standing
from accounts.carried import Carried
from accounts.errors import StandingUnknown
from accounts.standing import Answer
from tokens_stateless import claims, conf, keys
from tokens_stateless.claims import AccessToken
from tokens_stateless.errors import BadAuthorization, TokenNotValid, TokenStale
from tokens_stateless.issue import FLOW
from tokens_stateless.keys import Ring
from tokens_stateless.remembered import Verified, name_of

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from accounts.models import AbstractUser
    from tokens_stateless.conf import Tokens

SCHEME = b"bearer"
SPACE, COMMA = b" ,"
# What the token is called in an address or a form, where others allow that.
PARAMETER, FORM = "access_token", "application/x-www-form-urlencoded"
# The scheme is ours when its token (RFC 9110 section 5.6.2) ends where "bearer" does.
OURS = re.compile(rb"\s*bearer(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE)


class TokenAuthentication(JWTAuthentication):
    """simplejwt's authentication, reading our tokens and asking our standing. 0 SQL, 0 Redis commands.

    None when the request carries no bearer token; an exception when it does and the token is not good: a bad
    token never falls back to a session.
    """

    def __init__(self) -> None:
        # DRF makes one for each request, and simplejwt's looks up the user model, which nobody needs.
        pass

    @property
    def user_model(self) -> type[AbstractUser]:  # type: ignore[override]
        """The model of the people."""
        return get_user_model()

    def authenticate(self, request: Request) -> tuple[AbstractUser, AccessToken] | None:  # type: ignore[override]
        """The person and the token, or None."""
        header = self.get_header(request)
        raw = self.get_raw_token(header) if header else None
        if raw is None:
            return None
        plain = request._request
        if _comes_twice(plain):
            raise BadAuthorization
        token, known = _verify(plain, raw)
        carried.put(plain, known.carried)
        return known.make_user(), token

    def get_header(self, request: Request) -> bytes | None:  # type: ignore[override]
        """The Authorization header as it was sent."""
        header = request._request.META.get("HTTP_AUTHORIZATION")
        return header.encode("latin-1") if isinstance(header, str) else header

    def get_raw_token(self, header: bytes) -> bytes | None:
        """The token of an Authorization header; the scheme's case does not matter (RFC 9110 section 11.1)."""
        if not header.startswith(b"Bearer ") and not OURS.match(header):
            return None
        scheme, _space, token = header.partition(b" ")
        if scheme.lower() != SCHEME or not token or SPACE in token or COMMA in token:
            raise BadAuthorization
        return token

    def authenticate_header(self, request: Request) -> str:
        """The challenge when no token was sent: no error attribute (RFC 6750 section 3.1)."""
        return 'Bearer realm="api"'


def _comes_twice(request: HttpRequest) -> bool:
    """Whether a token is sent in a second way, which nobody ever reads (RFC 6750 section 3.1)."""
    if request.META.get("QUERY_STRING") and PARAMETER in request.GET:
        return True
    return request.content_type == FORM and PARAMETER in request.POST


def verify(request: HttpRequest, raw: bytes) -> AccessToken:
    """The access token in these bytes, if it is good in itself and its Login still stands.

    Raises TokenNotValid, TokenStale or StandingUnknown.
    """
    return _verify(request, raw)[0]


def _verify(request: HttpRequest, raw: bytes) -> tuple[AccessToken, Verified]:
    try:
        known = _judged(request, raw)
    except TokenNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason)
        raise
    logins.seen_by_token(known.carried.login_id)
    return AccessToken.again(raw, known), known


def _judged(request: HttpRequest, raw: bytes) -> Verified:
    mine = standing.freshen()
    is_fresh = mine.is_within(budget.of(request))
    try:
        known = _read(raw, keys.ring(up_to_date=is_fresh))
    except (DatabaseError, InterfaceError) as error:
        # Only a process that does not know its keys asks for them.
        raise StandingUnknown from error
    login, user = known.carried.login_id, known.public_id
    answer = mine.judge(login, user=user, version=known.version, is_fresh=is_fresh)
    if answer is Answer.ENDED:
        raise TokenNotValid("ended")
    if answer is Answer.STALE:
        raise TokenStale
    return known


def _read(raw: bytes, ring: Ring) -> Verified:
    """What these bytes say: read strictly the first time, remembered then. A refused token is not kept."""
    chosen, now = conf.current(), time.time()
    if len(raw) > chosen.max_token_bytes:
        raise TokenNotValid("form")
    signed, _dot, signature = raw.rpartition(b".")
    name = name_of(signature)
    known = ring.remembered.get(name, signed, under=chosen, now=now)
    if known is None:
        known = _prepared(claims.read(raw), signed, under=chosen)
        ring.remembered.put(name, known, most=chosen.remembered_tokens, now=now)
    return known


def _prepared(said: dict[str, Any], signed: bytes, *, under: Tokens) -> Verified:
    leeway, public_id = under.leeway.total_seconds(), UUID(said["sub"])
    signed_in = datetime.fromtimestamp(said["auth_time"], tz=timezone.utc)
    return Verified(
        signed=signed,
        read_under=under,
        begins_at=max(said["iat"], said.get("nbf", 0)) - leeway,
        ends_at=said["exp"] + leeway,
        carried=Carried(login_id=UUID(said["sid"]), flow=FLOW, authenticated_at=signed_in),
        public_id=public_id,
        version=said["ver"],
        make_user=claims.user_maker(said, public_id),
    )
