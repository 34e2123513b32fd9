"""What happens, as it happens: reads the ledger's events again and again, each once, and misses none.

Rows become visible in the order of commits, and an event has the instant of its writing. So, as in
accounts/reader.py, each read reaches back to before the oldest transaction that was still writing when the
one before began, and 30 s further, by which the clocks of two hosts may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Value
from django.utils import timezone

from accounts.events import Event
from accounts.fence import After
from accounts.reader import OLDEST_WRITER, OVERLAP

PIECE = 500
# So far back where another role hides since when it has been writing.
HIDDEN = timedelta(minutes=10)


class Tail:
    """Where somebody has come who reads on.

    Wanted are the events that carry an instant from `since` on; without it, those that become visible from
    the first read on.
    """

    def __init__(self, since: datetime | None = None) -> None:
        self._since = self._mark = since
        self._read: dict[int, datetime] = {}

    def new(self) -> Iterator[list[Event]]:
        """What has come since the last time, in pieces, in the order of their instants.

        Costs two statements where nothing has happened. Whoever fails with a piece is given it again the next
        time, and nothing else twice.
        """
        settled = _settled()
        is_first, mark = self._mark is None, self._mark or settled
        start = mark - OVERLAP
        place = (max(start, self._since) if self._since else start, 0)
        while there := _from(place):
            place = there[-1]
            unread = [pk for _at, pk in there if pk not in self._read]
            if unread and not is_first:
                yield list(Event.objects.filter(pk__in=unread).order_by("at", "pk"))
            self._read.update((pk, at) for at, pk in there)
            if not is_first:
                self._go_on(max(mark, min(place[0], settled)))
        self._go_on(max(mark, settled))

    def _go_on(self, mark: datetime) -> None:
        self._mark = mark
        self._read = {pk: at for pk, at in self._read.items() if at >= mark - OVERLAP}


def _from(place: tuple[datetime, int]) -> list[tuple[datetime, int]]:
    """The instants and ids behind a place, from an index alone: most of these were read before."""
    fields: Any = [Event._meta.get_field("at"), Event._meta.pk]
    values = [Value(value, output_field=field) for value, field in zip(place, fields, strict=True)]
    behind = Event.objects.filter(After(F("at"), F("pk"), *values))
    return list(behind.order_by("at", "pk").values_list("at", "pk")[:PIECE])


def _settled() -> datetime:
    """The instant before which everything that will ever be visible is visible."""
    if connection.vendor == "sqlite":
        # Writers stand in line, and take the instant while they hold the lock.
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_WRITER)
        now, oldest, is_hidden = cursor.fetchone()
    settled: datetime = min(oldest, now - HIDDEN) if is_hidden else oldest
    return settled
