"""A person's own Logins: which there are, a page at a time, and how their owner ends them.

The page and the API are two faces of it. Nobody else's Logins are ever asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import logout
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Least
from django.utils import timezone as clock

from accounts import carried, device, events, kinds, links, logins, mail, people, places, throttle
from accounts.errors import TooManyAttempts
from accounts.logins import IDLE_GRACE, EndReason, Login, LoginQuerySet

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser

PAGE = 50
# What has ended is shown for so long, and no more than so many at once.
LATELY = timedelta(days=30)
MOST_ENDED = 20

_FORM = re.compile(r"([0-9]{1,17})-([0-9a-f]{32})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ends: the instant of its last Login, and its id, since several may share an instant.

    As text it is both of them and no more: a place in one's own list is no secret, so it needs no signature,
    and a Login that was deleted meanwhile does not matter.
    """

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // _MICROSECOND}-{self.id.hex}"

    @classmethod
    def read(cls, text: str) -> Position | None:
        """What `str` has written; None for anything else."""
        match = _FORM.fullmatch(text)
        return cls(_EPOCH + int(match[1]) * _MICROSECOND, UUID(match[2])) if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A Login as its owner sees it; past its timeouts it has ended, even if no cleaning has written so."""

    login: Login
    current: bool
    kind: str
    place: str | None
    ended_at: datetime | None
    end_reason: str

    def get_end_reason_display(self) -> str:
        """Why it has ended, in words."""
        return str(EndReason(self.end_reason).label) if self.end_reason else ""


def own(user: Any) -> LoginQuerySet:
    """The Logins of this person, and of nobody else."""
    return Login.objects.filter(user_id=user.pk)


def page(
    rows: LoginQuerySet, *, by: str, before: Position | None = None
) -> tuple[list[Login], Position | None]:
    """The next 50 of these, the latest first `by` this column, and where they end if there are more."""
    if before:
        rest = Q(**{f"{by}__lt": before.at}) | Q(pk__lt=before.id)
        # The first condition alone is one that an index can begin with.
        rows = rows.filter(**{f"{by}__lte": before.at}).filter(rest)
    found = list(rows.order_by(f"-{by}", "-pk")[: PAGE + 1])
    if len(found) <= PAGE:
        return found, None
    last = found[PAGE - 1]
    return found[:PAGE], Position(getattr(last, by), last.pk)


def ended_lately(user: Any) -> list[Login]:
    """The last of this person's Logins that have ended, recorded or by the clock, the latest first."""
    runs_out = Least(F("expires_at"), F("seen_at") + F("idle_timeout"))
    over = own(user).over().annotate(over_at=Coalesce("ended_at", runs_out))
    return list(over.filter(over_at__gte=clock.now() - LATELY).order_by("-over_at", "-pk")[:MOST_ENDED])


def entries(some: Iterable[Login], *, current: UUID | None) -> list[Entry]:
    """How these are shown. No SQL; a place costs a look into a file."""
    now = clock.now()
    return [_entry(login, current=current, now=now) for login in some]


def _entry(login: Login, *, current: UUID | None, now: datetime) -> Entry:
    ended_at, reason = _end_of(login, now=now)
    return Entry(
        login=login,
        current=login.pk == current,
        kind=kinds.of(login.device),
        place=places.of(login.address),
        ended_at=ended_at,
        end_reason=reason,
    )


def _end_of(login: Login, *, now: datetime) -> tuple[datetime | None, str]:
    if login.ended_at is not None:
        return login.ended_at, login.end_reason
    if login.expires_at <= now:
        return login.expires_at, EndReason.ABSOLUTE_TIMEOUT.value
    idle_at = login.seen_at + login.idle_timeout
    return (idle_at, EndReason.IDLE_TIMEOUT.value) if idle_at + IDLE_GRACE < now else (None, "")


def end(request: HttpRequest, user: Any, login: Login) -> None:
    """End a Login for its owner; the one of this very session by signing out, so that the cookie goes too."""
    held = carried.get(request)
    if held and held.login_id == login.pk and held.flow == "session":
        logout(request)
    else:
        logins.end([login.pk], reason=EndReason.REVOKED_BY_OWNER, by=user, request=request)


def disown(request: HttpRequest, user: Any, login: Login) -> int:
    """Its owner says that this Login was not them: note that, and end it; returns how many were live."""
    with transaction.atomic():
        count = logins.end([login.pk], reason=EndReason.REVOKED_BY_OWNER, by=user, request=request)
        who = user.public_id
        events.record("login_disowned", request=request, login=login.pk, user=who, actor=who)
    return count


def end_others(request: HttpRequest, user: Any) -> int:
    """End all Logins of a person but the one that carries this request; returns how many."""
    return _end_all(request, user, keep=carried.login_id(request))


def leave_everywhere(request: HttpRequest, user: AbstractUser) -> tuple[int, bool]:
    """End all Logins of a person, this one too, and mail them a link for a new password.

    Asks for no password: whoever does it with a credential that was stolen loses that as well. Returns how
    many Logins have ended, and whether a mail is on its way; too many links have been asked for otherwise.
    """
    count, held = _end_all(request, user), carried.get(request)
    if held and held.flow == "session":
        # What was stored for it is gone; this gives the answer a session of nobody's, and takes the cookie.
        logout(request)
    try:
        throttle.reserve(
            account=people.email_key(user.email), address=device.address(request), purpose="link"
        )
    except TooManyAttempts:
        return count, False
    mail.send_later(partial(links.mail_reset, user.email))
    return count, True


def _end_all(request: HttpRequest, user: Any, *, keep: UUID | None = None) -> int:
    return logins.end_all(user, reason=EndReason.REVOKED_BY_OWNER, by=user, keep=keep, request=request)
