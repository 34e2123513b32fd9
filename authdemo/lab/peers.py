"""The peers, as their documentation sets them up: simplejwt, allauth's headless tokens, knox."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import DEFAULTS
from rest_framework_simplejwt.tokens import AccessToken as SimpleAccessToken
from rest_framework_simplejwt.tokens import BlacklistMixin

from authdemo.lab import headless
from authdemo.lab.way import Way
from tokens_stateless import keys

STATELESS = "simplejwt stateless, ES256"
DEFAULT = "simplejwt default, ES256"
LISTED = "simplejwt with blacklist, ES256"
SESSION_TOKEN = "allauth, session token"  # noqa: S105 - a name
JWT = "allauth, JWT (RS256)"
READ_JWT = "allauth, JWT (RS256), person read"
STATEFUL_JWT = "allauth, JWT (RS256), stateful"
KNOX = "knox"


def peers(*, pool: int) -> list[Way]:
    """All that are installed here; simplejwt's, which always is, with so many tokens in turn."""
    es256 = _es256()
    hs256 = _backend("HS256", settings.SECRET_KEY, settings.SECRET_KEY)
    stateless, default = JWTStatelessUserAuthentication, JWTAuthentication
    found = [
        _simplejwt("stateless-es256", STATELESS, stateless, es256, pool=pool),
        _simplejwt("stateless-hs256", "simplejwt stateless, HS256", stateless, hs256, pool=pool),
        _simplejwt("default-es256", DEFAULT, default, es256, pool=pool),
        _simplejwt("default-hs256", "simplejwt default, HS256", default, hs256, pool=pool),
        _simplejwt("listed-es256", LISTED, default, es256, BlacklistMixin, pool=pool),
        _simplejwt(
            "listed-hs256", "simplejwt with blacklist, HS256", default, hs256, BlacklistMixin, pool=pool
        ),
    ]
    if headless.is_installed():
        found += _allauth()
    if apps.is_installed("knox"):
        kind = import_module("knox.auth").TokenAuthentication
        found.append(Way(slug="knox", name=KNOX, authentication=kind, header=_knox))
    return found


def missing() -> list[str]:
    """The packages of requirements-measure.txt that are not here, so that they cannot be measured."""
    wanted = {"django-allauth": headless.is_installed(), "django-rest-knox": apps.is_installed("knox")}
    return [name for name, is_here in wanted.items() if not is_here]


def signed(user: Any) -> Any:
    """simplejwt's access token (ES256) with its default lifetime, for who ends it: `blacklist()` does."""
    token = classes()[1]()
    token.set_exp(from_time=token.current_time, lifetime=DEFAULTS["ACCESS_TOKEN_LIFETIME"])
    token["sub"] = str(user.pk)
    return token


def classes() -> tuple[Any, Any]:
    """simplejwt's access token with our key (ES256), without and with its blacklist."""
    own = {"token_backend": _es256()}
    return type("Plain", (SimpleAccessToken,), own), type("Listed", (BlacklistMixin, SimpleAccessToken), own)


def _es256() -> TokenBackend:
    _kid, private = keys.signer()
    return _backend("ES256", private, private.public_key())


def _backend(algorithm: str, signing: Any, verifying: Any) -> TokenBackend:
    backend = TokenBackend(algorithm, signing, verifying)
    # The prepared forms are cached properties; setting them skips a detour over PEM text.
    backend.__dict__.update(prepared_signing_key=signing, prepared_verifying_key=verifying)
    return backend


def _simplejwt(
    slug: str, name: str, base: type[JWTAuthentication], backend: TokenBackend, *mixins: Any, pool: int
) -> Way:
    kind: Any = type("PeerToken", (*mixins, SimpleAccessToken), {"token_backend": backend})

    def header(user: Any) -> str:
        token = kind()
        token["sub"] = str(user.pk)
        return f"Bearer {token}"

    def validated(_self: JWTAuthentication, raw: bytes) -> SimpleAccessToken:
        try:
            return kind(raw)  # type: ignore[no-any-return]
        except TokenError as error:
            raise InvalidToken from error

    authentication = type("Peer", (base,), {"get_validated_token": validated})
    return Way(slug=slug, name=name, authentication=authentication, header=header, pool=pool)


def _allauth() -> list[Way]:
    classes = headless.authentications()
    jwt: Any = classes["jwt"]

    def read(self: Any, key: str) -> Any:
        """As allauth's, and with the look at the person that it puts off until a view asks who it is."""
        person, token = jwt.authenticate_credentials(self, key)
        return (person if person.is_authenticated else None), token

    kinds = {
        JWT: ("allauth-jwt", jwt),
        READ_JWT: ("allauth-jwt-read", type("Read", (jwt,), {"authenticate_credentials": read})),
        STATEFUL_JWT: ("allauth-jwt-stateful", classes["stateful"]),
    }
    return [
        Way(
            slug="allauth-session",
            name=SESSION_TOKEN,
            authentication=classes["session"],
            header=headless.session_token,
            carrier=headless.HEADER,
        ),
        *(
            Way(slug=slug, name=name, authentication=kind, header=_allauth_bearer)
            for name, (slug, kind) in kinds.items()
        ),
    ]


def _allauth_bearer(user: Any) -> str:
    return f"Bearer {headless.access_token(user)}"


def _knox(user: Any) -> str:
    _row, token = import_module("knox.models").get_token_model().objects.create(user=user)
    return f"Token {token}"
