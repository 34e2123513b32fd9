"""System checks of the cookie flow: what types cannot say, a numbered id per finding (docs/errors.md)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from sessions_stateful import conf
from sessions_stateful.conf import Sessions
from sessions_stateful.middleware import AuthenticationMiddleware, SessionMiddleware


@register()
def check_setting(**_kwargs: Any) -> list[CheckMessage]:
    """sessions_stateful.E001: the setting is an instance, so that a misspelt field cannot pass."""
    if isinstance(getattr(settings, "SESSIONS_STATEFUL", Sessions()), Sessions):
        return []
    return [
        Error(
            "SESSIONS_STATEFUL must be an instance of sessions_stateful.conf.Sessions.",
            id="sessions_stateful.E001",
        )
    ]


@register()
def check_engine(**_kwargs: Any) -> list[CheckMessage]:
    """sessions_stateful.E002: with another engine no Login would be started."""
    if settings.SESSION_ENGINE == "sessions_stateful.store":
        return []
    return [Error('SESSION_ENGINE must be "sessions_stateful.store".', id="sessions_stateful.E002")]


@register()
def check_middleware(**_kwargs: Any) -> list[CheckMessage]:
    """sessions_stateful.E003: Django's own middleware would delete cookies and end sessions while reading."""
    installed = [import_string(path) for path in settings.MIDDLEWARE]
    missing = [
        wanted.__name__
        for wanted in (SessionMiddleware, AuthenticationMiddleware)
        if not any(isinstance(one, type) and issubclass(one, wanted) for one in installed)
    ]
    return [
        Error(f"sessions_stateful.middleware.{name} is not in MIDDLEWARE.", id="sessions_stateful.E003")
        for name in missing
    ]


@register()
def check_timeouts(**_kwargs: Any) -> list[CheckMessage]:
    """sessions_stateful.E004: an idle timeout longer than the absolute one says something nobody means."""
    chosen = conf.current()
    pairs = {
        "idle_timeout": (chosen.idle_timeout, chosen.absolute_timeout),
        "remember_idle_timeout": (chosen.remember_idle_timeout, chosen.remember_absolute_timeout),
        "staff_idle_timeout": (chosen.staff_idle_timeout, chosen.staff_absolute_timeout),
    }
    return [
        Error(f"SESSIONS_STATEFUL.{name} is longer than its absolute timeout.", id="sessions_stateful.E004")
        for name, (idle, absolute) in pairs.items()
        if idle > absolute
    ]
