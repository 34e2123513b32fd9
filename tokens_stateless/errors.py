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
    default_detail = _("The Authorization header must be: Bearer, one space, one token; and come alone.")
    auth_header = 'Bearer realm="api", error="invalid_request"'


class CsrfFailed(AuthError):
    """A cookie came along, and nothing proves that a page of this site has sent it."""

    status_code = 403
    default_code = "csrf_failed"
    default_detail = _("Nothing proves that this came from this site. Ask for a CSRF token and try again.")


class RefreshNotValid(TokenNotValid):
    """Forged, spent or of an ended Login; the credentials must be asked again."""

    default_detail = _("The refresh token is not valid. Sign in again.")


class OAuthError(AuthError):
    """A refusal in OAuth's own words: `default_code` is its `error` (RFC 6749 section 5.2)."""

    status_code = 400


class InvalidRequest(OAuthError):
    """A parameter is missing, twice there, or of no use here."""

    default_code = "invalid_request"
    default_detail = _("A parameter is missing or wrong.")


class InvalidClient(OAuthError):
    """No client, an unknown one, a wrong secret and a client that was switched off: nobody learns which.

    The challenge is Basic for whoever used it, and for nobody else: a browser would ask its user for one.
    """

    status_code = 401
    default_code = "invalid_client"
    default_detail = _("The client is unknown here, or this is not its secret.")
    auth_header = 'Client realm="api"'

    def __init__(self, *, basic: bool = False) -> None:
        super().__init__()
        if basic:
            self.auth_header = 'Basic realm="api"'


class NoSession(OAuthError):
    """Neither a client's credentials nor a live session: nobody asks."""

    status_code = 401
    default_code = "invalid_client"
    default_detail = _("Sign in, or send a client's credentials.")
    auth_header = 'Session realm="api"'


class UnauthorizedClient(OAuthError):
    """A good client that may not call this."""

    default_code = "unauthorized_client"
    default_detail = _("This client may not do this.")


class UnsupportedGrantType(OAuthError):
    """The one grant for others is token exchange."""

    default_code = "unsupported_grant_type"
    default_detail = _("The only grant_type here is urn:ietf:params:oauth:grant-type:token-exchange.")


class InvalidTarget(OAuthError):
    """Nobody stands for this audience, or not this client (RFC 8693 section 2.2.2)."""

    default_code = "invalid_target"
    default_detail = _("No token for this audience is given here.")


class InvalidScope(OAuthError):
    """More was asked for than may be had."""

    default_code = "invalid_scope"
    default_detail = _("No token of this scope is given for this audience.")


class UnsupportedTokenType(OAuthError):
    """A token from an exchange, shown by whoever holds it: only its client may end the login."""

    default_code = "unsupported_token_type"
    default_detail = _("A token from an exchange is revoked by its client, with the client's credentials.")


class SubjectNotValid(OAuthError):
    """The token to be exchanged is not good (RFC 8693 section 2.2.2: invalid_request)."""

    default_code = "token_not_valid"
    default_detail = _("The subject token is not valid. Refresh it, or sign in again.")


class SubjectStale(OAuthError):
    """The person has changed since the token to be exchanged was issued."""

    default_code = "token_stale"
    default_detail = _("What the subject token says is out of date. Refresh it, and exchange again.")
