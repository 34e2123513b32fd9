"""The one place where a password is checked or changed; every door leads here, with the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import conf, device, events, people, throttle
from accounts.errors import InvalidCredentials, TooManyAttempts

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser


# All variables, of what is called from here too: an error report names a password differently in each frame.
@sensitive_variables()
def verify(request: HttpRequest | None, *, email: str, password: str) -> AbstractUser:
    """The person of this address and password, through Django's authentication backends.

    Raises InvalidCredentials (unknown, wrong and disabled alike, after the same work) or TooManyAttempts.
    """
    user = authenticate(request, username=email, password=password)
    if user is None:
        raise InvalidCredentials
    return user


def acceptable(text: str, *, max_bytes: int) -> bool:
    """Whether this text may be hashed or looked up at all: encodable, neither empty nor too long, no NUL."""
    try:
        return "\0" not in text and 0 < len(text.encode()) <= max_bytes
    except UnicodeEncodeError:
        return False


@sensitive_variables()
def check(request: HttpRequest | None, *, email: str, password: str) -> AbstractUser | None:
    """For the backend alone: one throttled look at a password; None when it opens no active account.

    The attempt is counted before the password is looked at, so that parallel guesses cannot outrun the
    counter, and the hash is computed whether or not the account exists.
    """
    if not (
        acceptable(email, max_bytes=1024)
        and acceptable(password, max_bytes=conf.current().password_max_bytes)
    ):
        return None
    account, address = people.email_key(email), device.address(request) if request else None
    try:
        failures = throttle.reserve(account=account, address=address)
    except TooManyAttempts:
        events.note("authn_login_fail_max", request=request)
        raise
    user: AbstractUser | None = get_user_model()._default_manager.filter(email_key=account).first()
    if user is None:
        make_password(password)
    elif user.check_password(password) and user.is_active:
        throttle.forgive(account=account, address=address)
        if failures:
            events.tell(
                "authn_login_successafterfail", request=request, user=user.public_id, failures=failures
            )
        return user
    events.note("authn_login_fail", request=request, user=user.public_id if user else None)
    return None


@sensitive_variables()
def change_password(
    user: AbstractUser, new: str, *, keep: UUID | None = None, request: HttpRequest | None = None
) -> None:
    """Give a person a new password; every Login of theirs ends, in both flows, except `keep`.

    Validate the password before. The account's failed attempts are forgotten: its owner is back.
    """
    with transaction.atomic():
        user.set_password(new)
        user.save_new_password(keep=keep)
        events.record("authn_password_change", request=request, user=user.public_id, login=keep)
    throttle.reset(account=people.email_key(user.email))
