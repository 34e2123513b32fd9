"""Fills the ledger with as many rows as one likes, by statements that the database executes alone.

Nobody can sign in with them: what their sessions hold is sealed by nobody.
"""

# ruff: noqa: S608 - names of our models' tables and columns, and expressions of this module alone

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Model

from accounts.events import Event
from accounts.logins import Login
from sessions_stateful.models import Session
from tokens_stateless.models import Family

PERSON = "nobody@example.com"
DAY_SECONDS = 24 * 3600


def logins(
    count: int,
    *,
    flow: str,
    seen_ago: timedelta,
    expires_in: timedelta,
    idle_timeout: timedelta = timedelta(minutes=30),
    ended_ago: timedelta | None = None,
) -> None:
    """So many Logins of one person; their instants are spread over the day before those that are named."""
    user = get_user_model().objects.get_or_create(email=PERSON)[0]
    ended = "NULL" if ended_ago is None else _instant(-ended_ago, count)
    values = {
        "id": _uuid(),
        "user_id": _stored(Login, "user", user.pk),
        "user_uuid": _stored(Login, "user_uuid", user.public_id),
        "flow": f"'{flow}'",
        "device": "'Firefox on Linux'",
        "started_at": _instant(-seen_ago - timedelta(days=1), count),
        "seen_at": _instant(-seen_ago, count),
        "idle_timeout": _stored(Login, "idle_timeout", idle_timeout),
        "expires_at": _instant(expires_in, count),
        "ended_at": ended,
        "changed_at": ended,
        "copy_version": "0",
        "end_reason": "''" if ended_ago is None else "'logout'",
    }
    _fill(Login, values, source=_numbers(count))


def carriers() -> None:
    """What carries the live Logins that have nothing yet: sessions and token families."""
    live = f"{_table(Login)} WHERE ended_at IS NULL AND id NOT IN"
    session = {**_session(), "login_id": "id", "authenticated_at": "started_at", "expires_at": "expires_at"}
    held = f"(SELECT login_id FROM {_table(Session)} WHERE login_id IS NOT NULL)"
    _fill(Session, session, source=f"{live} {held} AND flow = 'session'")
    family = {"login_id": "id", "generation": "1", "rotated_device": "''", "stretches": "0"}
    family["stretch_generation"] = "1"
    _fill(Family, family, source=f"{live} (SELECT login_id FROM {_table(Family)}) AND flow = 'token'")


def sessions(count: int, *, expires_in: timedelta) -> None:
    """So many sessions that carry no Login."""
    _fill(Session, {**_session(), "expires_at": _instant(expires_in, count)}, source=_numbers(count))


NOBODYS = "nobodys"


def django_sessions(model: type[Model], count: int, *, size: int, expires_in: timedelta) -> None:
    """So many rows of Django's own, with so many characters of data each, which say nothing."""
    chunk = "hex(randomblob(16))" if _sqlite() else "md5(random()::text)"
    values = {
        "session_key": f"'{NOBODYS}' || substr({_text(_uuid())} || {_text(_uuid())}, 1, 33)",
        "session_data": f"substr({' || '.join([chunk] * (size // 32 + 1))}, 1, {size:d})",
        "expire_date": _instant(expires_in, count),
    }
    _fill(model, values, source=_numbers(count))


def events(count: int, *, ago: timedelta, name: str = "authn_login_success", user: Any = None) -> None:
    """So many events of one name, of one person or of as many as there are events."""
    values = {
        "at": _instant(-ago, count),
        "name": f"'{name}'",
        "login_id": _uuid(),
        "user_uuid": _stored(Event, "user_uuid", user.public_id) if user else _uuid(),
        "device": "'Firefox on Linux'",
        "request_id": _text(_uuid()),
        "detail": """'{"flow": "session"}'""",
    }
    _fill(Event, values, source=_numbers(count))


def analyze() -> None:
    """Tell the planner what there is now, as PostgreSQL's autovacuum would in a minute."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _session() -> dict[str, str]:
    data = "randomblob(200)" if _sqlite() else "decode(repeat(md5(random()::text), 12), 'hex')"
    return {
        "key_hash": f"substr({_text(_uuid())} || {_text(_uuid())}, 1, 43)",
        "data": data,
        "version": "1",
        "rights": "0",
        "remember": "0" if _sqlite() else "false",
    }


def _fill(model: type[Model], values: Mapping[str, str], *, source: str) -> None:
    columns, expressions = ", ".join(values), ", ".join(values.values())
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {_table(model)} ({columns}) SELECT {expressions} FROM {source}")


def _numbers(count: int) -> str:
    if _sqlite():
        return (
            "(WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers "
            f"WHERE number < {count:d}) SELECT number FROM numbers)"
        )
    return f"generate_series(1, {count:d}) AS numbers(number)"


def _instant(after: timedelta, count: int) -> str:
    # In the order of the rows, as sign-ins come (the planner looks at that), and all different.
    seconds = f"({after.total_seconds():f} - {DAY_SECONDS:f} * ({count:d} - number) / {count:d})"
    if _sqlite():
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds')"
    return f"now() + {seconds} * interval '1 second'"


def _uuid() -> str:
    return "lower(hex(randomblob(16)))" if _sqlite() else "gen_random_uuid()"


def _text(uuid: str) -> str:
    return uuid if _sqlite() else f"replace(({uuid})::text, '-', '')"


def _stored(model: type[Model], field: str, value: Any) -> str:
    """A literal of this value, as the field stores it."""
    stored = model._meta.get_field(field).get_db_prep_save(value, connection)  # type: ignore[union-attr]
    if isinstance(stored, timedelta):
        return f"interval '{stored.total_seconds():f} seconds'"
    return str(stored) if isinstance(stored, int) else f"'{stored}'"


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _sqlite() -> bool:
    return connection.vendor == "sqlite"
