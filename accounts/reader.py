"""Reads the ledger's recent changes on a connection of its own, and misses none, on PostgreSQL and on SQLite.

Rows become visible in the order of commits, not of stamps. So a read reaches back to before the oldest
transaction that was still writing when the previous read began, and 30 s further.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from datetime import timezone as fixed
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend
from django.utils import timezone

from accounts.feed import Topic
from accounts.logins import Login

OVERLAP = timedelta(seconds=30)
PIECE = 2000
ZERO = UUID(int=0)

Change = tuple[str, bytes, int]

OLDEST_WRITER = """
    SELECT statement_timestamp(), least(statement_timestamp(), min(xact_start)), bool_or(xact_start IS NULL)
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""


class LedgerReader:
    """One connection, one mark. Not safe for threads: its owner locks."""

    def __init__(self, *, alias: str = "default") -> None:
        self._alias = alias
        self._mark: datetime | None = None
        self._data_version: int | None = None
        self._connection: BaseDatabaseWrapper | None = None
        main = connections[alias]
        self.glances = main.vendor == "sqlite"
        # A database in memory has no other process; what this one writes it hears through the feed.
        self.alone = self.glances and bool(main.is_in_memory_db())  # type: ignore[attr-defined]

    def close(self) -> None:
        """Drop the connection; the next read opens a new one and goes on from the mark."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._data_version = None

    def unchanged(self) -> bool:
        """True when SQLite says that nobody has written since the last look; one PRAGMA, 2.5 µs."""
        if self.alone:
            return True
        if not self.glances or self._data_version is None:
            return False
        return self._glance() == self._data_version

    def read(self, *, horizon: timedelta) -> list[Change]:
        """What has changed since a little before the mark: (kind, id, version; 0 for a Login).

        The first read reaches back `horizon` further: copies made before this process began may still vouch.
        """
        if self.alone:
            return []
        connection = self._open()
        # The number before the rows: whatever is written between the two is read again, never missed.
        version = self._glance() if self.glances else None
        now, settled = self._settled(connection, horizon=horizon)
        # A clock that was set back has since stamped changes with instants before the mark.
        since = self._mark if self._mark and self._mark <= now else settled - horizon
        changes, newest = self._pieces(connection, since - OVERLAP)
        self._mark = min(max(settled, newest), now) if self.glances and newest else settled
        self._data_version = version
        return changes

    def _open(self) -> BaseDatabaseWrapper:
        if self._connection is None:
            settings = copy.deepcopy(connections[self._alias].settings_dict)
            settings["OPTIONS"].pop("pool", None)
            settings["CONN_MAX_AGE"] = None
            wrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, self._alias)
            wrapper.inc_thread_sharing()
            self._connection = wrapper
        return self._connection

    def _glance(self) -> int:
        connection = self._open()
        connection.ensure_connection()
        with connection.wrap_database_errors:
            return int(connection.connection.execute("PRAGMA data_version").fetchone()[0])

    def _settled(self, connection: BaseDatabaseWrapper, *, horizon: timedelta) -> tuple[datetime, datetime]:
        """Now, and the instant before which everything that will ever be visible is visible."""
        if self.glances:
            # SQLite's writers stand in line, so that is the newest stamp; the newest that was read will do.
            now = timezone.now()
            return now, min(now, self._mark or self._newest(connection))
        with connection.cursor() as cursor:
            # Asked before the rows, in a statement of its own: one statement sees one instant.
            cursor.execute(OLDEST_WRITER)
            now, oldest, hidden = cursor.fetchone()
        if hidden:
            # Another role's transaction; when it began is told to members of pg_read_all_stats alone.
            oldest = self._mark if self._mark and self._mark <= now else now - horizon
        return now, oldest

    def _newest(self, connection: BaseDatabaseWrapper) -> datetime:
        tables = (model._meta.db_table for model in (Login, get_user_model(), Topic))
        newest = " UNION ALL ".join(
            f"SELECT max(changed_at) AS at FROM {table}"  # noqa: S608 - names of our models' tables
            for table in tables
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT max(at) FROM ({newest})")  # noqa: S608 - as above
            at = cursor.fetchone()[0]
        return _instant(at) if at else datetime(2000, 1, 1, tzinfo=fixed.utc)

    def _pieces(
        self, connection: BaseDatabaseWrapper, since: datetime
    ) -> tuple[list[Change], datetime | None]:
        user = get_user_model()
        who = user._meta.get_field(user.PUBLIC_ID_FIELD).column  # type: ignore[union-attr]
        ops, row = connection.ops, "(changed_at, {0}) > (%s, %s) AND changed_at IS NOT NULL"
        # To go on from, as it is stored: SQLite compares text, and Python would write more digits.
        raw = "CAST(changed_at AS TEXT)" if self.glances else "changed_at"
        sql = f"""
            SELECT CASE WHEN ended_at IS NULL THEN 'copy' ELSE 'login' END AS kind,
                id AS who, changed_at AS at, copy_version AS version, {raw}
            FROM {ops.quote_name(Login._meta.db_table)} WHERE {row.format("id")}
            UNION ALL SELECT 'user', {who}, changed_at, version, {raw}
            FROM {ops.quote_name(user._meta.db_table)} WHERE {row.format(who)}
            UNION ALL SELECT 'topic', id, changed_at, version, {raw}
            FROM {ops.quote_name(Topic._meta.db_table)} WHERE {row.format("id")}
            ORDER BY at, who LIMIT {PIECE}
        """  # noqa: S608 - names of our models' tables and columns; every value is a parameter
        changes: list[Change] = []
        at: Any = ops.adapt_datetimefield_value(since)
        last: Any = Login._meta.pk.get_db_prep_value(ZERO, connection)
        with connection.cursor() as cursor:
            while True:
                cursor.execute(sql, [at, last] * 3)
                rows = cursor.fetchall()
                changes += [(kind, _bytes(which), version) for kind, which, _at, version, _raw in rows]
                if rows:
                    _kind, last, _at, _version, at = rows[-1]
                if len(rows) < PIECE:
                    return changes, _instant(at) if changes else None


def _bytes(value: UUID | str) -> bytes:
    return value.bytes if isinstance(value, UUID) else UUID(value).bytes


def _instant(value: datetime | str) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=fixed.utc)
