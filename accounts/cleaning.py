"""Cleaning: what has timed out is recorded as ended, and what has been over for long enough is taken away.

Nothing depends on it being run: a timeout is refused by comparison wherever it is met. Each step is a batch
of its own transaction (accounts/batches.py), so that nobody waits for long and a run may be stopped at any
moment. Locks are taken in the house's order: Logins first, then what carries them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from accounts import batches, conf, endings, flows, logins, throttle
from accounts.events import Event
from accounts.logins import EndReason, Login

# Each process reads the ends of the last 30 s again and again (accounts/reader.py).
MOST_ENDS_EACH_SECOND: int | None = 100


class Step(NamedTuple):
    """One kind of rows: what has been done to them when all is over, and the batches that do it."""

    done: str
    batches: Iterator[int]


def steps() -> Iterator[Step]:
    """All that there is to clean, in order; each step yields the number of its rows, a batch at a time."""
    yield Step("logins had timed out and are recorded as ended", timeouts())
    yield Step("rows of history were deleted", history())
    for flow in flows.registered():
        yield Step(f"expired carriers of the {flow.name} flow were deleted", iter(flow.clean()))


def timeouts() -> Iterator[int]:
    """End what has reached its end or lay idle for too long; yields how many, a batch at a time.

    In an order in which an index has them: a Login that has done both ends as the former.
    """
    now = timezone.now()
    live = Login.objects.filter(ended_at__isnull=True)
    over = live.filter(expires_at__lte=now)
    yield from _end(over, by="expires_at", reason=EndReason.ABSOLUTE_TIMEOUT)
    for idle_timeout in _idle_timeouts(live):
        # "Last seen" is written up to a minute late; whoever is still in use must not be ended for that.
        idle = live.filter(idle_timeout=idle_timeout, seen_at__lt=now - logins.IDLE_GRACE - idle_timeout)
        yield from _end(idle, by="seen_at", reason=EndReason.IDLE_TIMEOUT)


def _idle_timeouts(live: QuerySet[Login]) -> Iterator[timedelta]:
    """The few different ones there are, one look into the index for each."""
    last = timedelta(microseconds=-1)
    in_order = live.order_by("idle_timeout").values_list("idle_timeout", flat=True)
    while (following := in_order.filter(idle_timeout__gt=last).first()) is not None:
        yield following
        last = following


def _end(wanted: QuerySet[Login], *, by: str, reason: EndReason) -> Iterator[int]:
    def end(ids: list[Any]) -> int:
        return logins.end(ids, reason=reason)

    return batches.each(wanted, by=by, take=end, most_each_second=MOST_ENDS_EACH_SECOND)


def history() -> Iterator[int]:
    """Take away what ended longer ago than `history_lifetime`; yields how many, a batch at a time.

    Never a Login that some copy may still vouch for: twice the horizon is the least that is kept.
    """
    now = timezone.now()
    before = now - max(conf.current().history_lifetime, 2 * flows.horizon())
    # Whatever ends a Login stamps it in the same statement, and by the stamp there is an index.
    ended = Login.objects.filter(ended_at__lt=before, changed_at__lt=before)
    yield from batches.each(ended, by="changed_at", take=lambda ids: ended.filter(pk__in=ids).remove())
    events = Event.objects.filter(at__lt=before)
    yield from batches.each(events, by="at", take=lambda ids: events.filter(pk__in=ids).delete()[0])
    acts = endings.history(before)
    yield from batches.each(acts, by="begun_at", take=lambda ids: acts.filter(pk__in=ids).delete()[0])
    yield from throttle.prune(now - 2 * conf.current().hard_stop_delay)
