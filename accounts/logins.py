"""The ledger: one row per Login, and its verbs start, seen and end.

The row is the truth. Whatever a flow hands out only carries its id, and ending it is one UPDATE of one row.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest, Least, Now
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import behind, conf, device, events, feed, flows
from accounts.device import AddressField
from accounts.errors import InvalidCredentials, TooManyLogins

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser

BATCH = 500
# "Last seen" is written up to a minute late, and the flows have a minute's patience.
IDLE_GRACE = timedelta(minutes=2)

# Sent with the id as `login`, once the row of a new Login was committed.
started = Signal()
NEVER_SAVED = frozenset({"ended_at", "end_reason", "ended_by", "ended_by_id", "changed_at", "copy_version"})


class EndReason(models.TextChoices):
    """Why a Login has ended."""

    LOGOUT = "logout", _("signed out")
    REPLACED = "replaced", _("another sign-in took its place in the same browser")
    REVOKED_BY_OWNER = "revoked_by_owner", _("ended by its owner")
    REVOKED_BY_OPERATOR = "revoked_by_operator", _("ended by an operator")
    PASSWORD_CHANGED = "password_changed", _("the password was changed")
    ACCOUNT_DISABLED = "account_disabled", _("the account was disabled")
    ACCOUNT_DELETED = "account_deleted", _("the account was deleted")
    IDLE_TIMEOUT = "idle_timeout", _("not used for too long")
    ABSOLUTE_TIMEOUT = "absolute_timeout", _("reached the end of its life")
    REFRESH_REUSED = "refresh_reused", _("a used refresh token came back")
    OVER_LIMIT = "over_limit", _("too many logins")


class LoginQuerySet(models.QuerySet["Login"]):
    """Logins are ended, not deleted: a row must outlive every copy that still vouches for it."""

    def live(self) -> LoginQuerySet:
        """Logins that have not ended and whose life is not over."""
        return self.filter(ended_at__isnull=True, expires_at__gt=timezone.now())

    def usable(self) -> LoginQuerySet:
        """Live ones that have not lain idle for too long either: those with which a request might get in."""
        return self.live().filter(seen_at__gte=timezone.now() - IDLE_GRACE - F("idle_timeout"))

    def over(self) -> LoginQuerySet:
        """What `usable` leaves out: those that have ended, or would be found to have by the clock."""
        now = timezone.now()
        idle = models.Q(seen_at__lt=now - IDLE_GRACE - F("idle_timeout"))
        return self.filter(models.Q(ended_at__isnull=False) | models.Q(expires_at__lte=now) | idle)

    def delete(self) -> tuple[int, dict[str, int]]:
        """End them instead; only `prune` takes rows away, once nothing can vouch for them any more."""
        ended = end(self.values_list("pk", flat=True), reason=EndReason.REVOKED_BY_OPERATOR)
        return ended, {}

    def remove(self) -> int:
        """Take the rows away; for cleaning alone."""
        return super().delete()[0]


class Login(models.Model):
    """One person, on one device, through one flow, from sign-in to its end."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,  # `login_user_seen` begins with it
        related_name="logins",
        verbose_name=_("person"),
    )
    user_uuid = models.UUIDField(_("person's id"))
    flow = models.CharField(_("flow"), max_length=20)
    device = models.CharField(_("device"), max_length=80)
    address = AddressField(_("address"), null=True)
    started_at = models.DateTimeField(_("started"))
    seen_at = models.DateTimeField(_("last seen"))
    idle_timeout = models.DurationField(_("idle timeout"))
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    end_reason = models.CharField(_("end reason"), max_length=24, choices=EndReason.choices, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,  # of few rows, see `login_ended_by`
        related_name="+",
        verbose_name=_("ended by"),
    )
    changed_at = models.DateTimeField(null=True, editable=False)
    # Copies of what carries it that are older are refused; written only where they cannot be reached.
    copy_version = models.PositiveBigIntegerField(default=0, editable=False)

    objects = LoginQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-pk")
        indexes = (
            models.Index(
                fields=["changed_at", "id"],
                name="login_changed",
                condition=models.Q(changed_at__isnull=False),
            ),
            # Both for cleaning, which looks for what has timed out among the live ones, and for lists.
            models.Index(
                fields=["expires_at", "id"],
                name="login_live_expires",
                condition=models.Q(ended_at__isnull=True),
            ),
            models.Index(
                fields=["idle_timeout", "seen_at", "id"],
                name="login_live_seen",
                condition=models.Q(ended_at__isnull=True),
            ),
            models.Index(fields=["user", "-seen_at", "started_at", "id"], name="login_user_seen"),
            # From here on for lists (accounts/listing.py). Those of the ended alone cost nothing until then.
            models.Index(
                fields=["flow", "started_at", "id"],
                name="login_live_started",
                condition=models.Q(ended_at__isnull=True),
            ),
            models.Index(
                fields=["flow", "started_at", "id"],
                name="login_ended_started",
                condition=models.Q(ended_at__isnull=False),
            ),
            models.Index(
                fields=["end_reason", "started_at", "id"],
                name="login_end_reason",
                condition=models.Q(ended_at__isnull=False),
            ),
            models.Index(fields=["address", "started_at", "id"], name="login_address"),
            models.Index(
                fields=["ended_by"], name="login_ended_by", condition=models.Q(ended_by__isnull=False)
            ),
        )
        permissions = (("end_login", _("Can end logins")),)
        verbose_name = _("login")
        verbose_name_plural = _("logins")

    def __str__(self) -> str:
        return f"{self.get_flow_display()} · {device.in_words(self.device)}"

    def save(
        self,
        *,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """As Django's, but an end is written by `end` alone: no stale copy revives a Login."""
        if not self._state.adding:
            names = self._columns() if update_fields is None else set(update_fields)
            update_fields = names - NEVER_SAVED
        super().save(
            force_insert=force_insert, force_update=force_update, using=using, update_fields=update_fields
        )

    def _columns(self) -> set[str]:
        loaded = self.__dict__
        return {field.name for field in self._meta.concrete_fields if field.attname in loaded} - {"id"}

    def get_flow_display(self) -> str:
        """The flow's label, or its bare name when its app is gone."""
        flow = flows.get(self.flow)
        return str(flow.label) if flow else self.flow

    @property
    def is_live(self) -> bool:
        """Neither ended nor past its absolute end; idle time is judged by the flow that carries it."""
        return self.ended_at is None and self.expires_at > timezone.now()

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        """End it instead, as `LoginQuerySet.delete` does."""
        return end([self.pk], reason=EndReason.REVOKED_BY_OPERATOR), {}


def start(
    request: HttpRequest,
    user: AbstractUser,
    *,
    flow: str,
    idle_timeout: timedelta,
    absolute_timeout: timedelta,
) -> Login:
    """Write the Login of a person whose credentials have just been verified.

    One transaction, and the person's row first: a password changed, or an account disabled, since `user` was
    read raises InvalidCredentials. Else a sign-in with the old password could commit after "end all". Whoever
    has `login_limit` Logins already makes room, or is refused with TooManyLogins; an operator's timeouts are
    no longer than the flow's `staff_limits`.
    """
    now = timezone.now()
    with transaction.atomic():
        if _lock(user, at=now):
            idle_timeout, absolute_timeout = _as_staff(flow, idle_timeout, absolute_timeout)
        _make_room(user, request=request)
        login = Login.objects.create(
            user_id=user.pk,
            user_uuid=user.public_id,
            flow=flow,
            device=device.name(request),
            address=device.address(request),
            started_at=now,
            seen_at=now,
            idle_timeout=idle_timeout,
            expires_at=now + absolute_timeout,
        )
        events.record(
            "authn_login_success",
            request=request,
            login=login.pk,
            user=user.public_id,
            actor=user.public_id,
            flow=flow,
        )
        transaction.on_commit(partial(started.send_robust, sender=Login, login=login.pk), robust=True)
    return login


def _lock(user: AbstractUser, *, at: datetime) -> bool:
    """Keep every other sign-in of this person waiting until the transaction ends; whether they are staff."""
    people = get_user_model()._base_manager.filter(pk=user.pk, is_active=True, stamp=user.stamp)
    if people.filter(is_staff=user.is_staff).update(last_login=at):
        return user.is_staff
    # Somebody has become an operator, or no longer is one, since the password was verified.
    if people.update(last_login=at):
        return True
    raise InvalidCredentials


def _as_staff(flow: str, idle: timedelta, absolute: timedelta) -> tuple[timedelta, timedelta]:
    found = flows.get(flow)
    if found is None or found.staff_limits is None:
        return idle, absolute
    most_idle, most = found.staff_limits()
    return min(idle, most_idle), min(absolute, most)


def _make_room(user: AbstractUser, *, request: HttpRequest) -> None:
    """Under the lock of the person's row, so that of two sign-ins at once the second counts the first."""
    chosen = conf.current()
    if chosen.login_limit is None:
        return
    mine = Login.objects.usable().filter(user_id=user.pk).order_by("seen_at", "started_at", "pk")
    oldest_first = list(mine.values_list("pk", flat=True))
    over = len(oldest_first) + 1 - chosen.login_limit
    if over <= 0:
        return
    if chosen.over_limit == "refuse":
        # A line of the log and no row: whoever calls rolls back what is written here.
        events.note("authn_login_over_limit", request=request, user=user.public_id, live=len(oldest_first))
        raise TooManyLogins
    end(oldest_first[:over], reason=EndReason.OVER_LIMIT, request=request)


def shorten_for_staff(users: Iterable[AbstractUser]) -> None:
    """Bring the Logins of people who have just become operators within the flows' limits for these.

    Called with their rows locked. A Login that lay idle, or has lived, for longer than that is over.
    """
    theirs = Login.objects.filter(user_id__in=[user.pk for user in users], ended_at__isnull=True)
    # All first, in the order in which an end locks them.
    ids = list(theirs.order_by("pk").select_for_update().values_list("pk", flat=True))
    for flow in flows.registered():
        if flow.staff_limits is not None:
            idle, absolute = flow.staff_limits()
            Login.objects.filter(pk__in=ids, flow=flow.name).update(
                idle_timeout=Least(F("idle_timeout"), Value(idle, output_field=models.DurationField())),
                expires_at=Least(F("expires_at"), F("started_at") + absolute),
            )


def outdate(login: uuid.UUID, *, version: int) -> None:
    """Have every copy of what carries this Login refused that is older than `version`, here and elsewhere.

    For a change that could not reach the copies; inside its transaction, and before the flow's row is locked.
    Who comes late with an older version takes nothing back.
    """
    newest = Greatest(F("copy_version"), Value(version))
    Login.objects.filter(pk=login).update(copy_version=newest, changed_at=Now())
    feed.publish(changed=[(login, version)])


def _pieces(ids: Iterable[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    rest = iter(sorted(set(ids)))
    while piece := list(islice(rest, BATCH)):
        yield piece


def end(
    logins: Iterable[uuid.UUID],
    *,
    reason: EndReason,
    by: AbstractUser | None = None,
    request: HttpRequest | None = None,
    **detail: Any,
) -> int:
    """End these Logins and kill what carries them; returns how many were live. Ending an ended one is fine.

    Each piece of 500 is one transaction that locks the rows in the order of their ids, stamps them with the
    database's clock, has the flows kill what they hold, and publishes the news after the commit.
    """
    return sum(
        _end_piece(piece, reason=reason, by=by, request=request, detail=detail) for piece in _pieces(logins)
    )


def _end_piece(
    piece: list[uuid.UUID],
    *,
    reason: EndReason,
    by: AbstractUser | None,
    request: HttpRequest | None,
    detail: dict[str, Any],
) -> int:
    with transaction.atomic():
        locked = Login.objects.select_for_update(of=("self",)).filter(pk__in=piece, ended_at__isnull=True)
        rows = list(locked.order_by("pk").values_list("pk", "flow", "user_uuid"))
        ids = [pk for pk, _flow, _user in rows]
        Login.objects.filter(pk__in=ids).update(
            ended_at=Now(), changed_at=Now(), end_reason=reason, ended_by_id=by.pk if by else None
        )
        for name in sorted({flow for _pk, flow, _user in rows}):
            if flow := flows.get(name):
                flow.end([pk for pk, of, _user in rows if of == name])
        # Before the events: after the commit all is told in this order, and log lines take their time.
        feed.publish(ended=ids)
        told = {"actor": by.public_id if by else None, "reason": reason.value, **detail}
        about = [{"login": pk, "user": user, "flow": name, **told} for pk, name, user in rows]
        events.record_each("login_ended", about, request=request)
    return len(ids)


def end_all(
    user: AbstractUser,
    *,
    reason: EndReason,
    by: AbstractUser | None = None,
    keep: uuid.UUID | Collection[uuid.UUID] | None = None,
    request: HttpRequest | None = None,
) -> int:
    """End every live Login of a person, sparing `keep` (one or several); returns how many.

    The person's row is locked first, so that a sign-in which is under way is either seen here or comes after.
    """
    return end_all_of([user], reason=reason, by=by, keep=keep, request=request)


def end_all_of(
    users: Iterable[AbstractUser],
    *,
    reason: EndReason,
    by: AbstractUser | None = None,
    keep: uuid.UUID | Collection[uuid.UUID] | None = None,
    request: HttpRequest | None = None,
) -> int:
    """As `end_all`, for several people in one transaction."""
    ids = [user.pk for user in users]
    with transaction.atomic():
        people = get_user_model()._base_manager.filter(pk__in=ids).order_by("pk")
        list(people.select_for_update(no_key=True).values_list("pk", flat=True))
        theirs = Login.objects.filter(user_id__in=ids, ended_at__isnull=True)
        if keep:
            theirs = theirs.exclude(pk__in=[keep] if isinstance(keep, uuid.UUID) else keep)
        return end(list(theirs.values_list("pk", flat=True)), reason=reason, by=by, request=request)


def _write_seen(ids: Collection[uuid.UUID]) -> None:
    for piece in _pieces(ids):
        now = timezone.now()
        with transaction.atomic():
            due = Login.objects.filter(
                pk__in=piece, ended_at__isnull=True, seen_at__lt=now - conf.current().seen_interval
            ).order_by("pk")
            if connection.features.has_select_for_update_skip_locked:
                # Whoever holds a row is ending or refreshing it, which tells more than "seen".
                due = due.select_for_update(skip_locked=True)
            written = list(due.values_list("pk", "flow"))
            Login.objects.filter(pk__in=[pk for pk, _flow in written]).update(seen_at=now)
        for name in sorted({of for _pk, of in written}):
            if flow := flows.get(name):
                flow.seen([pk for pk, of in written if of == name])


writer: behind.Writer[uuid.UUID] = behind.Writer(_write_seen)


def seen(login: uuid.UUID, *, last: datetime) -> None:
    """Have this use of a Login written behind the request, unless its `last` known one is recent."""
    if timezone.now() - last >= conf.current().seen_interval:
        writer.put(login)


_next_put: dict[int, float] = {}
MOST_NEXT_PUT = 100_000


def seen_by_token(login: uuid.UUID, now: float) -> None:
    """As `seen`, for a flow that carries no "last seen": this process knows when the next write is due.

    `now` is in seconds since 1970.
    """
    if now < _next_put.get(login.int, 0.0):
        return
    if len(_next_put) >= MOST_NEXT_PUT:
        _next_put.clear()
    _next_put[login.int] = now + conf.current().seen_interval.total_seconds()
    writer.put(login)
