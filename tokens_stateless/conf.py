"""The settings of the token flow, ``TOKENS_STATELESS = Tokens(…)``, and simplejwt's, derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """How long tokens live and for whom they are; every field is explained in docs/settings.md."""

    issuer: str = "http://127.0.0.1:8000"
    audience: str = "http://127.0.0.1:8000"
    client_id: str = "first-party"
    access_lifetime: timedelta = timedelta(minutes=5)
    exchange_lifetime: timedelta = timedelta(minutes=2)
    access_jitter: float = 0.1
    leeway: timedelta = timedelta(seconds=30)
    idle_timeout: timedelta = timedelta(days=14)
    absolute_timeout: timedelta = timedelta(days=30)
    staff_idle_timeout: timedelta = timedelta(hours=1)
    staff_absolute_timeout: timedelta = timedelta(hours=12)
    rotation_window: timedelta = timedelta(seconds=10)
    max_token_bytes: int = 4096
    remembered_tokens: int = 4096
    jwks_max_age: timedelta = timedelta(minutes=5)
    signing_key_lifetime: timedelta = timedelta(days=30)

    @property
    def secure(self) -> bool:
        """Whether browsers come by https: a cookie is then Secure, and named so."""
        return self.issuer.startswith("https://")

    @property
    def refresh_cookie(self) -> str:
        """What the cookie is called that carries a refresh token."""
        return "__Secure-refresh" if self.secure else "refresh"

    @property
    def horizon(self) -> timedelta:
        """How long an access token may vouch after it was made from the ledger."""
        return self.access_lifetime + 2 * self.leeway


# Where Django keeps what was asked for, until it is overridden or deleted.
_asked_for = vars(settings)


@lru_cache(maxsize=1)
def _default() -> Tokens:
    return Tokens()


def current() -> Tokens:
    """The project's setting, or the defaults; asked at call time so that `override_settings` works."""
    # Past LazyObject's own __getattribute__: this is on the path of each request.
    value = _asked_for.get("TOKENS_STATELESS") or getattr(settings, "TOKENS_STATELESS", None)
    return value if isinstance(value, Tokens) else _default()


def simple_jwt(tokens: Tokens) -> dict[str, Any]:
    """What simplejwt must be told: a project writes ``SIMPLE_JWT = simple_jwt(TOKENS_STATELESS)``."""
    return {
        "ALGORITHM": "ES256",
        "SIGNING_KEY": "",
        "ACCESS_TOKEN_LIFETIME": tokens.access_lifetime,
        "ISSUER": tokens.issuer,
        "AUDIENCE": tokens.audience,
        "LEEWAY": tokens.leeway,
        "USER_ID_CLAIM": "sub",
        "TOKEN_TYPE_CLAIM": None,
        "JTI_CLAIM": "jti",
        "AUTH_TOKEN_CLASSES": ("tokens_stateless.claims.AccessToken",),
    }
