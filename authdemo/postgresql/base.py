"""Django's engine for PostgreSQL, with a pool that nobody waits for while the server is known to be away.

Without it each request waits until psycopg's pool gives up, so that a few visitors hold every thread, those
that would need no database among them; and a server that is there but says nothing is waited for for ever.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
PAUSE_SECONDS = 1.0


class Connection(psycopg.Connection[Any]):
    """psycopg's, which is dead when it does not answer the pool's question within a second."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """As psycopg's; a statement of nothing is how the pool asks whether the server is there."""
        if query:
            return super().execute(query, params, **options)
        try:
            with self.lock:
                self.pgconn.send_query(b"")
                self.wait(psycopg.generators.execute(self.pgconn), timeout=ANSWER_SECONDS)
        except Exception:
            # The server was restarted, or is silent. So it is for the others, and the pool would try each
            # with a pause of a second between them.
            if pool := getattr(self, "_pool", None):
                pool.drain()
            raise
        return self.cursor()


class Door:
    """The way to one server: closed for a second after it was in vain, then one may try."""

    def __init__(self) -> None:
        self.is_away = False
        self._closed_until = 0.0

    def enter(self) -> None:
        """Raises psycopg's OperationalError where there is no use in trying."""
        now = time.monotonic()
        if self.is_away and now < self._closed_until:
            raise psycopg.OperationalError("The database is away, and left alone for a moment.")
        # This one tries; the others do not wait for what it finds.
        self._closed_until = now + PAUSE_SECONDS

    def found(self, *, away: bool) -> None:
        """What came of it."""
        if away:
            self._closed_until = time.monotonic() + PAUSE_SECONDS
        if away is not self.is_away:
            logger.warning("the database %s", "does not answer" if away else "answers again")
        self.is_away = away


_doors: dict[str, Door] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with a door before the pool."""

    @property
    def pool(self) -> ConnectionPool[Any] | None:
        """Django's, of connections that answer soon or are dead."""
        pool: ConnectionPool[Any] | None = super().pool
        if pool is not None:
            pool.connection_class = Connection
        return pool

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """As Django's; OperationalError at once while the server is known to be away."""
        pool = self.pool
        if pool is None:
            return super().get_new_connection(conn_params)
        door = _doors.setdefault(self.alias, Door())
        door.enter()
        try:
            connection = super().get_new_connection(conn_params)
        except PoolTimeout:
            # A pool that has lent all it may have says nothing about the server.
            stats = pool.get_stats()
            door.found(away=stats["pool_size"] < stats["pool_max"])
            raise
        door.found(away=False)
        return connection
