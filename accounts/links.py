"""The links that are mailed: good for an hour at most, good once, built on the configured origin alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.encoding import force_bytes
from django.utils.http import base36_to_int, urlsafe_base64_encode

from accounts import conf, mac, mail, people

if TYPE_CHECKING:
    from accounts.models import AbstractUser

SIGN_UP = "accounts.signup"


class ResetTokens(PasswordResetTokenGenerator):
    """Django's generator over the stamp: a new password or address kills the link.

    A sign-in does not, as it would with Django's: whoever knows the old password could sign in again and
    again, and its owner would never get a new one.
    """

    key_salt = "accounts.reset"

    def check_token(self, user: Any, token: str | None) -> bool:
        """As Django's, and never after `link_lifetime`, however long PASSWORD_RESET_TIMEOUT may be."""
        return bool(token) and super().check_token(user, token) and self.is_young(token)

    def is_young(self, token: str | None) -> bool:
        """Whether what begins with this instant was made within `link_lifetime`."""
        try:
            age = self._num_seconds(self._now()) - base36_to_int(str(token).partition("-")[0])
        except ValueError:
            return False
        return bool(0 <= age <= conf.current().link_lifetime.total_seconds())

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        user.refresh_from_db(fields=["stamp", "email_key", "is_active"])
        return f"{user.pk}{user.stamp}{user.email_key}{user.is_active}{timestamp}"


class OpenedResets:
    """What a session remembers of a reset link that was opened in it: as good, but no link itself."""

    def make_token(self, user: Any, token: str) -> str:
        """For a person and a token that has just been found good."""
        instant = token.partition("-")[0]
        return f"{instant}-{self._mac(user, instant).hex()}"

    def check_token(self, user: Any, opened: object) -> bool:
        """Whether this was made for the person as they are now, from a link that is still young."""
        instant, _dash, given = str(opened).partition("-")
        if not reset_tokens.is_young(instant):
            return False
        return constant_time_compare(given, self._mac(user, instant).hex())

    def _mac(self, user: Any, instant: str) -> bytes:
        return mac.mac("opened reset", reset_tokens._make_hash_value(user, base36_to_int(instant)).encode())


reset_tokens = ResetTokens()
opened_resets = OpenedResets()


def signup_token(email: str) -> str:
    """A token that says: whoever holds this reads the mail of `email`."""
    return signing.dumps(people.normalize_email(email), salt=SIGN_UP)


def open_signup(token: str) -> dict[str, Any] | None:
    """What a session remembers of a sign-up link that was opened in it; None when it is forged or too old."""
    lifetime = conf.current().link_lifetime
    try:
        email: str = signing.loads(token, salt=SIGN_UP, max_age=lifetime)
    except signing.BadSignature:
        return None
    # The instant of the link itself: opening it late does not prolong it.
    made = signing.b62_decode(token.rsplit(":", 2)[1])
    return {"email": email, "until": made + lifetime.total_seconds()}


def signing_up(opened: dict[str, Any] | None) -> str | None:
    """The address that an opened link may still make an account for, or None."""
    if opened is None or opened["until"] < time.time():
        return None
    email: str = opened["email"]
    taken = get_user_model()._base_manager.filter(email_key=people.email_key(email)).exists()
    return None if taken else email


def absolute(path: str) -> str:
    """A path on the public origin; the Host header has no say."""
    return conf.current().public_origin.rstrip("/") + path


def mail_signup(email: str) -> None:
    """Mail the next step of a sign-up: a link for a new address, a hint for one that has an account.

    Looks the address up, so call it behind the request.
    """
    minutes = int(conf.current().link_lifetime.total_seconds() // 60)
    about = {"minutes": minutes, "origin": conf.current().public_origin, "email": email}
    if get_user_model()._base_manager.filter(email_key=people.email_key(email)).exists():
        link = absolute(reverse("password-reset"))
        mail.send("already", to=email, context={**about, "link": link})
    else:
        link = absolute(reverse("signup-confirm", args=[signup_token(email)]))
        mail.send("signup", to=email, context={**about, "link": link})


def mail_reset(email: str) -> None:
    """Mail a link for a new password, if this address has an active account. Call it behind the request."""
    user = get_user_model()._base_manager.filter(email_key=people.email_key(email), is_active=True).first()
    if user is not None:
        mail.send("password_reset", to=user.email, context=_reset_context(user))


def _reset_context(user: AbstractUser) -> dict[str, Any]:
    minutes = int(conf.current().link_lifetime.total_seconds() // 60)
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = reset_tokens.make_token(user)  # type: ignore[arg-type]
    link = absolute(reverse("password-reset-confirm", args=[uid, token]))
    return {"minutes": minutes, "origin": conf.current().public_origin, "email": user.email, "link": link}
