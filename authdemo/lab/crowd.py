"""Fifty thousand people and their Logins of three months, as a console finds them: most have ended."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection, transaction
from django.utils import timezone

from accounts.logins import EndReason, Login
from authdemo.lab import million

PIECE = 5_000
PEOPLE, LOGINS = 50_000, 1_000_000
HISTORY = timedelta(days=90)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = (
    "ada", "bruno", "carla", "dmitri", "elena", "farid", "greta", "hugo", "ines", "jonas", "kira", "lars",
    "mona", "nils", "oona", "pavel", "quirin", "rosa", "selim", "tara", "ulf", "vera", "wanda", "xenia",
    "yusuf", "zoe",
)  # fmt: skip
DEVICES = ("Firefox on Linux", "Chrome on Windows", "Safari on macOS", "Mobile Safari on iOS", "curl")
# The office, from where each tenth signs in; and somebody who was there once.
OFFICE, STRANGER = "203.0.113.7", "198.51.100.66"
STAFF_EACH, DISABLED_EACH = 500, 1_000
EVENTS = {"authn_login_success": 0.5, "login_ended": 0.48, "authn_password_change": 0.0001}
REASONS = {
    EndReason.LOGOUT: 6_000,
    EndReason.IDLE_TIMEOUT: 2_500,
    EndReason.REPLACED: 700,
    EndReason.ABSOLUTE_TIMEOUT: 500,
    EndReason.PASSWORD_CHANGED: 250,
    EndReason.REVOKED_BY_OWNER: 48,
    EndReason.REFRESH_REUSED: 1,
    EndReason.REVOKED_BY_OPERATOR: 1,
}


def fill(*, people: int = PEOPLE, logins: int = LOGINS) -> None:
    """So many people and Logins, and an event for each; the same ones every time, but for their instants."""
    source, now = random.Random(5), timezone.now()  # noqa: S311 - nobody has to guess them
    users = [_person(source, number) for number in range(people)]
    _write(get_user_model(), iter(users))
    _write(Login, (_login(source, users, now, number / logins) for number in range(logins)))
    for name, share in EVENTS.items():
        million.events(int(logins * share) + 1, ago=DAY, name=name)
    million.events(logins // 100, ago=30 * DAY, user=users[0])
    _settle()


def _write(model: Any, rows: Iterator[Any]) -> None:
    while piece := list(islice(rows, PIECE)):
        with transaction.atomic():
            model._base_manager.bulk_create(piece)


def _person(source: random.Random, number: int) -> Any:
    return get_user_model()(
        id=_uuid(source),
        email=f"{NAMES[number % len(NAMES)]}.{number // len(NAMES)}@example.com",
        password=UNUSABLE_PASSWORD_PREFIX,
        is_staff=number % STAFF_EACH == 0,
        is_active=number % DISABLED_EACH != 1,
    )


def _uuid(source: random.Random) -> UUID:
    return UUID(int=source.getrandbits(128), version=4)


def _address(source: random.Random) -> str:
    kind = source.random()
    if kind < 0.1:
        return OFFICE
    if kind < 0.4:
        return str(IPv4Address((10 << 24) + source.getrandbits(24)))
    if kind < 0.9:
        return str(IPv4Address(source.getrandbits(32)))
    return str(IPv6Address((0x20010DB8 << 96) + source.getrandbits(64)))


def _login(source: random.Random, users: list[Any], now: datetime, share: float) -> Login:
    """One of so many, from the oldest (0) to the newest (1)."""
    user, is_token = source.choice(users), source.random() < 0.4
    started = now - HISTORY * (1 - share)
    idle, life = (14 * DAY, 30 * DAY) if is_token else (HOUR / 2, 12 * HOUR)
    used = min(now - started, life) * source.random() ** 2
    seen, expires = started + used, started + life
    login = Login(
        id=_uuid(source),
        user=user,
        user_uuid=user.pk,
        flow="token" if is_token else "session",
        device=source.choice(DEVICES),
        address=STRANGER if 0.5 <= share < 0.500_003 else _address(source),
        started_at=started,
        seen_at=seen,
        idle_timeout=idle,
        expires_at=expires,
    )
    # Somebody cleans, but one in a hundred of those that are past their end is not recorded as ended yet.
    if source.random() < (0.99 if expires <= now else 0.3):
        login.ended_at = login.changed_at = min(now, max(seen, started + life * 0.9))
        login.end_reason = source.choices(tuple(REASONS), tuple(REASONS.values()))[0]
    return login


def _settle() -> None:
    """Tell the planner what there is, and PostgreSQL what all can see, as autovacuum would in a minute."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
