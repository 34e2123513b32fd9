"""The same view behind different ways to authenticate, called in this process: ours, the peers', none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from authdemo.lab import ways
from sessions_stateful import issue as session_issue
from sessions_stateful.middleware import AuthenticationMiddleware, SessionMiddleware

Call = Callable[[], Any]
PLAIN = "plain view, nobody asked"
DB_SESSIONS = "Django's db sessions"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to authenticate one request; `floor` names the variant whose cost is taken off."""

    name: str
    floor: str | None
    call: Call


def token_variants(user: Any) -> list[Variant]:
    """A token on a DRF view; the floor is the view when nobody is asked."""
    return [
        Variant(
            name=way.name,
            floor=None if way.name == ways.NOBODY else ways.NOBODY,
            call=ways.bearer(way, user),
        )
        for way in ways.ways()
    ]


def session_variants(user: Any) -> list[Variant]:
    """A session cookie on a plain view."""
    floor = PLAIN
    ours = _signed_in(user, "sessions_stateful.store")
    django = _signed_in(user, "django.contrib.sessions.backends.db")
    return [
        Variant(name=floor, floor=None, call=_plain()),
        Variant(name="session of this project", floor=floor, call=_cookie(ours)),
        Variant(name=DB_SESSIONS, floor=floor, call=_cookie(django)),
    ]


@dataclass(frozen=True)
class _Sessions:
    engine: str
    key: str
    session_middleware: type[DjangoSessionMiddleware]
    authentication_middleware: type[DjangoAuthenticationMiddleware]


def _signed_in(user: Any, engine: str) -> _Sessions:
    request: Any = RequestFactory().post("/login/")
    request.session = import_module(engine).SessionStore()
    if engine.startswith("sessions_stateful"):
        session_issue.sign_in(request, user)
        kinds: Any = (SessionMiddleware, AuthenticationMiddleware)
    else:
        auth.login(request, user)
        kinds = (DjangoSessionMiddleware, DjangoAuthenticationMiddleware)
    request.session.save()
    return _Sessions(engine, request.session.session_key, *kinds)


def _view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"known" if request.user.is_authenticated else b"")


def _plain() -> Call:
    factory = RequestFactory()
    return lambda: HttpResponse(b"known") if factory.get("/").method else HttpResponse()


def _cookie(sessions: _Sessions) -> Call:
    inner = sessions.authentication_middleware(_view)
    chain = sessions.session_middleware(inner)
    chain.SessionStore = import_module(sessions.engine).SessionStore
    factory, cookie = RequestFactory(), f"{settings.SESSION_COOKIE_NAME}={sessions.key}"

    def call() -> Any:
        request = factory.get("/")
        request.META["HTTP_COOKIE"] = cookie
        return chain(request)

    return call
