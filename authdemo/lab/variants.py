"""The same view behind different ways to authenticate: ours, simplejwt's, Django's, and none at all."""

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
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.tokens import AccessToken as SimpleAccessToken

from sessions_stateful import issue as session_issue
from sessions_stateful.middleware import AuthenticationMiddleware, SessionMiddleware
from tokens_stateless import issue as token_issue
from tokens_stateless import keys
from tokens_stateless.authenticate import TokenAuthentication

Call = Callable[[], Any]
Peer = tuple[type[SimpleAccessToken], str]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to authenticate one request; `floor` names the variant whose cost is taken off."""

    name: str
    floor: str | None
    call: Call


class Nobody(BaseAuthentication):
    """The floor: an authenticator that returns a constant."""

    user: Any = None

    def authenticate(self, request: Request) -> tuple[Any, None]:
        """The constant."""
        return self.user, None


def token_variants(user: Any) -> list[Variant]:
    """A bearer token on a DRF view."""
    factory = RequestFactory()
    ours = token_issue.sign_in(factory.post("/api/token/"), user)["access"]
    _kid, private = keys.signer()
    hs256 = _simple("HS256", settings.SECRET_KEY, settings.SECRET_KEY, user)
    es256 = _simple("ES256", private, private.public_key(), user)
    constant = type("Constant", (Nobody,), {"user": user})
    floor = "DRF view, a constant user"
    return [
        Variant(name=floor, floor=None, call=_bearer(constant, ours)),
        Variant(name="token of this project (ES256)", floor=floor, call=_bearer(TokenAuthentication, ours)),
        Variant(
            name="simplejwt stateless, ES256",
            floor=floor,
            call=_bearer(_peer(JWTStatelessUserAuthentication, es256), es256[1]),
        ),
        Variant(
            name="simplejwt stateless, HS256",
            floor=floor,
            call=_bearer(_peer(JWTStatelessUserAuthentication, hs256), hs256[1]),
        ),
        Variant(
            name="simplejwt default, HS256",
            floor=floor,
            call=_bearer(_peer(JWTAuthentication, hs256), hs256[1]),
        ),
    ]


def _simple(algorithm: str, signing: Any, verifying: Any, user: Any) -> Peer:
    backend = TokenBackend(algorithm, signing, verifying)
    # The prepared forms are cached properties; setting them skips a detour over PEM text.
    backend.__dict__.update(prepared_signing_key=signing, prepared_verifying_key=verifying)
    kind = type("PeerToken", (SimpleAccessToken,), {"token_backend": backend})
    token = kind()
    token["sub"] = str(user.pk)
    return kind, str(token)


def _peer(base: type[JWTAuthentication], token: Peer) -> type[JWTAuthentication]:
    def validated(_self: JWTAuthentication, raw: bytes) -> SimpleAccessToken:
        return token[0](raw)  # type: ignore[arg-type]

    return type("Peer", (base,), {"get_validated_token": validated})


def _bearer(authentication: type[BaseAuthentication], token: str) -> Call:
    class View(APIView):
        authentication_classes = (authentication,)
        permission_classes = (AllowAny,)

        def get(self, request: Request) -> Response:
            return Response({"known": request.user.is_authenticated})

    view, factory = View.as_view(), RequestFactory()

    def call() -> Any:
        return view(factory.get("/", headers={"Authorization": f"Bearer {token}"})).render()

    return call


def session_variants(user: Any) -> list[Variant]:
    """A session cookie on a plain view."""
    floor = "plain view, nobody asked"
    ours = _signed_in(user, "sessions_stateful.store")
    django = _signed_in(user, "django.contrib.sessions.backends.db")
    return [
        Variant(name=floor, floor=None, call=_plain()),
        Variant(name="session of this project", floor=floor, call=_cookie(ours)),
        Variant(name="Django's db sessions", floor=floor, call=_cookie(django)),
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
