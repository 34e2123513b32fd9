"""Cleaning: what has timed out is recorded as ended, and what has been over for long enough is taken away.

Nothing depends on it being run: a timeout is refused by comparison wherever it is met. Each step is a batch
of its own transaction, so that nobody waits for long and a run may be stopped at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from accounts import conf, flows, logins, throttle
from accounts.events import Event
from accounts.logins import BATCH, EndReason, Login

IDLE_GRACE = timedelta(minutes=2)


def timeouts() -> Iterator[int]:
    """End what lay idle for too long or has reached its end; yields how many, a batch at a time."""
    now = timezone.now()
    live = Login.objects.filter(ended_at__isnull=True)
    yield from _end(live.filter(expires_at__lte=now), EndReason.ABSOLUTE_TIMEOUT)
    # "Last seen" is written up to a minute late; whoever is still in use must not be ended for that.
    idle = live.filter(seen_at__lt=now - IDLE_GRACE - F("idle_timeout"))
    yield from _end(idle, EndReason.IDLE_TIMEOUT)


def _end(wanted: QuerySet[Login], reason: EndReason) -> Iterator[int]:
    while batch := list(wanted.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield logins.end(batch, reason=reason)


def history() -> Iterator[int]:
    """Take away what ended longer ago than `history_lifetime`; yields how many, a batch at a time.

    Never a Login that some copy may still vouch for: the horizon is the least that is kept.
    """
    now = timezone.now()
    before = now - max(conf.current().history_lifetime, 2 * flows.horizon())
    ended = Login.objects.filter(ended_at__lt=before).order_by("pk")
    while batch := list(ended.values_list("pk", flat=True)[:BATCH]):
        yield Login.objects.filter(pk__in=batch).remove()
    events = Event.objects.filter(at__lt=before).order_by("pk")
    while numbers := list(events.values_list("pk", flat=True)[:BATCH]):
        yield Event.objects.filter(pk__in=numbers).delete()[0]
    yield throttle.prune(now - 2 * conf.current().hard_stop_delay)
