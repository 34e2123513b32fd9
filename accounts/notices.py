"""Mail to a person about what they should know of, sent behind the request and without anything secret.

A sign-in from a device not seen before, a new password, another address, a refresh token that came back
(ASVS 6.3.5 and 6.3.7, NIST SP 800-63B-4 section 4.6). Whoever is disabled is told nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils import timezone, translation

from accounts import conf, mail, places
from accounts.logins import EndReason, Login

if TYPE_CHECKING:
    from accounts.models import AbstractUser

# Of what a client can make happen as often as it likes. More would bury the one that matters.
MOST_A_DAY = 5
DAY = timedelta(days=1)


def login_started(login: UUID) -> None:
    """Tell of a sign-in from a device that this person has not used as far as the ledger goes back.

    Not of the very first one of a new account, and of five such devices within a day at most.
    """
    _later(partial(_new_device, login))


def password_changed(user: AbstractUser) -> None:
    """Tell of a new password."""
    _later(partial(_tell, "notice_password", user.pk, at=timezone.now()))


def address_changed(user: AbstractUser, *, old: str, new: str) -> None:
    """Tell both addresses which of them signs in from now on; the old one learns of the new only the host."""
    now = timezone.now()
    _later(partial(_tell, "notice_address", user.pk, to=old, at=now, new=f"…@{new.rpartition('@')[2]}"))
    _later(partial(_tell, "notice_address_new", user.pk, to=new, at=now))


def token_reused(login: Login) -> None:
    """Tell of a refresh token that came back after it was spent; of five Logins within a day at most."""
    _later(partial(_reused, login.pk, timezone.now()))


def _later(job: Callable[[], None]) -> None:
    if conf.current().mail_notices:
        mail.send_later(job)


def _tell(template: str, pk: Any, *, to: str | None = None, **about: Any) -> None:
    user = get_user_model()._base_manager.filter(pk=pk, is_active=True).first()
    if user is None:
        return
    context = {"origin": conf.current().public_origin.rstrip("/"), **about}
    # Without one of their own the language is that of the request, in which the job runs.
    with translation.override(user.language or translation.get_language()):
        if "login" in about:
            context["place"] = places.of(about["login"].address)
        mail.send(template, to or user.email, context)


def _new_device(pk: UUID) -> None:
    login = Login.objects.select_related("user").filter(pk=pk).first()
    if login is None or login.user is None:
        return
    before = Login.objects.filter(user=login.user, started_at__lt=login.started_at)
    if before.filter(device=login.device).exists():
        return
    # Where the ledger goes back further than the account, this is the first sign-in of all. Where it does
    # not, somebody comes back after a long time, or comes who only seems to be them.
    is_new = login.started_at - login.user.date_joined < conf.current().history_lifetime
    if is_new and not before.exists():
        return
    told = _new_devices(before, since=login.started_at - DAY)
    if told < MOST_A_DAY:
        is_last = told == MOST_A_DAY - 1
        _tell("notice_device", login.user.pk, at=login.started_at, login=login, is_last=is_last)


def _new_devices(before: Any, *, since: datetime) -> int:
    """How many devices of these Logins were new since this instant: each of them was told of."""
    earlier, lately = before.filter(started_at__lt=since), before.filter(started_at__gte=since)
    found = lately.exclude(device__in=earlier.values("device")).order_by()
    return len(found.values_list("device").distinct()[:MOST_A_DAY])


def _reused(pk: UUID, at: datetime) -> None:
    login = Login.objects.select_related("user").filter(pk=pk).first()
    if login is None or login.user is None:
        return
    ended = Login.objects.filter(user=login.user, end_reason=EndReason.REFRESH_REUSED)
    # This one is among them.
    if ended.filter(ended_at__gt=at - DAY, ended_at__lte=login.ended_at or at).count() <= MOST_A_DAY:
        _tell("notice_reuse", login.user.pk, at=at, login=login)
