"""Works through many rows in small transactions: nobody waits for long, and stopping loses nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

# What one transaction may take: whoever stands behind it waits so long, and on SQLite until he looks again.
# Now and then one takes ten times as long.
TARGET_SECONDS, SQLITE_TARGET_SECONDS = 0.025, 0.01
FEWEST, FIRST, MOST = 20, 100, 500
# SQLite's waiting writers look every 25 ms (and every 100 once they have waited for 128): if the lock is free
# for less, it may be taken again each time they look.
SQLITE_PAUSE_SECONDS = 0.03


class Pace:
    """How many rows the next batch takes, and how long to leave the database to others before it."""

    def __init__(self, *, most_each_second: int | None = None) -> None:
        self.size = FIRST
        # Seconds.
        self.pause = 0.0
        self._most_each_second = most_each_second

    def took(self, seconds: float, *, rows: int) -> None:
        """Learn how long a batch took: half as many rows next time at least, twice as many at most."""
        alone = connection.vendor == "sqlite"
        target = SQLITE_TARGET_SECONDS if alone else TARGET_SECONDS
        wanted = self.size * min(2.0, max(0.5, target / max(seconds, 1e-6)))
        self.size = min(MOST, max(FEWEST, int(wanted)))
        # On SQLite everybody else writes in the pauses; on PostgreSQL beside us.
        self.pause = max(SQLITE_PAUSE_SECONDS, seconds) if alone else 0.0
        if self._most_each_second:
            self.pause = max(self.pause, rows / self._most_each_second - seconds)

    def rest(self) -> None:
        """Leave the database to others."""
        time.sleep(self.pause)


def each(
    rows: QuerySet[Any],
    *,
    by: str,
    take: Callable[[list[Any]], int],
    most_each_second: int | None = None,
) -> Iterator[int]:
    """Have `take` handle the keys of these rows, in the order of the column `by`; yields what it returns.

    Each batch is a transaction of its own, between two of which the caller may stop. On PostgreSQL its rows
    are locked, and the condition holds for them; rows that others have locked are left to the next run, so
    that several may clean at once. `take` must leave none of them in `rows`.
    """
    pace, at = Pace(most_each_second=most_each_second), None
    while True:
        with transaction.atomic():
            began = time.monotonic()
            # From where the last one ended: what it has left behind in the index would be passed again.
            rest = rows if at is None else rows.filter(**{f"{by}__gte": at})
            locked = rest.order_by(by).select_for_update(skip_locked=True)
            wanted = pace.size
            found = list(locked.values_list("pk", by)[:wanted])
            count = take([pk for pk, _at in found]) if found else 0
        pace.took(time.monotonic() - began, rows=len(found))
        if found:
            yield count
        if len(found) < wanted:
            return
        at = found[-1][1]
        pace.rest()
