"""The same view behind different ways to authenticate, called in this process: ours, the peers', none."""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.hashers import check_password
from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from authdemo.lab import trips, ways
from sessions_stateful import issue as session_issue
from sessions_stateful.middleware import AuthenticationMiddleware, SessionMiddleware

Call = Callable[[], Any]
PLAIN = "plain view, nobody asked"
SESSION = "session of this project"
ROUND_TRIP = "a bare round trip to Redis"
DB_SESSIONS = "Django's db sessions"
WITH_IDLE = ", with an idle timeout"
HASH = "the password's hash alone"
HOST = "127.0.0.1"
OURS, DB = "sessions_stateful.store", "django.contrib.sessions.backends.db"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to authenticate one request; `floor` names the variant whose cost is taken off."""

    name: str
    floor: str | None
    call: Call
    status: int = 200


def token_variants(user: Any, chosen: Sequence[ways.Way] | None = None) -> list[Variant]:
    """A token on a DRF view, all ways by default; the floor is the view when nobody is asked."""
    return [
        Variant(
            name=way.name,
            floor=None if way.name == ways.NOBODY else ways.NOBODY,
            call=ways.bearer(way, user),
        )
        for way in chosen or ways.ways()
    ]


def session_variants(user: Any) -> list[Variant]:
    """A session cookie on a plain view: ours, and Django's engines, each without and with an idle timeout."""
    ours = _signed_in(user, OURS)
    _prove(SESSION, ours, user)
    found = [
        Variant(name=PLAIN, floor=None, call=_plain()),
        Variant(name=SESSION, floor=PLAIN, call=_cookie(ours)),
    ]
    if settings.REDIS_URL:
        found.append(Variant(name=ROUND_TRIP, floor=PLAIN, call=_round_trip()))
    for name, engine in engines().items():
        sessions = _signed_in(user, engine)
        _prove(name, sessions, user)
        found.append(Variant(name=name, floor=PLAIN, call=_cookie(sessions)))
        sliding = replace(sessions, session_middleware=Sliding)
        found.append(Variant(name=f"{name}{WITH_IDLE}", floor=PLAIN, call=_cookie(sliding)))
    return found


def engines() -> dict[str, str]:
    """Django's engines that several processes can share here."""
    names = ["cache"] if settings.REDIS_URL else []
    if apps.is_installed("django.contrib.sessions"):
        names = ["db", *names, "cached_db"] if names else ["db"]
    names.append("signed_cookies")
    return {f"Django's {name} sessions": f"django.contrib.sessions.backends.{name}" for name in names}


def entrance(engine: str) -> Callable[[str], str | None]:
    """Who is let in with this session key; None for nobody."""

    def who(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(request.user.pk) if request.user.is_authenticated else "")

    view, factory = _chain(_sessions(engine, ""), who), RequestFactory()

    def enter(key: str) -> str | None:
        request = factory.get("/")
        request.META["HTTP_COOKIE"] = _header(key)
        return view(request).content.decode() or None

    return enter


class Sliding(DjangoSessionMiddleware):
    """An idle timeout as Django has it (SESSION_SAVE_EVERY_REQUEST), for one variant alone."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Store the session whether or not it was changed."""
        request.session.modified = True
        return super().process_response(request, response)


def _round_trip() -> Call:
    """What a look at Redis costs at least: the shortest question, on a socket that is open."""
    parts = urlsplit(str(settings.REDIS_URL))
    link = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain = _plain()

    def call() -> Any:
        trips.made()
        link.sendall(b"PING\r\n")
        link.recv(100)
        return plain()

    weakref.finalize(call, link.close)
    return call


@dataclass(frozen=True)
class _Sessions:
    engine: str
    key: str
    session_middleware: type[DjangoSessionMiddleware]
    authentication_middleware: type[DjangoAuthenticationMiddleware]


def sign_in(user: Any, engine: str) -> Any:
    """A request that has signed this person in, with the session that carries it stored."""
    request: Any = RequestFactory().post("/login/")
    request.session = import_module(engine).SessionStore()
    if engine == OURS:
        session_issue.sign_in(request, user)
    else:
        auth.login(request, user)
    request.session.save()
    return request


def _signed_in(user: Any, engine: str) -> _Sessions:
    return _sessions(engine, sign_in(user, engine).session.session_key)


def _sessions(engine: str, key: str) -> _Sessions:
    if engine == OURS:
        return _Sessions(engine, key, SessionMiddleware, AuthenticationMiddleware)
    return _Sessions(engine, key, DjangoSessionMiddleware, DjangoAuthenticationMiddleware)


def _prove(name: str, sessions: _Sessions, user: Any) -> None:
    enter = entrance(sessions.engine)
    if enter(sessions.key) != str(user.pk):
        raise RuntimeError(f"{name} did not let in the person whose session it is")
    if enter(f"{sessions.key[:-8]}AAAAAAAA") is not None:
        raise RuntimeError(f"{name} let in whoever made a key up")


def _view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"known" if request.user.is_authenticated else b"")


def _plain() -> Call:
    factory = RequestFactory()
    return lambda: HttpResponse(b"known") if factory.get("/").method else HttpResponse()


def _cookie(sessions: _Sessions) -> Call:
    view, factory = _chain(sessions), RequestFactory()
    cookie = _header(sessions.key)

    def call() -> Any:
        request = factory.get("/")
        request.META["HTTP_COOKIE"] = cookie
        return view(request)

    return call


def _header(key: str) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={key}"


def _chain(
    sessions: _Sessions, view: Callable[[HttpRequest], HttpResponse] = _view
) -> Callable[[HttpRequest], Any]:
    chain = sessions.session_middleware(sessions.authentication_middleware(view))
    chain.SessionStore = import_module(sessions.engine).SessionStore
    return chain


# What is served over HTTP besides the tokens: the name of a variant, and its address.
SERVED = {PLAIN: "plain", SESSION: "session", DB_SESSIONS: "db-session"}


def served() -> dict[str, Callable[[HttpRequest], Any]]:
    """A plain view, by its address: behind nothing, our sessions, and Django's in the database."""
    return {
        SERVED[PLAIN]: lambda _request: HttpResponse(b"known"),
        SERVED[SESSION]: _chain(_sessions(OURS, "")),
        SERVED[DB_SESSIONS]: _chain(_sessions(DB, "")),
    }


def cookies(user: Any) -> dict[str, str]:
    """A session cookie of this person for each of them, by the name of the variant."""
    keys = {PLAIN: "", SESSION: _signed_in(user, OURS).key, DB_SESSIONS: _signed_in(user, DB).key}
    return {name: _header(key) for name, key in keys.items()}


def sign_in_variants(user: Any, password: str) -> list[Variant]:
    """What a sign-in costs, at the page and for a token, and the password's hash alone."""
    body = {"email": user.email, "password": password}

    def page() -> Any:
        return Client(SERVER_NAME=HOST).post("/login/", body)

    def token() -> Any:
        return Client(SERVER_NAME=HOST).post("/api/token/", body, content_type="application/json")

    def alone() -> Any:
        return HttpResponse(b"known" if check_password(password, user.password) else b"")

    return [
        Variant(name=HASH, floor=None, call=alone),
        Variant(name="sign in at the page", floor=HASH, call=page, status=302),
        Variant(name="sign in for a token", floor=HASH, call=token),
    ]
