"""A database for one run, which goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import DatabaseError, connection, connections

from accounts import logins, standing

# Of the same role alone: what PostgreSQL does by itself goes by itself.
SEND_AWAY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
)


@contextmanager
def of_its_own(directory: Path, *, name: str = "") -> Iterator[None]:
    """A new one behind Django's connection: in PostgreSQL of this `name`, on SQLite a file in `directory`."""
    old = connection.settings_dict["NAME"]
    own = str(directory / "lab.sqlite3") if connection.vendor == "sqlite" else name
    if own:
        connection.settings_dict["TEST"]["NAME"] = own
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        _leave()
        connection.creation.destroy_test_db(old, verbosity=0)


def _leave() -> None:
    """End whatever works on it: later it would find none, and what is in use cannot be removed."""
    standing.stop()
    with suppress(DatabaseError):
        logins.writer.flush()
    if connection.vendor == "postgresql":
        # A thread of ours may just be at it, or a process whose end its server has not noticed yet.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute(SEND_AWAY)
    connections.close_all()
