"""One family of errors for every door: what was refused, with which status, and what the client may do next.

They are DRF exceptions, because a bare exception would make DRF authenticate twice. How they look on the wire
or on a page is decided by the project alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException

if TYPE_CHECKING:
    from datetime import timedelta

    from django_stubs_ext import StrOrPromise


CHALLENGE = 'Bearer realm="api"'


class AuthError(APIException):
    """A refusal with a stable `default_code`.

    `auth_header` becomes WWW-Authenticate, and `wait` (seconds) Retry-After.
    """

    status_code: int = status.HTTP_401_UNAUTHORIZED
    default_code = "refused"
    default_detail = _("The request was refused.")
    auth_header: str | None = None

    def __init__(self, detail: StrOrPromise | None = None, *, wait: int | None = None) -> None:
        super().__init__(detail)
        self.wait = wait


class InvalidCredentials(AuthError):
    """Unknown address, wrong password and disabled account alike: nobody learns which."""

    default_code = "invalid_credentials"
    default_detail = _("No active account with this address and password.")


class TooManyAttempts(AuthError):
    """The account or the address must wait `wait` seconds; nothing was checked."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_attempts"
    default_detail = _("Too many attempts. Wait before you try again.")


class TooManyLogins(AuthError):
    """The credentials are good, and no further Login may live beside those that do; nothing was started.

    Not a 401 or 403, which say that other credentials would help, nor a 429, which says that waiting would:
    the person can end a Login and try the same again (RFC 9110 section 15.5.10).
    """

    status_code = status.HTTP_409_CONFLICT
    default_code = "too_many_logins"
    default_detail = _(
        "You are signed in at as many places as this site allows. Sign out at one of them, or choose a new "
        "password by mail, which signs you out everywhere; then sign in again."
    )


class AuthenticationTooOld(AuthError):
    """The person is who they say, and must give their password again before this may be done (RFC 9470).

    `within` is how old that may be at most. `challenge` names the scheme, as what authenticated the request
    has it.
    """

    default_code = "insufficient_user_authentication"
    default_detail = _("Enter your password again: for this, the last time is too long ago.")

    def __init__(self, within: timedelta, *, challenge: str | None = None) -> None:
        super().__init__()
        self.auth_header = (
            f'{challenge or CHALLENGE}, error="{self.default_code}", '
            f'error_description="The password must be given again", max_age="{int(within.total_seconds())}"'
        )


class StandingUnknown(AuthError):
    """This process cannot know whether the Login still stands, so it refuses to vouch."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "standing_unknown"
    default_detail = _("It cannot be told right now whether this login still stands. Try again.")

    def __init__(self, detail: StrOrPromise | None = None, *, wait: int | None = 1) -> None:
        super().__init__(detail, wait=wait)
