"""System checks of accounts: what types cannot say, a numbered id per finding (docs/errors.md)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from accounts import conf, device, places
from accounts.backends import ThrottledBackend
from accounts.conf import Accounts
from accounts.models import AbstractUser


@register()
def check_setting(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E001: the setting is an instance, so that a misspelt field cannot pass."""
    if isinstance(getattr(settings, "ACCOUNTS", Accounts()), Accounts):
        return []
    return [Error("ACCOUNTS must be an instance of accounts.conf.Accounts.", id="accounts.E001")]


@register()
def check_user_model(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E002: the person must have a stamp, a version and a public id."""
    if issubclass(get_user_model(), AbstractUser):
        return []
    return [Error("AUTH_USER_MODEL must extend accounts.models.AbstractUser.", id="accounts.E002")]


@register()
def check_backend(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E003: without our backend no door is throttled."""
    if any(issubclass(backend, ThrottledBackend) for backend in _backends()):
        return []
    hint = "Add accounts.backends.ThrottledBackend, or a subclass of it, to AUTHENTICATION_BACKENDS."
    return [Error("No throttled authentication backend is configured.", hint=hint, id="accounts.E003")]


@register()
def check_open_backends(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E005: a guess that our backend has refused would be tried at this one, uncounted."""
    hint = "Use accounts.backends.ThrottledBackend, or a subclass of it, in its place."
    return [
        Error(
            f"{backend.__module__}.{backend.__qualname__} checks passwords without a throttle.",
            hint=hint,
            id="accounts.E005",
        )
        for backend in _backends()
        # Whoever brings an `authenticate` of their own may not look at passwords at all.
        if getattr(backend, "authenticate", None) is ModelBackend.authenticate
    ]


@register()
def check_database(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E004: only of PostgreSQL and SQLite does the reader know how to miss nothing."""
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine.rsplit(".", 1)[-1] in {"postgresql", "sqlite3"}:
        return []
    return [Error("The ledger lives in PostgreSQL or SQLite.", id="accounts.E004")]


@register()
def check_login_limit(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E007: a limit of nothing would keep everybody out."""
    chosen = conf.current()
    if chosen.over_limit not in ("end_oldest", "refuse"):
        return [Error('ACCOUNTS.over_limit is "end_oldest" or "refuse".', id="accounts.E007")]
    if chosen.login_limit is not None and chosen.login_limit < 1:
        return [Error("ACCOUNTS.login_limit is None, or 1 at least.", id="accounts.E007")]
    return []


@register()
def check_recent_lifetime(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E008: whoever has just given their password would be asked for it again, for ever."""
    if conf.current().recent_lifetime.total_seconds() >= 60:
        return []
    return [Error("ACCOUNTS.recent_lifetime is a minute at least.", id="accounts.E008")]


@register()
def check_geoip(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E009: with a database that cannot be read no place would be known, and nobody told why."""
    path = conf.current().geoip_path
    if not path:
        return []
    try:
        places.reader(path)
    except ImproperlyConfigured as error:
        hint = "Install maxminddb and name an .mmdb file, or leave it empty."
        return [Error(str(error), hint=hint, id="accounts.E009")]
    return []


def _backends() -> list[type[object]]:
    return [import_string(path) for path in settings.AUTHENTICATION_BACKENDS]


@register()
def check_trusted_proxies(**_kwargs: Any) -> list[CheckMessage]:
    """accounts.E006: a proxy that is not understood would show at the first request only."""
    try:
        device.trusted(conf.current().trusted_proxies)
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Name addresses, networks, or unix.", id="accounts.E006")]
    return []
