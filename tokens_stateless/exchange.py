"""Exchange: a live sign-in for a shorter, narrower token for somebody else, dying with it (RFC 8693).

What comes out carries the same `sid` and goes in nowhere: not here again, not at our own doors, because it is
for another audience and says too little.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts import carried, events
from accounts.logins import Login
from tokens_stateless import authenticate, claims, clients, conf, cookie, trail
from tokens_stateless.errors import (
    InvalidScope,
    InvalidTarget,
    NoSession,
    SubjectNotValid,
    SubjectStale,
    TokenNotValid,
    TokenStale,
)
from tokens_stateless.keys import ALGORITHM

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.carried import Carried
    from accounts.models import AbstractUser
    from tokens_stateless.clients import Client

TEXT = ("iss", "aud", "sub", "sid", "jti", "client_id")
CLAIMS = frozenset({*TEXT, *claims.INSTANTS, "ver"})
MORE = frozenset({"scope", "act"})
BACKEND = claims.Backend(ALGORITHM)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a token is asked for, what it may be good for at most, and who will send it."""

    audience: str
    scopes: list[str]
    client_id: str
    acting: bool


@dataclass(frozen=True, kw_only=True)
class Parent:
    """What is exchanged: the Login, since when, and, where it is a token, its version and end."""

    login_id: uuid.UUID
    authenticated_at: datetime
    version: int | None = None
    expires: int | None = None


@sensitive_variables()
def for_client(
    request: HttpRequest, client: Client, *, subject_token: str, audience: str, scope: str
) -> dict[str, Any]:
    """The claims of a token for one of this client's audiences, from a person's access token.

    Raises InvalidTarget, InvalidScope, SubjectNotValid or SubjectStale. One transaction of two statements,
    and a third one the first time.
    """
    if audience not in client.audience_set or audience == conf.current().audience:
        raise InvalidTarget
    wanted = Wanted(
        audience=audience, scopes=_granted(scope, client.scope_set), client_id=client.pk, acting=True
    )
    try:
        token = authenticate.verify(request, subject_token)
    except TokenNotValid:
        raise SubjectNotValid from None
    except TokenStale:
        raise SubjectStale from None
    parent = Parent(
        login_id=token.login_id,
        authenticated_at=token.authenticated_at,
        version=token["ver"],
        expires=token["exp"],
    )
    return _claims(request, parent, wanted)


def of_page(request: HttpRequest) -> Carried:
    """What a page carries, once it has proved that it is ours; NoSession or CsrfFailed otherwise."""
    user = getattr(request, "user", None)
    held = carried.get(request) if user and user.is_authenticated else None
    if held is None:
        raise NoSession
    cookie.own_page(request)
    return held


def for_page(request: HttpRequest, held: Carried, *, audience: str, scope: str) -> dict[str, Any]:
    """The claims of a token for this audience, from the session that a page carries (see `of_page`).

    Raises InvalidTarget, InvalidScope, or SubjectNotValid for a session that has just ended.
    """
    offered = clients.may_ask_for_pages(audience)
    if offered is None or audience == conf.current().audience:
        raise InvalidTarget
    wanted = Wanted(
        audience=audience,
        scopes=_granted(scope, offered),
        client_id=conf.current().client_id,
        acting=False,
    )
    parent = Parent(login_id=held.login_id, authenticated_at=held.authenticated_at)
    return _claims(request, parent, wanted)


def sign(payload: dict[str, Any]) -> str:
    """The token of these claims."""
    return BACKEND.encode(payload)


def read(token: bytes, *, audiences: Collection[str]) -> dict[str, Any]:
    """The claims of a token of ours for one of these audiences that is valid now; TokenNotValid otherwise.

    Where the project's own audience is among them, its access tokens are read as at its own doors. No SQL.
    """
    found, chosen = claims.opened(token), conf.current()
    others = [audience for audience in audiences if audience != chosen.audience]
    if len(others) < len(audiences) and found.get("aud") not in others:
        claims.check_own(found)
        return found
    claims.check(found, text=TEXT, flags=(), audiences=others, longest=chosen.exchange_lifetime)
    if not set(found) - MORE == CLAIMS or not isinstance(found.get("scope", ""), str):
        raise TokenNotValid("claims")
    if found.get("act", {"sub": found["client_id"]}) != {"sub": found["client_id"]}:
        raise TokenNotValid("claims")
    return found


def is_one(token: bytes) -> bool:
    """Whether this is a good token from an exchange, for whatever audience."""
    try:
        audience = claims.opened(token).get("aud")
        return isinstance(audience, str) and bool(read(token, audiences=(audience,)))
    except TokenNotValid:
        return False


def _granted(asked: str, offered: Collection[str]) -> list[str]:
    wanted = list(dict.fromkeys(asked.split(" "))) if asked else sorted(offered)
    if not set(wanted) <= set(offered):
        raise InvalidScope
    return wanted


def _claims(request: HttpRequest, parent: Parent, wanted: Wanted) -> dict[str, Any]:
    read_at = timezone.now()
    try:
        with transaction.atomic():
            login, user = _locked(parent)
            issued = int(read_at.timestamp())
            expires = _end(parent, login, issued=issued)
            _remember(request, login, wanted)
    except TokenNotValid as error:
        events.note("token_exchange_refused", request=request, reason=error.reason, client=wanted.client_id)
        raise SubjectNotValid from None
    payload = {
        "iss": conf.current().issuer,
        "aud": wanted.audience,
        "sub": str(user.public_id),
        "client_id": wanted.client_id,
        "iat": issued,
        "exp": expires,
        "auth_time": min(issued, int(parent.authenticated_at.timestamp())),
        "jti": uuid.uuid4().hex,
        "sid": str(login.pk),
        "ver": user.version,
    }
    if wanted.scopes:
        payload["scope"] = " ".join(wanted.scopes)
    if wanted.acting:
        payload["act"] = {"sub": wanted.client_id}
    return payload


def _remember(request: HttpRequest, login: Login, wanted: Wanted) -> None:
    trail.exchanged(request, login.pk, client_id=wanted.client_id, audience=wanted.audience)
    events.tell(
        "authn_token_exchanged",
        request=request,
        login=login.pk,
        user=login.user_uuid,
        client=wanted.client_id,
        audience=wanted.audience,
    )


def _end(parent: Parent, login: Login, *, issued: int) -> int:
    ends = [
        issued + int(conf.current().exchange_lifetime.total_seconds()),
        int(login.expires_at.timestamp()),
        *([parent.expires] if parent.expires else []),
    ]
    if min(ends) <= issued:
        # What is left to the parent is the leeway, and that is not passed on.
        raise TokenNotValid("expired")
    return min(ends)


def _locked(parent: Parent) -> tuple[Login, AbstractUser]:
    """The live Login and its person; locked, so that an end under way comes before or after, not between."""
    locked = Login.objects.select_for_update(of=("self",)).select_related("user")
    login = locked.filter(pk=parent.login_id).first()
    if login is None or login.user is None or not (login.is_live and login.user.is_active):
        raise TokenNotValid("ended")
    if parent.version is not None and parent.version < login.user.version:
        raise SubjectStale
    return login, login.user
