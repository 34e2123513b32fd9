"""Mail to a person about what they should know of, sent behind the request and without anything secret.

A sign-in from a device not seen before, a new password, another address, a refresh token that came back
(ASVS 6.3.5 and 6.3.7, NIST SP 800-63B-4 section 4.6).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone

from accounts import conf, mail
from accounts.logins import Login

if TYPE_CHECKING:
    from accounts.models import AbstractUser


def login_started(login: UUID) -> None:
    """Tell of a sign-in from a device that this person has not used before; the first one ever is no news."""
    if conf.current().mail_notices:
        mail.send_later(partial(_new_device, login))


def password_changed(user: AbstractUser) -> None:
    """Tell of a new password."""
    _tell("notice_password", user.email)


def address_changed(old: str, new: str) -> None:
    """Tell the old address that it no longer signs in; of the new one it learns no more than the host."""
    _tell("notice_address", old, new=f"…@{new.rpartition('@')[2]}")


def token_reused(login: Login) -> None:
    """Tell of a refresh token that came back after it was spent."""
    if login.user is not None:
        _tell("notice_reuse", login.user.email, device=login.device, started_at=login.started_at)


def _tell(template: str, address: str, **about: Any) -> None:
    if conf.current().mail_notices:
        context = {"origin": conf.current().public_origin, "at": timezone.now(), **about}
        mail.send_later(partial(mail.send, template, address, context))


def _new_device(pk: UUID) -> None:
    login = Login.objects.select_related("user").filter(pk=pk).first()
    if login is None or login.user is None:
        return
    before = Login.objects.filter(user=login.user, started_at__lt=login.started_at)
    if before.exists() and not before.filter(device=login.device).exists():
        context = {
            "origin": conf.current().public_origin,
            "at": login.started_at,
            "device": login.device,
            "address": login.address,
        }
        mail.send("notice_device", login.user.email, context)
