"""What can go wrong: each error's stable code, and which one an exception stands for; not how it looks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# Every `code` a problem can have, and what it tells a client; docs/errors.md lists the same.
CODES = {
    "authentication_failed": "Credentials were sent, and are wrong.",
    "bad_request": "The request could not be understood.",
    "content_too_large": "The body is longer than this service reads.",
    "csrf_failed": "Nothing proves that the request came from this site.",
    "error": "The service failed; the request may be tried again later.",
    "insufficient_user_authentication": "Give the password again first: what is here is too old for this.",
    "invalid": "Fields are missing or wrong; `errors` says which and why.",
    "invalid_client": "The client is unknown or switched off, or its secret is wrong; or nobody asks at all.",
    "invalid_credentials": "No active account has this address and password.",
    "invalid_request": "The Authorization header is no bearer token; or a parameter is missing or wrong.",
    "invalid_scope": "More was asked for than may be had.",
    "invalid_target": "No token for this audience is given, or not to this client.",
    "method_not_allowed": "The address does not know this method; see Allow.",
    "not_acceptable": "The service cannot answer in any of the types of Accept.",
    "not_authenticated": "Credentials are needed and none were sent.",
    "not_found": "There is nothing at this address, or it is not yours.",
    "parse_error": "The body is not what its Content-Type says.",
    "permission_denied": "You may not do this.",
    "refused": "The request was refused.",
    "standing_unknown": "Nobody can tell right now whether the Login still stands; see Retry-After.",
    "throttled": "Too many requests; see Retry-After.",
    "token_not_valid": "The token is forged, expired, spent, or its Login has ended.",
    "token_stale": "The person has changed since the token was issued; refresh it.",
    "too_many_attempts": "Too many attempts to sign in; see Retry-After.",
    "too_many_logins": "The password was right, and you are signed in at as many places as is allowed.",
    "unauthorized_client": "The client is known, and may not do this.",
    "unavailable": "The service cannot answer right now.",
    "unsupported_grant_type": "The only grant here is token exchange.",
    "unsupported_media_type": "The address does not take a body of this Content-Type.",
    "unsupported_token_type": "A token from an exchange is revoked by its client, with the client's secret.",
}

# OAuth's `error` (RFC 6749 section 5.2, RFC 7009, RFC 8693): these codes are its own words; what others are
# called there follows from their status.
OAUTH_CODES = frozenset(
    {
        "invalid_client",
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_token_type",
    }
)
_OAUTH_BY_STATUS = {
    401: "invalid_client",
    429: "temporarily_unavailable",
    500: "server_error",
    503: "temporarily_unavailable",
}

# What an error is when nothing more is known than its status: code, title, detail.
_BY_STATUS: dict[int, tuple[str, StrPromise, StrPromise]] = {
    400: ("bad_request", _("Bad request"), _("The request could not be understood. Nothing was changed.")),
    401: ("not_authenticated", _("Sign-in needed"), _("Sign in, and try again.")),
    403: ("permission_denied", _("Not allowed"), _("You may not do this.")),
    404: ("not_found", _("Not found"), _("There is nothing here.")),
    405: ("method_not_allowed", _("Method not allowed"), _("This address cannot be used in this way.")),
    406: ("not_acceptable", _("Not acceptable"), _("No acceptable type of answer is available.")),
    409: ("bad_request", _("Not now"), _("This cannot be done as things stand. Nothing was changed.")),
    413: ("content_too_large", _("Content too large"), _("What was sent is too long. Nothing was changed.")),
    415: ("unsupported_media_type", _("Unsupported media type"), _("The type of the content is not taken.")),
    429: ("throttled", _("Too many requests"), _("Wait before you try again.")),
    500: ("error", _("Server error"), _("Something went wrong here.")),
    503: ("unavailable", _("Service unavailable"), _("The service cannot answer right now. Try again.")),
}

# Every `error` that OAuth's endpoints can answer.
OAUTH_ERRORS = sorted(OAUTH_CODES | set(_OAUTH_BY_STATUS.values()))


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One error, before anybody knows whether a person or a program will read it."""

    status: int
    code: str
    detail: str | StrPromise
    errors: dict[str, list[dict[str, str]]] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def oauth_error(self) -> str:
        """What OAuth calls it."""
        return self.code if self.code in OAUTH_CODES else _OAUTH_BY_STATUS.get(self.status, "invalid_request")

    @property
    def title(self) -> StrPromise:
        """What all errors of this status are called."""
        return _by_status(self.status)[1]


def of_status(status: int) -> Problem:
    """The problem of which only the HTTP status is known."""
    code, _title, detail = _by_status(status)
    return Problem(status=status, code=code, detail=detail)


def describe(exc: object) -> Problem | None:
    """The problem that an exception stands for; None for one that nobody foresaw."""
    match exc:
        case ValidationError():
            detail = _("Some fields are missing or wrong.")
            return Problem(status=exc.status_code, code="invalid", detail=detail, errors=_errors(exc.detail))
        case APIException():
            return _refusal(exc)
        # What Django's own exceptions say is meant for the log: it names models, routes and settings.
        case Http404():
            return of_status(404)
        case PermissionDenied():
            return of_status(403)
        case RequestDataTooBig():
            return of_status(413)
        case SuspiciousOperation() | BadRequest() | MultiPartParserError() | UnreadablePostError():
            return of_status(400)
        case OperationalError() | InterfaceError():
            return replace(of_status(503), headers={"Retry-After": "1"})
    return None


def _by_status(status: int) -> tuple[str, StrPromise, StrPromise]:
    return _BY_STATUS.get(status) or _BY_STATUS[500 if status >= 500 else 400]


def _refusal(exc: APIException) -> Problem:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    told = exc.detail if isinstance(exc.detail, ErrorDetail) else None
    return Problem(
        status=exc.status_code,
        code=(told and told.code) or exc.default_code,
        detail=told or _by_status(exc.status_code)[2],
        headers=headers,
    )


def _errors(detail: Any) -> dict[str, list[dict[str, str]]]:
    errors: dict[str, list[dict[str, str]]] = {}
    for name, told in _named(detail):
        errors.setdefault(name or "non_field_errors", []).append(
            {"code": told.code or "invalid", "detail": told}
        )
    return errors


def _named(detail: Any, name: str = "") -> Iterator[tuple[str, ErrorDetail]]:
    """Each message with the dotted name of its field; a message about the whole has none."""
    if isinstance(detail, ErrorDetail):
        yield name, detail
    elif isinstance(detail, dict):
        for key, item in detail.items():
            yield from _named(item, f"{name}.{key}".lstrip("."))
    else:
        # A list holds the messages of one field, or, where the field has many members, their errors by place.
        for place, item in enumerate(detail):
            yield from _named(item, name if isinstance(item, ErrorDetail) else f"{name}.{place}".lstrip("."))
