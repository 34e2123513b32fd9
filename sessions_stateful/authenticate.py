"""Authenticate: who a request's session speaks for, in the statement that loads it. Reading never writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.utils.crypto import constant_time_compare
from rest_framework import authentication
from rest_framework.exceptions import PermissionDenied

from accounts import budget, carried, events, logins, mac, standing
from accounts.carried import Carried
from sessions_stateful.issue import FLOW

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from accounts.models import AbstractUser


def get_user(request: HttpRequest) -> AbstractUser | AnonymousUser:
    """The person whose live Login this request's session carries, else AnonymousUser.

    A mismatch refuses and ends nothing: a parallel request may be about to save what would match.
    """
    session: Any = request.session
    user = _named(session, session.user())
    if _must_ask_again(request, session, user):
        user = _named(session, session.ask_again())
    return _carried(request, session, user)


async def aget_user(request: HttpRequest) -> AbstractUser | AnonymousUser:
    """As `get_user`, without another thread where there is a good copy in Redis."""
    session: Any = request.session
    user = _named(session, await session.auser())
    if _must_ask_again(request, session, user):
        user = _named(session, await sync_to_async(session.ask_again)())
    return _carried(request, session, user)


def _must_ask_again(request: HttpRequest, session: Any, user: AbstractUser | None) -> bool:
    """Whether a copy will not do: it does not fit its person, or the view wants to know better."""
    return session.is_copy and (user is None or not standing.here().is_within(budget.seconds_of(request)))


def _carried(request: HttpRequest, session: Any, user: AbstractUser | None) -> AbstractUser | AnonymousUser:
    if user is None:
        _tell(request, session)
        carried.put(request, None)
        return AnonymousUser()
    carried.put(
        request, Carried(login_id=session.login_id, flow=FLOW, authenticated_at=session.authenticated_at)
    )
    if last := session.seen_at():
        logins.seen(session.login_id, last=last)
    user.backend = session[BACKEND_SESSION_KEY]
    return user


def _named(session: Any, user: AbstractUser | None) -> AbstractUser | None:
    """The person, if that is also the one whom `login()` has named in the session."""
    if user is None:
        return None
    held = session.get(HASH_SESSION_KEY, "")
    is_named = (
        session.get(SESSION_KEY) == user._meta.pk.value_to_string(user)
        and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and (
            constant_time_compare(held, user.get_session_auth_hash())
            or any(constant_time_compare(held, other) for other in user.get_session_auth_fallback_hash())
        )
    )
    return user if is_named else None


def _tell(request: HttpRequest, session: Any) -> None:
    if session.refusal in {"expired", "ended"}:
        key = _fingerprint(session)
        events.note("session_use_after_expire", request=request, reason=session.refusal, key=key)
    elif session.refusal == "unknown":
        events.note("session_use_unknown", request=request, key=_fingerprint(session))


def _fingerprint(session: Any) -> str:
    return mac.fingerprint("log", session.came_with.encode())


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's session authentication (CSRF enforced), which answers 401 and not 403 to whoever is nobody."""

    def authenticate_header(self, request: Request) -> str:
        """The challenge for a missing session."""
        return 'Session realm="api"'

    def enforce_csrf(self, request: Request) -> None:
        """As DRF's, with a code of its own."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(error.detail, code="csrf_failed") from None
