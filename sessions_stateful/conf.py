"""The settings of the cookie flow: one frozen dataclass, written as ``SESSIONS_STATEFUL = Sessions(…)``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from django.conf import settings

from accounts import whereabouts


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """How long sessions live, and what survives a sign-in; every field is explained in docs/settings.md."""

    idle_timeout: timedelta = timedelta(minutes=30)
    absolute_timeout: timedelta = timedelta(hours=12)
    remember_idle_timeout: timedelta = timedelta(days=14)
    remember_absolute_timeout: timedelta = timedelta(days=30)
    staff_idle_timeout: timedelta = timedelta(minutes=15)
    staff_absolute_timeout: timedelta = timedelta(hours=12)
    idle_grace: timedelta = timedelta(minutes=1)
    anonymous_lifetime: timedelta = timedelta(days=1)
    kept_at_sign_in: tuple[str, ...] = ()
    # Out of the repr: there may be a password in it.
    redis_url: str = field(default="", repr=False)
    redis_prefix: str = "authdemo:s:"
    copy_lifetime: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        whereabouts.demand(self.redis_url, name="SESSIONS_STATEFUL.redis_url")


# Where Django keeps what was asked for, until it is overridden or deleted.
_asked_for = vars(settings)


@lru_cache(maxsize=1)
def _default() -> Sessions:
    return Sessions()


def current() -> Sessions:
    """The project's setting, or the defaults; asked at call time so that `override_settings` works."""
    # Past LazyObject's own __getattribute__: this is on the path of each request.
    value = _asked_for.get("SESSIONS_STATEFUL") or getattr(settings, "SESSIONS_STATEFUL", None)
    return value if isinstance(value, Sessions) else _default()
