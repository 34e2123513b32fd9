"""Ways to authenticate the same DRF view: none, ours and the peers', each with what is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.test import RequestFactory
from django.urls import ResolverMatch
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import budget
from accounts.logins import Login
from authdemo.lab import peers
from authdemo.lab.way import Way as Way
from tokens_stateless import conf, issue
from tokens_stateless.authenticate import TokenAuthentication
from tokens_stateless.claims import AccessToken

NOBODY = "nobody asked"
OPEN = "no authentication class"
CONSTANT = "a constant user"
BEFORE = "this project, token seen before (ES256)"
FIRST = "this project, token seen first (ES256)"
STATELESS = peers.STATELESS


class Constant(BaseAuthentication):
    """The floor: what DRF itself needs to authenticate anybody."""

    user = get_user_model()(email="constant@example.com")

    def authenticate(self, request: Request) -> tuple[Any, None]:
        """The constant."""
        return self.user, None


class Known(APIView):
    """The view that is the same for all."""

    permission_classes: tuple[type[BasePermission], ...] = (AllowAny,)

    def get(self, request: Request) -> Response:
        """The same."""
        return Response({"known": True})


def view(way: Way) -> Callable[..., Any]:
    """The view behind this way."""

    class Asking(Known):
        authentication_classes = (way.authentication,) if way.authentication else ()

    class Unasked(Asking):
        def perform_authentication(self, request: Request) -> None:
            """Nothing; DRF asks even without an authentication class."""

    return _within(way.budget, (Asking if way.asked else Unasked).as_view())


def entrance(way: Way) -> Callable[[str], str | None]:
    """Who is let in with this header where the view demands somebody; None when it is refused."""

    class Demanding(Known):
        authentication_classes = (way.authentication,) if way.authentication else ()
        permission_classes = (IsAuthenticated,)

        def get(self, request: Request) -> Response:
            """Who that is."""
            return Response({"known": str(request.user.pk)})

    ask = _asker(way, _within(way.budget, Demanding.as_view()))

    def enter(header: str) -> str | None:
        response = ask(header)
        if response.status_code >= 500:
            raise RuntimeError(f"{way.name} answered {response.status_code}")
        return str(response.data["known"]) if response.status_code == 200 else None

    return enter


def _within(chosen: timedelta | None, ask: Callable[..., Any]) -> Callable[..., Any]:
    return ask if chosen is None else budget.within(chosen)(ask)


def _asker(way: Way, ask: Callable[..., Any]) -> Callable[[str], Any]:
    """Requests to this view, one for each header."""
    factory, carrier = RequestFactory(), way.carrier
    # Only who has a budget of its own is looked up by what the request was routed to.
    match = ResolverMatch(ask, (), {}) if way.budget is not None else None

    def one(header: str) -> Any:
        request = factory.get("/", headers={carrier: header})
        request.resolver_match = match
        return ask(request)

    return one


def ways() -> list[Way]:
    """All that can be had here; the peers where they are installed."""
    many = 2 * conf.current().remembered_tokens
    return [
        Way(slug="nobody", name=NOBODY, authentication=None, header=_ours, asked=False),
        Way(slug="open", name=OPEN, authentication=None, header=_ours),
        Way(slug="constant", name=CONSTANT, authentication=Constant, header=_ours),
        Way(slug="seen-before", name=BEFORE, authentication=TokenAuthentication, header=_ours),
        Way(slug="seen-first", name=FIRST, authentication=TokenAuthentication, header=_ours, pool=many),
        *peers.peers(pool=many),
    ]


def bearer(way: Way, user: Any) -> Callable[[], Any]:
    """One request after the other, in this process, without a server.

    RuntimeError unless each header lets its person in: on a view that is open to all, one that names nobody
    would be cheap.
    """
    ask, headers, turn = _asker(way, view(way)), way.headers(user), 0
    if way.authentication not in (None, Constant):
        _prove(way, headers, user)

    def call() -> Any:
        nonlocal turn
        turn += 1
        return ask(headers[turn % len(headers)]).render()

    return call


def _prove(way: Way, headers: list[str], user: Any) -> None:
    enter = entrance(way)
    let_in = {enter(header) for header in (headers[0], headers[-1])}
    if let_in != {str(user.pk)}:
        raise RuntimeError(f"{way.name} let in {let_in}, not the person whose tokens they are")
    if enter(f"{headers[0][:-8]}AAAAAAAA") is not None:
        raise RuntimeError(f"{way.name} let in whoever made a token up")


def _ours(user: Any) -> str:
    login = Login.objects.filter(user=user, flow=issue.FLOW).live().first()
    if login is None:
        issue.sign_in(RequestFactory().post("/api/token/"), user)
        return _ours(user)
    now = timezone.now()
    return f"Bearer {AccessToken.for_login(login, user, read_at=now, authenticated_at=login.started_at)}"
