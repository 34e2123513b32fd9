"""System checks of the token flow: what types cannot say, a numbered id per finding (docs/errors.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from accounts import conf as accounts_conf
from tokens_stateless.conf import Tokens, current, simple_jwt


@register()
def check_setting(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E001: the setting is an instance, so that a misspelt field cannot pass."""
    if isinstance(getattr(settings, "TOKENS_STATELESS", Tokens()), Tokens):
        return []
    return [
        Error(
            "TOKENS_STATELESS must be an instance of tokens_stateless.conf.Tokens.",
            id="tokens_stateless.E001",
        )
    ]


@register()
def check_simple_jwt(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E002: simplejwt's settings say what ours say."""
    if getattr(settings, "SIMPLE_JWT", None) == simple_jwt(current()):
        return []
    hint = "Write SIMPLE_JWT = tokens_stateless.conf.simple_jwt(TOKENS_STATELESS)."
    return [Error("SIMPLE_JWT differs from TOKENS_STATELESS.", hint=hint, id="tokens_stateless.E002")]


@register()
def check_leeway(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E003: a leeway over a minute lets dead tokens live (RFC 9068 section 4)."""
    if timedelta(0) <= current().leeway <= timedelta(minutes=1):
        return []
    return [Error("TOKENS_STATELESS.leeway must be between 0 and 60 seconds.", id="tokens_stateless.E003")]


@register()
def check_lifetimes(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E004: every process remembers each end for as long as an access token may vouch."""
    if timedelta(0) < current().access_lifetime <= timedelta(hours=1):
        return []
    return [
        Error(
            "TOKENS_STATELESS.access_lifetime must be more than 0 and at most an hour.",
            id="tokens_stateless.E004",
        )
    ]


@register()
def check_rotation_window(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E006: within the window a spent refresh token is nobody's alarm."""
    if timedelta(0) <= current().rotation_window <= timedelta(minutes=1):
        return []
    return [
        Error(
            "TOKENS_STATELESS.rotation_window must be between 0 and 60 seconds.", id="tokens_stateless.E006"
        )
    ]


@register()
def check_access_jitter(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E007: the jitter is a share of the lifetime, and only ever shortens it."""
    if 0 <= current().access_jitter <= 0.5:
        return []
    return [Error("TOKENS_STATELESS.access_jitter must be between 0 and 0.5.", id="tokens_stateless.E007")]


@register()
def check_exchange_lifetime(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E008: what others hold must not outlive the time for which an end is remembered."""
    if timedelta(0) < current().exchange_lifetime < current().access_lifetime:
        return []
    return [
        Error(
            "TOKENS_STATELESS.exchange_lifetime must be more than 0 and less than access_lifetime.",
            id="tokens_stateless.E008",
        )
    ]


@register()
def check_key_set_age(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E010: for as long as others keep the key set, they accept what a revoked key signs."""
    if timedelta(0) < current().jwks_max_age <= timedelta(days=1):
        return []
    return [
        Error("TOKENS_STATELESS.jwks_max_age must be more than 0, at most a day.", id="tokens_stateless.E010")
    ]


@register()
def check_key_lifetime(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E011: a standby key that is due must have been published for long enough by then."""
    chosen = current()
    if chosen.signing_key_lifetime >= 2 * (chosen.jwks_max_age + accounts_conf.current().standing_budget):
        return []
    return [
        Error(
            "TOKENS_STATELESS.signing_key_lifetime must be twice jwks_max_age and standing_budget, or more.",
            id="tokens_stateless.E011",
        )
    ]


@register(Tags.security, deploy=True)
def check_issuer(**_kwargs: Any) -> list[CheckMessage]:
    """tokens_stateless.E005: an issuer is an https address (RFC 8414 section 2)."""
    if current().issuer.startswith("https://"):
        return []
    return [Error("TOKENS_STATELESS.issuer must be an https address.", id="tokens_stateless.E005")]
