"""What the token flow remembers of a Login for the story that operators read: refreshes, and exchanges.

A program refreshes every few minutes for a month, nearly always from one place. So there is a row for each
stretch of refreshes from the same address with the same device, not for each refresh; the last stretch is
in the family's own row, where a refresh writes anyway
(docs/decisions/0023-refreshes-are-told-in-stretches.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import device
from accounts.device import AddressField
from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.story import BEFORE_THE_END, Moment

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tokens_stateless.models import Family

# A Login that changes its place at each refresh has no more rows than this: the newest take the oldest's.
MOST_STRETCHES = 200
LONGEST = 200
TELLS = frozenset({"authn_token_reuse"})


class Stretch(models.Model):
    """Refreshes of one family, one after the other, from one address with one device; not the last ones."""

    login = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="+", db_index=False)
    slot = models.PositiveSmallIntegerField()
    first_generation = models.PositiveBigIntegerField()
    last_generation = models.PositiveBigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    address = AddressField(null=True)
    device = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["login", "slot"], name="one_stretch_in_a_slot"),)
        verbose_name = _("stretch of refreshes")
        verbose_name_plural = _("stretches of refreshes")

    def __str__(self) -> str:
        return f"{self.first_generation}–{self.last_generation} of {self.login_id}"


class Exchange(models.Model):
    """How often, and when last, a Login was exchanged for a token for one audience at one client's wish."""

    login = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="+", db_index=False)
    client_id = models.CharField(max_length=LONGEST)
    audience = models.CharField(max_length=LONGEST)
    count = models.PositiveBigIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    address = AddressField(null=True)
    device = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["login", "client_id", "audience"], name="one_exchange_for_each"),
        )
        verbose_name = _("exchange")
        verbose_name_plural = _("exchanges")

    def __str__(self) -> str:
        return f"{self.audience} for {self.client_id}"


def advance(family: Family, request: HttpRequest) -> None:
    """Move a family on by one generation, from where this request comes; with the family's row locked.

    One statement, and one more when the place is not the last one's.
    """
    now, place = timezone.now(), (device.address(request), device.name(request))
    if family.rotated_at is None or place != (family.rotated_address, family.rotated_device):
        if family.rotated_at is not None:
            _keep([family])
            family.stretches += 1
        family.stretch_generation, family.stretch_at = family.generation + 1, now
    family.generation += 1
    family.rotated_at = now
    family.rotated_address, family.rotated_device = place
    family.save(
        update_fields=[
            "generation", "rotated_at", "rotated_address", "rotated_device",
            "stretches", "stretch_generation", "stretch_at",
        ]
    )  # fmt: skip


def keep_last(families: Iterable[Family]) -> None:
    """Write down what would go with the rows of these families; two statements at most."""
    _keep([family for family in families if family.rotated_at is not None])


def _keep(families: list[Family]) -> None:
    about = ("first_generation", "last_generation", "first_at", "last_at", "address", "device")
    Stretch.objects.bulk_create(
        [_stretch(family) for family in families],
        update_conflicts=True,
        unique_fields=["login", "slot"],
        update_fields=about,
    )


def _stretch(family: Family) -> Stretch:
    last_at: Any = family.rotated_at
    return Stretch(
        login_id=family.pk,
        slot=family.stretches % MOST_STRETCHES,
        first_generation=family.stretch_generation,
        last_generation=family.generation,
        # NULL in what was written before there were stretches.
        first_at=family.stretch_at or last_at,
        last_at=last_at,
        address=family.rotated_address,
        device=family.rotated_device,
    )


def exchanged(request: HttpRequest, login: UUID, *, client_id: str, audience: str) -> None:
    """Count an exchange; with the Login's row locked, so that of two at once neither is lost."""
    now = timezone.now()
    what = {"login_id": login, "client_id": client_id[:LONGEST], "audience": audience[:LONGEST]}
    last = {"last_at": now, "address": device.address(request), "device": device.name(request)}
    if not Exchange.objects.filter(**what).update(count=F("count") + 1, **last):
        Exchange.objects.create(**what, first_at=now, **last)


def story(login: Login) -> Iterator[Moment]:
    """The flow's `story`: stretches of refreshes, exchanges, and the replay with both its sides."""
    reuse = None
    if login.end_reason == EndReason.REFRESH_REUSED:
        reuse = Event.objects.filter(login_id=login.pk, name="authn_token_reuse").first()
    for stretch in _stretches(login):
        yield _refreshed(stretch, reuse)
    for exchange in Exchange.objects.filter(login_id=login.pk).order_by("pk"):
        yield _exchanged(exchange)
    if reuse is not None:
        yield _replayed(reuse, login.ended_at or reuse.at)


def _stretches(login: Login) -> list[Stretch]:
    kept = list(Stretch.objects.filter(login_id=login.pk).order_by("first_generation"))
    family: Any = getattr(login, "family", None)
    return [*kept, _stretch(family)] if family is not None and family.rotated_at is not None else kept


def _refreshed(stretch: Stretch, reuse: Event | None) -> Moment:
    first, last = stretch.first_generation, stretch.last_generation
    times = last - first + 1
    title = ngettext("Refreshed", "Refreshed %(count)d times", times) % {"count": times}
    generations = str(first) if first == last else f"{first}–{last}"
    marks = []
    if reuse is not None and first <= reuse.detail.get("generation", -1) <= last:
        marks.append(_("was given the token that came back"))
    if reuse is not None and first <= reuse.detail.get("current_generation", -1) <= last:
        marks.append(_("was given the current token"))
    return Moment(
        kind="refresh",
        at=stretch.first_at,
        until=stretch.last_at if times > 1 else None,
        order=first,
        title=title,
        details=[(ngettext("generation", "generations", times), generations)],
        address=stretch.address,
        device=stretch.device,
        marks=marks,
    )


def _exchanged(exchange: Exchange) -> Moment:
    title = ngettext(
        "Exchanged for a token for a third party",
        "Exchanged for tokens for a third party, %(count)d times",
        exchange.count,
    )
    return Moment(
        kind="exchange",
        at=exchange.first_at,
        until=exchange.last_at if exchange.count > 1 else None,
        order=exchange.pk,
        title=title % {"count": exchange.count},
        details=[(_("audience"), exchange.audience), (_("client"), exchange.client_id)],
        address=exchange.address,
        device=exchange.device,
    )


def _replayed(reuse: Event, ended_at: datetime) -> Moment:
    told = reuse.detail
    return Moment(
        kind="replay",
        # Both are of one transaction, and this is why the other one happened.
        at=ended_at,
        order=BEFORE_THE_END,
        title=_("A used refresh token came back"),
        details=[
            (_("generation that came"), told.get("generation")),
            (_("generation that was current"), told.get("current_generation")),
        ],
        sides=[
            (_("Came with the used token"), reuse.address, reuse.device, reuse.at),
            (
                _("Held the current token"),
                told.get("current_address"),
                told.get("current_device"),
                datetime.fromisoformat(told["current_at"]) if told.get("current_at") else None,
            ),
            (_("Had signed in"), told.get("started_address"), told.get("started_device"), None),
        ],
        request_id=reuse.request_id,
        marks=[_("replay")],
    )
