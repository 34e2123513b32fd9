"""The settings of accounts: one frozen dataclass, so that a misspelt name fails at the start.

A project writes ``ACCOUNTS = Accounts(…)`` in its settings; readers ask `current()` when they need a value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Literal

from django.conf import settings

from accounts import whereabouts


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """What a project may choose about people and their Logins; docs/settings.md explains every field."""

    site_name: str = "authdemo"
    public_origin: str = "http://127.0.0.1:8000"
    mail_on_console: bool = False
    mail_notices: bool = False
    trusted_proxies: tuple[str, ...] = ()
    standing_budget: timedelta = timedelta(seconds=5)
    standing_interval: timedelta = timedelta(milliseconds=500)
    # Out of the repr: there may be a password in it.
    feed_url: str = field(default="", repr=False)
    feed_key: str = "authdemo:feed"
    seen_interval: timedelta = timedelta(minutes=1)
    history_lifetime: timedelta = timedelta(days=90)
    login_limit: int | None = None
    over_limit: Literal["end_oldest", "refuse"] = "end_oldest"
    recent_lifetime: timedelta = timedelta(minutes=15)
    password_min_length: int = 15
    password_max_bytes: int = 4096
    link_lifetime: timedelta = timedelta(hours=1)
    geoip_path: str = ""
    free_failures: int = 5
    address_free_failures: int = 50
    longest_delay: timedelta = timedelta(minutes=15)
    hard_stop_failures: int = 100
    hard_stop_delay: timedelta = timedelta(hours=24)

    def __post_init__(self) -> None:
        whereabouts.demand(self.feed_url, name="ACCOUNTS.feed_url")

    @cached_property
    def standing_budget_seconds(self) -> float:
        """The budget as a number, for what each request asks."""
        return self.standing_budget.total_seconds()


# Where Django keeps what was asked for, until it is overridden or deleted.
_asked_for = vars(settings)


@lru_cache(maxsize=1)
def _default() -> Accounts:
    return Accounts()


def current() -> Accounts:
    """The project's setting, or the defaults; asked at call time so that `override_settings` works."""
    # Past LazyObject's own __getattribute__: this is on the path of each request.
    value = _asked_for.get("ACCOUNTS") or getattr(settings, "ACCOUNTS", None)
    return value if isinstance(value, Accounts) else _default()
