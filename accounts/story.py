"""What has happened to one Login, newest first, in pages: for the operators' page of it.

Its own row tells how it began and ended, events tell the rest, and its flow what it remembers besides. No
more statements for a long story than for a short one, and each reads one piece of an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import models
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from accounts import flows
from accounts.events import Event
from accounts.logins import EndReason, Login

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PAGE, OTHERS = 50, 10
# Where in the order of one instant the last things come.
BEFORE_THE_END, THE_END = 2**60, 2**60 + 1
TIMEOUTS = (EndReason.IDLE_TIMEOUT, EndReason.ABSOLUTE_TIMEOUT)
# Told by the row of the Login itself.
OF_THE_ROW = frozenset({"authn_login_success", "login_ended"})

Side = tuple["StrOrPromise", "str | None", "str | None", "datetime | None"]


@dataclass(kw_only=True)
class Moment:
    """One thing that has happened, for people's eyes; `order` decides among those of one instant.

    `sides` are those who were there: what they did, address, device, and when.
    """

    at: datetime
    title: StrOrPromise
    kind: str = "event"
    until: datetime | None = None
    order: int = 0
    details: Sequence[tuple[StrOrPromise, Any]] = ()
    address: str | None = None
    device: str | None = ""
    actor: UUID | None = None
    who: str = ""
    sides: Sequence[Side] = ()
    marks: Sequence[StrOrPromise] = field(default_factory=list)
    request_id: str = ""


@dataclass(frozen=True)
class Place:
    """How far down a page has come: the instant, which source, and its order there."""

    at: datetime
    source: int
    order: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.source}~{self.order}"


def place(text: str) -> Place | None:
    """The place that is written so, or None."""
    try:
        at, source, order = text.split("~")
        found = Place(datetime.fromisoformat(at), int(source[:2]), int(order[:18]))
    except ValueError:
        return None
    return found if found.at.tzinfo is not None else None


@dataclass(frozen=True)
class Page:
    """So many moments, newest first, and where the next page begins (None at the beginning of the story)."""

    moments: Sequence[Moment]
    older: Place | None


WORDS: dict[str, StrOrPromise] = {
    "authn_step_up": _("Password entered again"),
    "authn_password_change": _("Password changed"),
    "privilege_permissions_changed": _("Rights changed"),
    "user_updated": _("Account changed"),
    "admin_action": _("An operator acted on the account"),
}
LABELS: Mapping[str, StrOrPromise] = {
    "act": _("act"),
    "added": _("given"),
    "fields": _("changed"),
    "is_active": _("active"),
    "is_staff": _("operator"),
    "is_superuser": _("every right"),
    "message": _("what"),
    "reason": _("reason"),
    "removed": _("taken away"),
}
# The flow is that of the Login; what an operator acted on is this person.
LEFT_OUT = frozenset({"flow", "model", "object"})


def page_of(login: Login, *, before: Place | None = None) -> Page:
    """A page of the story of a Login; `before` is the `older` of the page before."""
    flow = flows.get(login.flow)
    own = [*_of_the_row(login), *(flow.story(login) if flow else ())]
    told = OF_THE_ROW | (flow.tells if flow else frozenset())
    about_it = Event.objects.filter(login_id=login.pk).exclude(name__in=told)
    about_the_person = Event.objects.filter(
        user_uuid=login.user_uuid, login_id__isnull=True, at__gte=login.started_at
    )
    if login.ended_at is not None:
        about_the_person = about_the_person.filter(at__lte=login.ended_at)
    sources = [
        [moment for moment in own if before is None or _is_older(moment, before)],
        _read(about_it, before, source=1),
        _read(about_the_person, before, source=2),
    ]
    found = [(Place(one.at, number, one.order), one) for number, some in enumerate(sources) for one in some]
    found.sort(key=lambda pair: (pair[0].at, -pair[0].source, pair[0].order), reverse=True)
    moments = [moment for _place, moment in found[:PAGE]]
    _name(moments)
    return Page(moments, found[PAGE - 1][0] if len(found) > PAGE else None)


def others(login: Login) -> list[Login]:
    """The Logins of the same person that were used last, but for this one."""
    if login.user_id is None:
        return []
    theirs = Login.objects.filter(user_id=login.user_id).order_by("-seen_at")
    return [other for other in theirs[: OTHERS + 1] if other.pk != login.pk][:OTHERS]


def _of_the_row(login: Login) -> Iterable[Moment]:
    yield Moment(
        kind="start",
        at=login.started_at,
        order=-1,
        title=_("Signed in"),
        details=[(_("flow"), login.get_flow_display())],
        address=login.address,
        device=login.device,
    )
    if login.ended_at is not None:
        yield _end(login, login.ended_at)


def _end(login: Login, at: datetime) -> Moment:
    about = Event.objects.filter(login_id=login.pk, name="login_ended").first() or Event()
    last_use = [(_("last used"), _in_words(login.seen_at))] if login.end_reason in TIMEOUTS else []
    told = [
        (_("by the client"), about.detail.get("client")),
        (_("the operator's words"), about.detail.get("why")),
    ]
    return Moment(
        kind="end",
        at=at,
        order=THE_END,
        title=_("Ended"),
        details=[
            (_("reason"), login.get_end_reason_display()),
            *last_use,
            *[(label, value) for label, value in told if value],
        ],
        address=about.address,
        device=about.device,
        who=str(login.ended_by or ""),
        actor=about.actor_uuid,
        request_id=about.request_id,
    )


def _is_older(moment: Moment, than: Place) -> bool:
    return (moment.at, moment.order) < (than.at, than.order if than.source == 0 else -1)


def _read(rows: models.QuerySet[Event], before: Place | None, *, source: int) -> list[Moment]:
    if before is not None:
        rows = rows.filter(at__lte=before.at)
        if source < before.source:
            rows = rows.filter(at__lt=before.at)
        elif source == before.source:
            rows = rows.filter(models.Q(at__lt=before.at) | models.Q(pk__lt=before.order))
    return [_told(event) for event in rows.order_by("-at", "-pk")[: PAGE + 1]]


def _told(event: Event) -> Moment:
    shown = [(name, value) for name, value in event.detail.items() if name not in LEFT_OUT]
    return Moment(
        kind="rights" if event.name in ("privilege_permissions_changed", "user_updated") else "event",
        at=event.at,
        order=event.pk,
        title=WORDS.get(event.name, event.name),
        details=[(LABELS.get(name, name), _in_words(value)) for name, value in shown],
        address=event.address,
        device=event.device,
        actor=event.actor_uuid,
        request_id=event.request_id,
    )


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, datetime):
        return formats.date_format(timezone.localtime(value), "DATETIME_FORMAT")
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_in_words(one)}" for name, one in value.items())
    return ", ".join(map(_in_words, value)) if isinstance(value, list) else str(value)


def _name(moments: Sequence[Moment]) -> None:
    """Put names to whoever did something, in one statement."""
    people: Any = get_user_model()
    wanted = {moment.actor for moment in moments if moment.actor and not moment.who}
    rows = people._base_manager.filter(**{f"{people.PUBLIC_ID_FIELD}__in": wanted})
    names = {user.public_id: str(user) for user in rows}
    for moment in moments:
        if moment.actor and not moment.who:
            moment.who = names.get(moment.actor) or str(_("somebody who was deleted"))
