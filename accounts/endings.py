"""Acts that end everything a search finds: in small steps, stopped at any moment, and taken up by anybody.

    counted = endings.count(search, spared=own)
    ending = endings.begin(search, why="…", by=operator, spared=own, counted=counted)
    while ending.goes_on:
        ending = endings.work(ending, seconds=0.5)
    print(ending.receipt.wait(0.3))

The row says how far the act is, in the order of the ids of Logins, and commits together with the ends
themselves. Whoever dies in between has lost nothing, and nothing is counted twice.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import batches, events, fence, logins, receipt
from accounts.batches import Pace
from accounts.feed import Wanted
from accounts.logins import EndReason, Login, LoginQuerySet
from accounts.search import Search

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser
    from accounts.receipt import Receipt

LONGEST_WHY = 200
# Each process reads the ends of the last 30 s again and again (docs/decisions/0025).
MOST_ENDS_EACH_SECOND = 300
SQLITE_MOST_ENDS_EACH_SECOND = 200
# A step looks at so many rows for each that it would end.
LOOK = 10
# Whoever has not worked for so long has gone.
GONE = timedelta(seconds=10)


class Counted(NamedTuple):
    """So many Logins of so many people."""

    logins: int
    people: int


class EndingQuerySet(models.QuerySet["Ending"]):
    """Acts, newest first."""

    def unfinished(self) -> EndingQuerySet:
        """Of which something may still be left to do."""
        return self.filter(finished_at__isnull=True, dropped_at__isnull=True)


class Ending(models.Model):
    """One act that ends what a search has found."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    search = models.JSONField(_("what was looked for"))
    why = models.CharField(_("reason"), max_length=LONGEST_WHY)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,  # few rows
        related_name="+",
        verbose_name=_("begun by"),
    )
    by_uuid = models.UUIDField(_("begun by the person with this id"), null=True)
    # The Login of whoever began it.
    spared = models.UUIDField(_("spared login"), null=True)
    begun_at = models.DateTimeField(_("begun"), default=timezone.now)
    # What the confirmation said.
    logins = models.PositiveIntegerField(_("logins"))
    people = models.PositiveIntegerField(_("people"))
    # All up to this id has been looked at.
    position = models.UUIDField(null=True, editable=False)
    ended = models.PositiveIntegerField(_("ended so far"), default=0)
    # Each is an entry of the feed, by whose number receipts count.
    batches = models.PositiveIntegerField(default=0, editable=False)
    # No step before this moment, whoever takes it.
    due_at = models.DateTimeField(default=timezone.now, editable=False)
    stopped_at = models.DateTimeField(_("stopped"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    dropped_at = models.DateTimeField(_("the rest was left alone"), null=True)

    objects = EndingQuerySet.as_manager()

    class Meta:
        ordering = ("-begun_at", "-pk")
        default_permissions = ()  # those of Logins
        verbose_name = _("ending of many logins")
        verbose_name_plural = _("endings of many logins")

    def __str__(self) -> str:
        return f"{self.begun_at:%Y-%m-%d %H:%M:%S} · {self.why}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be ended."""
        return self.finished_at is not None or self.dropped_at is not None

    @property
    def goes_on(self) -> bool:
        """Whether `work` would do something: neither over nor stopped."""
        return not self.is_over and self.stopped_at is None

    @property
    def is_abandoned(self) -> bool:
        """Whether something is left to do, and nobody does it."""
        return not self.is_over and (self.stopped_at is not None or timezone.now() - self.due_at > GONE)

    @property
    def share(self) -> float:
        """How much has been looked at, from 0 to 1. Ids are random, so that nobody needs to count."""
        if self.finished_at is not None:
            return 1.0
        return self.position.int / 2**128 if self.position else 0.0

    @property
    def wanted(self) -> Search:
        """What is looked for."""
        return Search.read(self.search)

    @property
    def receipt(self) -> Receipt:
        """The receipt of all that this act has ended, by whomever and after whatever interruption."""
        return receipt.Receipt(self._told())

    def _told(self) -> Wanted:
        count = self.ended
        return Wanted(key=self.pk.bytes, published=count, committed=count, pushed=count, entries=self.batches)


def spared(search: Search, own: uuid.UUID | None) -> uuid.UUID | None:
    """The operator's own Login, unless that is what they look for by its id."""
    return None if search.login == own else own


def count(search: Search, *, spared: uuid.UUID | None = None) -> Counted:
    """How many Logins of how many people an act would end now; exact, in one statement."""
    found = _left(search, spared=spared).aggregate(
        logins=Count("pk"), people=Count("user_uuid", distinct=True)
    )
    return Counted(**found)


def _left(search: Search, *, spared: uuid.UUID | None) -> LoginQuerySet:
    return search.matching().filter(_condition(search, spared=spared))


def _condition(search: Search, *, spared: uuid.UUID | None) -> models.Q:
    """Besides what is looked for: nobody chases those who sign in while it is worked on."""
    held = models.Q(ended_at__isnull=True, started_at__lte=search.at)
    return held if spared is None else held & ~models.Q(pk=spared)


def begin(
    search: Search,
    *,
    why: str,
    by: AbstractUser | None,
    spared: uuid.UUID | None,
    counted: Counted,
    key: uuid.UUID | None = None,
    request: HttpRequest | None = None,
) -> Ending:
    """Write down what is to be ended; nothing has ended yet. ValueError for no reason or a long one.

    Under the same `key` an act begins once: IntegrityError for the second time.
    """
    if not 0 < len(why.strip()) <= LONGEST_WHY:
        raise ValueError(f"a reason of 1 to {LONGEST_WHY} characters")
    with transaction.atomic():
        ending = Ending.objects.create(
            id=key or uuid.uuid4(),
            search=search.values(),
            why=why.strip(),
            by_id=by.pk if by else None,
            by_uuid=by.public_id if by else None,
            spared=spared,
            logins=counted.logins,
            people=counted.people,
        )
        about = _about(ending, by=by)
        events.record("ending_begun", request=request, **about, logins=counted.logins, people=counted.people)
    return ending


def unfinished() -> EndingQuerySet:
    """Acts of which something may be left to do, newest first."""
    return Ending.objects.unfinished()


def stop(ending: Ending, *, by: AbstractUser | None = None, request: HttpRequest | None = None) -> Ending:
    """Have everybody stop who works on it, after the step that has begun, until it is taken up again."""
    with transaction.atomic():
        fresh = _locked(ending)
        if fresh.goes_on:
            fresh.stopped_at = timezone.now()
            fresh.save(update_fields=["stopped_at"])
            events.record("ending_stopped", request=request, **_about(fresh, by=by))
    return fresh


def take_up(ending: Ending, *, by: AbstractUser | None = None, request: HttpRequest | None = None) -> Ending:
    """Go on with what was stopped, or what nobody works on any more; else nothing is written."""
    with transaction.atomic():
        fresh = _locked(ending)
        if fresh.is_abandoned:
            fresh.stopped_at, fresh.due_at = None, timezone.now()
            fresh.save(update_fields=["stopped_at", "due_at"])
            events.record("ending_taken_up", request=request, **_about(fresh, by=by))
    return fresh


def drop(ending: Ending, *, by: AbstractUser | None = None, request: HttpRequest | None = None) -> Ending:
    """Leave the rest alone, for good; what has ended stays so."""
    with transaction.atomic():
        fresh = _locked(ending)
        if not fresh.is_over:
            fresh.dropped_at = timezone.now()
            fresh.save(update_fields=["dropped_at"])
            events.record("ending_dropped", request=request, **_about(fresh, by=by))
    return fresh


def work(ending: Ending, *, seconds: float, request: HttpRequest | None = None) -> Ending:
    """End for about so long, one step at least, and return the row as it is then.

    Each step is a transaction of its own, so this cannot be part of one. Several may work at once: a step
    locks the row first, and all together keep the pace that disturbs nobody. Does nothing once it is over or
    stopped.
    """
    until = time.monotonic() + seconds
    pace = Pace(most_each_second=_most_each_second())
    fresh = Ending.objects.get(pk=ending.pk)
    while fresh.goes_on:
        # Another host's clock may be wrong; nobody waits long for that.
        time.sleep(min(max((fresh.due_at - timezone.now()).total_seconds(), 0.0), 1.0))
        fresh = _step(fresh, pace, request=request)
        if time.monotonic() >= until:
            break
    return fresh


def _most_each_second() -> int:
    return SQLITE_MOST_ENDS_EACH_SECOND if connection.vendor == "sqlite" else MOST_ENDS_EACH_SECOND


class _Found(NamedTuple):
    ids: list[uuid.UUID]
    # Up to where all has been looked at; None for to the end.
    up_to: uuid.UUID | None


def _step(seen: Ending, pace: Pace, *, request: HttpRequest | None) -> Ending:
    """One batch, from where the act is; nothing if somebody else has done that meanwhile."""
    began = time.monotonic()
    # Before the lock: SQLite has but one, and whoever looks needs none.
    found = _look(seen, most=pace.size)
    with transaction.atomic(durable=True):
        fresh = _locked(seen)
        if fresh.position != seen.position or not fresh.goes_on:
            return fresh
        ended = _end(fresh, found.ids, request=request)
        fresh.position, fresh.ended = found.up_to, fresh.ended + ended
        fresh.batches += bool(ended)
        pace.took(time.monotonic() - began, rows=ended)
        fresh.due_at = timezone.now() + timedelta(seconds=pace.pause)
        if found.up_to is None:
            fresh.finished_at = timezone.now()
            events.record("ending_finished", request=request, **_about(fresh))
        fresh.save(update_fields=["position", "ended", "batches", "due_at", "finished_at"])
    return fresh


def _look(ending: Ending, *, most: int) -> _Found:
    """The next Logins to be ended, of a bounded number of rows."""
    search, after = ending.wanted, ending.position
    if after is None and ending.logins <= batches.MOST:
        # Few have an index that finds them; nobody walks through a million for these.
        few = _left(search, spared=ending.spared).values_list("pk", flat=True)
        if len(ids := list(few[: batches.MOST + 1])) <= batches.MOST:
            return _Found(ids, None)
    in_order = Login._base_manager.order_by("pk")
    if after is not None:
        in_order = in_order.filter(pk__gt=after)
    rows = LOOK * most
    last = in_order.values_list("pk", flat=True)[rows - 1 : rows].first()
    if last is not None:
        in_order = in_order.filter(pk__lte=last)
    # Both ends are fixed; the limit only keeps the question to these rows. Some may have come in between.
    wanted = fence.over(Login, [in_order], limit=2 * rows).filter(
        search.condition(), _condition(search, spared=ending.spared)
    )
    ids = list(wanted.order_by("pk").values_list("pk", flat=True)[:most])
    return _Found(ids, ids[-1] if len(ids) == most else last)


def _end(ending: Ending, ids: list[uuid.UUID], *, request: HttpRequest | None) -> int:
    about: dict[str, Any] = {"ending": str(ending.pk), "why": ending.why}
    with receipt.going_on(ending._told()):
        return logins.end(
            ids,
            reason=EndReason.REVOKED_BY_OPERATOR,
            by=ending.by,
            request=request,
            **about,
        )


def _locked(ending: Ending) -> Ending:
    return Ending.objects.select_for_update(of=("self",)).select_related("by").get(pk=ending.pk)


def _about(ending: Ending, *, by: AbstractUser | None = None) -> dict[str, Any]:
    actor = by.public_id if by else None
    return {"actor": actor, "ending": str(ending.pk), "why": ending.why, "ended": ending.ended}


def history(before: datetime) -> EndingQuerySet:
    """Acts that were over before this moment; for cleaning."""
    return Ending.objects.filter(
        models.Q(finished_at__lt=before) | models.Q(dropped_at__lt=before), begun_at__lt=before
    )
