"""What the token flow refuses: one public answer for all that is wrong with a token; the log has the why."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.errors import AuthError

CHALLENGE = 'Bearer realm="api", error="invalid_token"'


class TokenNotValid(AuthError):
    """Malformed, forged, expired, of an ended Login: the bearer is not told which (RFC 6750 section 3.1)."""

    default_code = "token_not_valid"
    default_detail = _("The token is not valid. Refresh it, or sign in again.")
    auth_header = CHALLENGE

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class TokenStale(AuthError):
    """The person has changed since the token was issued: refresh it and go on; nobody is signed out."""

    default_code = "token_stale"
    default_detail = _("What this token says about its person is out of date. Refresh it.")
    auth_header = CHALLENGE


class BadAuthorization(AuthError):
    """The Authorization header is not a bearer token at all (RFC 6750 section 3.1, invalid_request)."""

    status_code = 400
    default_code = "invalid_request"
    default_detail = _("The Authorization header must be: Bearer, one space, one token.")
    auth_header = 'Bearer realm="api", error="invalid_request"'


class RefreshNotValid(TokenNotValid):
    """Forged, spent or of an ended Login; the credentials must be asked again."""

    default_detail = _("The refresh token is not valid. Sign in again.")
