"""Ours and the usual ways to stay signed in, each with its sign-in, its sign-out and one view behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthenticationMiddleware
from django.contrib.sessions.backends.cache import SessionStore as CacheSessionStore
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest, JsonResponse
from django.test import RequestFactory
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.settings import DEFAULTS
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.models import Event
from sessions_stateful import issue as session_issue
from sessions_stateful.middleware import AuthenticationMiddleware, SessionMiddleware
from sessions_stateful.store import SessionStore
from tokens_stateless import issue as token_issue
from tokens_stateless.authenticate import TokenAuthentication

TOKEN, SESSION = "our-token", "our-session"
STATELESS, DEFAULT, DB, MEMORY = "simplejwt-stateless", "simplejwt", "django-db", "django-memory"
NAMES = {
    TOKEN: "token of this project",
    SESSION: "session of this project",
    STATELESS: "simplejwt stateless",
    DEFAULT: "simplejwt default",
    DB: "Django's db sessions",
    MEMORY: "Django's sessions in each process's memory",
}
OURS = (TOKEN, SESSION)
BLACKLIST = "rest_framework_simplejwt.token_blacklist"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a client holds: the header that it sends, and how it signs out (any number of times).

    A token also has an end of its own, in seconds as `time.time()`, and what it is refreshed with.
    """

    header: tuple[str, str]
    end: Callable[[], object]
    expires_at: float | None = None
    refresh: str = ""


@dataclass(frozen=True, kw_only=True)
class Door:
    """One way: its address, how one signs in without a password, and the view that says who asks."""

    slug: str
    sign_in: Callable[[Any], Held]
    view: Callable[[HttpRequest], Any]


def doors() -> list[Door]:
    """All that can be had here: Django's sessions in the database only where its app is installed."""
    found = [
        Door(slug=TOKEN, sign_in=_token, view=_bearing(TokenAuthentication)),
        Door(
            slug=SESSION,
            sign_in=_session,
            view=_behind(SessionMiddleware, AuthenticationMiddleware, SessionStore),
        ),
        Door(slug=STATELESS, sign_in=_simplejwt, view=_bearing(Stateless)),
        Door(slug=DEFAULT, sign_in=_simplejwt, view=_bearing(Default)),
        djangos(MEMORY, MemorySessionStore),
    ]
    if apps.is_installed("django.contrib.sessions"):
        found.append(djangos(DB, db_store()))
    return found


def db_store() -> Any:
    """Django's, in the database."""
    return import_module("django.contrib.sessions.backends.db").SessionStore


def by_slug() -> dict[str, Door]:
    """The same, by their addresses."""
    return {door.slug: door for door in doors()}


def forget(people: Iterable[Any], held: Iterable[Held]) -> None:
    """Take away these people, and everything that their sign-ins have left."""
    for each in held:
        each.end()
    users = list(people)
    ids, public = [user.pk for user in users], [user.public_id for user in users]
    logins.end(Login.objects.filter(user_id__in=ids).values_list("pk", flat=True), reason=EndReason.LOGOUT)
    Login.objects.filter(user_id__in=ids).remove()
    if apps.is_installed(BLACKLIST):
        rows = import_module(f"{BLACKLIST}.models").OutstandingToken.objects
        rows.filter(user_id__in=ids).delete()
    get_user_model()._base_manager.filter(pk__in=ids).delete()
    Event.objects.filter(user_uuid__in=public).delete()


class Who(APIView):
    """Who asks, as the way has it; 401 for nobody."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """What a view would decide by."""
        return Response(_told(request.user))


def _who(request: HttpRequest) -> JsonResponse:
    user = request.user
    return JsonResponse(_told(user)) if user.is_authenticated else JsonResponse({}, status=401)


def _told(user: Any) -> dict[str, Any]:
    return {"email": user.email, "is_staff": user.is_staff, "is_active": user.is_active}


def _bearing(authentication: type[JWTAuthentication]) -> Callable[[HttpRequest], Any]:
    return type("Bearing", (Who,), {"authentication_classes": (authentication,)}).as_view()  # type: ignore[attr-defined, no-any-return]


def _behind(sessions: Any, authentication: Any, store: Any) -> Callable[[HttpRequest], Any]:
    chain = sessions(authentication(_who))
    chain.SessionStore = store
    return chain  # type: ignore[no-any-return]


def _token(user: Any) -> Held:
    pair = token_issue.sign_in(RequestFactory().post("/api/token/"), user)
    return Held(
        header=("Authorization", f"Bearer {pair.access}"),
        end=lambda: logins.end([pair.login.pk], reason=EndReason.LOGOUT),
        expires_at=pair.access["exp"],
        refresh=pair.refresh,
    )


def _session(user: Any) -> Held:
    request = _arriving(SessionStore)
    session_issue.sign_in(request, user)
    request.session.save()
    login = request.session.login_id
    return Held(header=_cookie(request), end=lambda: logins.end([login], reason=EndReason.LOGOUT))


def djangos(slug: str, store: Any) -> Door:
    """Django's sessions in this store."""

    def sign_in(user: Any) -> Held:
        request = _arriving(store)
        auth.login(request, user)
        request.session.save()
        key = request.session.session_key
        return Held(header=_cookie(request), end=lambda: store(key).delete())

    view = _behind(DjangoSessionMiddleware, DjangoAuthenticationMiddleware, store)
    return Door(slug=slug, sign_in=sign_in, view=view)


def _arriving(store: Any) -> Any:
    request: Any = RequestFactory().post("/login/")
    request.session = store()
    return request


def _cookie(request: Any) -> tuple[str, str]:
    return "Cookie", f"{settings.SESSION_COOKIE_NAME}={request.session.session_key}"


class MemorySessionStore(CacheSessionStore):
    """Django's cache engine on the memory of this process, as one has it who configures no cache."""

    memory = LocMemCache("sessions of the lab", {})

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._cache = self.memory


_backend = TokenBackend("HS256", settings.SECRET_KEY, settings.SECRET_KEY)
# With the lifetimes that simplejwt has where nobody chose any.
UsualAccess: Any = type(
    "UsualAccess",
    (AccessToken,),
    {"token_backend": _backend, "lifetime": DEFAULTS["ACCESS_TOKEN_LIFETIME"]},
)
UsualRefresh: Any = type(
    "UsualRefresh",
    (RefreshToken,),
    {
        "token_backend": _backend,
        "lifetime": DEFAULTS["REFRESH_TOKEN_LIFETIME"],
        "access_token_class": UsualAccess,
    },
)


def _simplejwt(user: Any) -> Held:
    refresh = UsualRefresh.for_user(user)
    # As its documentation puts claims of one's own into tokens; the refresh token gives them on.
    refresh["is_staff"], refresh["email"] = user.is_staff, user.email
    access = refresh.access_token
    # Its sign-out, where its blacklist is installed, is of the refresh token; without that there is none.
    end = refresh.blacklist if apps.is_installed(BLACKLIST) else (lambda: None)
    return Held(
        header=("Authorization", f"Bearer {access}"),
        end=end,
        expires_at=access["exp"],
        refresh=str(refresh),
    )


class Stateless(JWTStatelessUserAuthentication):
    """simplejwt's, which believes the token."""

    def get_validated_token(self, raw_token: bytes) -> Any:
        """With the key of here."""
        return UsualAccess(raw_token)


class Default(JWTAuthentication):
    """simplejwt's, which asks the database for the person."""

    def get_validated_token(self, raw_token: bytes) -> Any:
        """With the key of here."""
        return UsualAccess(raw_token)
