"""Carries the session key between browser and store: which cookie is believed, when an answer touches it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import middleware as auth_middleware
from django.contrib.sessions import middleware as sessions_middleware
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from accounts import browser, events
from sessions_stateful import durable, keys
from sessions_stateful.authenticate import aget_user, get_user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest, HttpResponseBase

    from accounts.models import AbstractUser

    Answering = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class SessionMiddleware(sessions_middleware.SessionMiddleware):
    """Django's, with two differences that parallel requests and outages ask for.

    A cookie that comes twice is not believed. An answer deletes the cookie only when the session was given up
    in this request: one whose key was replaced, ended or could not be looked up leaves the browser's cookie
    alone, because by now that may be a better one. Under ASGI another thread is asked to save, but for
    nothing else.
    """

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """As Django's, which asks another thread each time."""
        self.process_request(request)
        response = await cast("Answering", self.get_response)(request)
        if _must_be_saved(getattr(request, "session", None)):
            return await sync_to_async(self.process_response)(request, response)
        return self.process_response(request, response)

    def process_request(self, request: HttpRequest) -> None:
        """Attach the session; nothing is read before somebody asks."""
        name = settings.SESSION_COOKIE_NAME
        key = request.COOKIES.get(name)
        if key is not None and browser.comes_twice(request, name):
            events.note("session_cookie_twice", request=request)
            key = None
        request.session = self.SessionStore(key)

    def process_response(  # type: ignore[override] # answers may stream
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Save what was changed, give a new key where rights were raised, and set or delete the cookie."""
        session: Any = getattr(request, "session", None)
        if session is None:
            return response
        if session.accessed or session.new_key:
            patch_vary_headers(response, ("Cookie",))
        if session.is_empty():
            if session.flushed and settings.SESSION_COOKIE_NAME in request.COOKIES:
                self._delete_cookie(response)
        elif response.status_code < 500:
            self._save(session, response)
        return response

    def _save(self, session: Any, response: HttpResponseBase) -> None:
        changed = session.modified
        try:
            if session.rights_raised:
                session.raise_rights()
            elif changed or settings.SESSION_SAVE_EVERY_REQUEST:
                if _came_late(session):
                    return
                session.save()
            elif not session.new_key:
                return
        except (UpdateError, SessionInterrupted):
            if not changed:
                # It has only read. Whoever was quicker has given the browser its new key, or ended the Login.
                return
            raise SessionInterrupted("The session was ended before the request was done.") from None
        self._set_cookie(session, response)

    def _set_cookie(self, session: Any, response: HttpResponseBase) -> None:
        response.set_cookie(
            settings.SESSION_COOKIE_NAME,
            session.session_key,
            max_age=session.cookie_age(),
            domain=settings.SESSION_COOKIE_DOMAIN,
            path=settings.SESSION_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=settings.SESSION_COOKIE_HTTPONLY,
            samesite=settings.SESSION_COOKIE_SAMESITE,  # type: ignore[arg-type]
        )

    def _delete_cookie(self, response: HttpResponseBase) -> None:
        response.delete_cookie(
            settings.SESSION_COOKIE_NAME,
            path=settings.SESSION_COOKIE_PATH,
            domain=settings.SESSION_COOKIE_DOMAIN,
            samesite=settings.SESSION_COOKIE_SAMESITE,  # type: ignore[arg-type]
        )


class AuthenticationMiddleware(auth_middleware.AuthenticationMiddleware):
    """Django's, with a `get_user` of our own: one look for session, Login and person, and no write."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """As Django's, which asks another thread for what costs nothing."""
        self.process_request(request)
        return await cast("Answering", self.get_response)(request)

    def process_request(self, request: HttpRequest) -> None:
        """Attach the person, lazily; asking for it sets `request.carried` and `request.login_id`."""
        request.user = SimpleLazyObject(partial(_cached, request))  # type: ignore[assignment]
        request.auser = partial(_acached, request)  # type: ignore[assignment]


def _cached(request: Any) -> AbstractUser | AnonymousUser:
    if not hasattr(request, "_cached_user"):
        request._cached_user = get_user(request)
    return request._cached_user  # type: ignore[no-any-return]


async def _acached(request: Any) -> AbstractUser | AnonymousUser:
    if not hasattr(request, "_cached_user"):
        request._cached_user = await aget_user(request)
    return request._cached_user  # type: ignore[no-any-return]


def _must_be_saved(session: Any) -> bool:
    if session is None or session.is_empty():
        return False
    return bool(
        session.modified or session.new_key or session.rights_raised or settings.SESSION_SAVE_EVERY_REQUEST
    )


def _came_late(session: Any) -> bool:
    """Whether the browser must not get this anonymous session: it holds the key that replaced ours."""
    came_with, here = session.came_with, session.session_key
    if came_with is None or came_with == here or session.login_id or session.flushed:
        return False
    return durable.was_replaced(keys.hashed(came_with), other_than=keys.hashed(here) if here else None)
