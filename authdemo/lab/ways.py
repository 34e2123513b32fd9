"""Ways to authenticate the same DRF view: none, ours, simplejwt's and knox's, each with tokens to send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.tokens import AccessToken as SimpleAccessToken
from rest_framework_simplejwt.tokens import BlacklistMixin

from accounts.logins import Login
from tokens_stateless import conf, issue, keys
from tokens_stateless.authenticate import TokenAuthentication
from tokens_stateless.claims import AccessToken

NOBODY = "nobody asked"
OPEN = "no authentication class"
CONSTANT = "a constant user"
BEFORE = "this project, token seen before (ES256)"
FIRST = "this project, token seen first (ES256)"
STATELESS = "simplejwt stateless, ES256"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way: its authentication class, if any, and a maker of Authorization headers.

    Where nobody is `asked`, DRF does not even find out that there is nobody.
    """

    slug: str
    name: str
    authentication: type[BaseAuthentication] | None
    header: Callable[[Any], str]
    pool: int = 1
    asked: bool = True

    def headers(self, user: Any) -> list[str]:
        """Authorization headers of this person, to be sent in turn."""
        return [self.header(user) for _one in range(self.pool)]


class Constant(BaseAuthentication):
    """The floor: what DRF itself needs to authenticate anybody."""

    user = get_user_model()(email="constant@example.com")

    def authenticate(self, request: Request) -> tuple[Any, None]:
        """The constant."""
        return self.user, None


class Known(APIView):
    """The view that is the same for all."""

    permission_classes = (AllowAny,)

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

    return (Asking if way.asked else Unasked).as_view()


def ways() -> list[Way]:
    """All that can be had here; knox where it is installed."""
    many = 2 * conf.current().remembered_tokens
    _kid, private = keys.signer()
    es256 = _backend("ES256", private, private.public_key())
    hs256 = _backend("HS256", settings.SECRET_KEY, settings.SECRET_KEY)
    stateless, default = JWTStatelessUserAuthentication, JWTAuthentication
    found = [
        Way(slug="nobody", name=NOBODY, authentication=None, header=_ours, asked=False),
        Way(slug="open", name=OPEN, authentication=None, header=_ours),
        Way(slug="constant", name=CONSTANT, authentication=Constant, header=_ours),
        Way(slug="seen-before", name=BEFORE, authentication=TokenAuthentication, header=_ours),
        Way(slug="seen-first", name=FIRST, authentication=TokenAuthentication, header=_ours, pool=many),
        _peer("stateless-es256", STATELESS, stateless, es256, pool=many),
        _peer("stateless-hs256", "simplejwt stateless, HS256", stateless, hs256, pool=many),
        _peer("default-es256", "simplejwt default, ES256", default, es256, pool=many),
        _peer("default-hs256", "simplejwt default, HS256", default, hs256, pool=many),
        _peer("listed-es256", "simplejwt with blacklist, ES256", default, es256, BlacklistMixin, pool=many),
        _peer("listed-hs256", "simplejwt with blacklist, HS256", default, hs256, BlacklistMixin, pool=many),
    ]
    if apps.is_installed("knox"):
        kind = import_module("knox.auth").TokenAuthentication
        found.append(Way(slug="knox", name="knox", authentication=kind, header=_knox))
    return found


def bearer(way: Way, user: Any) -> Callable[[], Any]:
    """One request after the other, in this process, without a server."""
    ask, factory, headers, turn = view(way), RequestFactory(), way.headers(user), 0

    def call() -> Any:
        nonlocal turn
        turn += 1
        request = factory.get("/", headers={"Authorization": headers[turn % len(headers)]})
        return ask(request).render()

    return call


def _ours(user: Any) -> str:
    login = Login.objects.filter(user=user, flow=issue.FLOW).live().first()
    if login is None:
        issue.sign_in(RequestFactory().post("/api/token/"), user)
        return _ours(user)
    now = timezone.now()
    return f"Bearer {AccessToken.for_login(login, user, read_at=now, authenticated_at=login.started_at)}"


def _backend(algorithm: str, signing: Any, verifying: Any) -> TokenBackend:
    backend = TokenBackend(algorithm, signing, verifying)
    # The prepared forms are cached properties; setting them skips a detour over PEM text.
    backend.__dict__.update(prepared_signing_key=signing, prepared_verifying_key=verifying)
    return backend


def _peer(
    slug: str, name: str, base: type[JWTAuthentication], backend: TokenBackend, *mixins: Any, pool: int
) -> Way:
    kind: Any = type("PeerToken", (*mixins, SimpleAccessToken), {"token_backend": backend})

    def header(user: Any) -> str:
        token = kind()
        token["sub"] = str(user.pk)
        return f"Bearer {token}"

    def validated(_self: JWTAuthentication, raw: bytes) -> SimpleAccessToken:
        return kind(raw)  # type: ignore[no-any-return]

    authentication = type("Peer", (base,), {"get_validated_token": validated})
    return Way(slug=slug, name=name, authentication=authentication, header=header, pool=pool)


def _knox(user: Any) -> str:
    _row, token = import_module("knox.models").get_token_model().objects.create(user=user)
    return f"Token {token}"
