"""What must not be served in production: one function and one number for each finding (docs/errors.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from authdemo import conf

MIN_KEY_LENGTH = 50
MIN_KEY_CHARACTERS = 10
# What generators and our own debug start write; nobody's real secret says of itself that it is none.
PLACEHOLDERS = ("insecure", "change-me", "changeme", "change_me", "placeholder", "example")


@register(Tags.security, deploy=True)
def check_debug(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.E001: under DEBUG a fault shows settings and variables to whoever causes it."""
    hint = "Unset DEBUG, or set it to 0."
    return [Error("DEBUG is on.", hint=hint, id="authdemo.E001")] if settings.DEBUG else []


@register(Tags.security, deploy=True)
def check_secret_key(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.E002: refresh tokens, session keys and links are only as good as the secret behind them."""
    hint = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    named = [("SECRET_KEY", [settings.SECRET_KEY]), ("SECRET_KEY_FALLBACKS", settings.SECRET_KEY_FALLBACKS)]
    return [
        Error(f"{name} is a placeholder, too short or too simple.", hint=hint, id="authdemo.E002")
        for name, keys in named
        if any(map(_is_weak, keys))
    ]


@register(Tags.security, deploy=True)
def check_allowed_hosts(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.E003: with any host allowed, a visitor decides what this site calls itself."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [Error("ALLOWED_HOSTS allows any host.", hint="Name the hosts.", id="authdemo.E003")]


@register(Tags.security, deploy=True)
def check_public_origin(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.E004: links in mail and the issuer of tokens start with it; cookies are Secure by it."""
    if _is_https_origin(settings.PUBLIC_ORIGIN):
        return []
    hint = "https:// and the host, with a port if need be, and nothing after it."
    return [Error("PUBLIC_ORIGIN is not an https origin.", hint=hint, id="authdemo.E004")]


@register(Tags.security, deploy=True)
def check_session_cookie(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.E005: no http page and no sibling host can set a `__Host-` cookie (RFC 6265bis)."""
    return list(_cookie("SESSION_COOKIE", id="authdemo.E005"))


@register(Tags.security, deploy=True)
def check_csrf_cookie(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.E006: the CSRF check compares with this cookie, so nobody else may be able to set it."""
    return list(_cookie("CSRF_COOKIE", id="authdemo.E006"))


@register()
def check_atomic_requests(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.W001: our SQLite transactions start as writers, so each request would wait for every other."""
    hint = "Unset ATOMIC_REQUESTS, or use PostgreSQL."
    return [
        Warning(
            f"ATOMIC_REQUESTS on SQLite ({alias}) serves one request at a time.",
            hint=hint,
            id="authdemo.W001",
        )
        for alias, database in settings.DATABASES.items()
        if database.get("ATOMIC_REQUESTS") and database["ENGINE"] == "django.db.backends.sqlite3"
    ]


@register(Tags.security, deploy=True)
def check_lab(**_kwargs: Any) -> list[CheckMessage]:
    """authdemo.W002: the lab asks this server again and again for whoever presses a button."""
    hint = "Unset LAB, or set it to 0."
    return [Warning("The live page /lab/ is on.", hint=hint, id="authdemo.W002")] if conf.lab().is_on else []


def _is_weak(key: str) -> bool:
    return (
        len(key) < MIN_KEY_LENGTH
        or len(set(key)) < MIN_KEY_CHARACTERS
        or any(placeholder in key.lower() for placeholder in PLACEHOLDERS)
    )


def _is_https_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and text == f"https://{parts.netloc}" and "@" not in text
    except ValueError:
        return False


def _cookie(prefix: str, *, id: str) -> Iterable[CheckMessage]:
    name, domain, path = (getattr(settings, f"{prefix}_{part}") for part in ("NAME", "DOMAIN", "PATH"))
    if not name.startswith("__Host-"):
        yield Error(
            f"{prefix}_NAME does not start with __Host-.", hint="An https PUBLIC_ORIGIN sets it.", id=id
        )
    if not getattr(settings, f"{prefix}_SECURE"):
        yield Error(f"{prefix}_SECURE is off.", hint="An https PUBLIC_ORIGIN sets it.", id=id)
    if domain or path != "/":
        yield Error(f"{prefix}_DOMAIN or {prefix}_PATH is set.", hint="__Host- cookies know neither.", id=id)
