"""The refresh token in a cookie, for browsers: no script can read it, and only our own pages can use it.

A cookie comes with every request, whoever has caused it. So what it is used for is asked for in JSON, which
another site cannot send unasked (ASVS 3.5.2), and proves by a CSRF token and by what the browser says of its
origin that it was caused here. Only the answer of a sign-out deletes it: a tab that has lost a race leaves
alone what the winner has.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.authentication import CSRFCheck
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.response import Response

from accounts import browser, events, logins
from accounts.logins import EndReason
from tokens_stateless import conf, issue, refresh
from tokens_stateless.errors import CsrfFailed, RefreshNotValid

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from tokens_stateless.refresh import Pair

JSON = "application/json"


def guard(request: Request) -> None:
    """Raise UnsupportedMediaType (415) or CsrfFailed (403) unless a page of ours must have sent this."""
    http = request._request
    if http.content_type != JSON:
        raise UnsupportedMediaType(http.content_type or "")
    own_page(http)


def own_page(http: HttpRequest) -> None:
    """Raise CsrfFailed (403) unless a page of ours must have sent this: origin and CSRF token say so."""
    if reason := browser.objection(http) or _without_csrf_token(http):
        route = getattr(http.resolver_match, "route", None)
        events.note("csrf_fail", request=http, reason=reason, route=route)
        raise CsrfFailed


def carried(request: Request, *, field: str) -> str | None:
    """The refresh token of the cookie, where the body has none in `field`; None where there is no cookie.

    Guarded. A cookie that comes twice is RefreshNotValid: one of the two was planted.
    """
    if field in request.data or conf.current().refresh_cookie not in request.COOKIES:
        return None
    guard(request)
    return _read(request._request)


def answer(pair: Pair) -> Response:
    """A pair, its refresh token not in the body but in a cookie that lives for as long as it can be used."""
    chosen, login = conf.current(), pair.login
    response = Response({name: told for name, told in issue.answer(pair).items() if name != "refresh"})
    response.set_cookie(
        chosen.refresh_cookie,
        pair.refresh,
        max_age=int(min(login.idle_timeout, login.expires_at - timezone.now()).total_seconds()),
        path=reverse("api-token"),
        secure=chosen.secure,
        httponly=True,
        samesite="Strict",
    )
    return response


def goodbye() -> Response:
    """An answer to a sign-out, which has the browser forget the cookie."""
    response = Response({})
    response.delete_cookie(conf.current().refresh_cookie, path=reverse("api-token"), samesite="Strict")
    return response


def replaced(request: HttpRequest) -> None:
    """End the Login that this browser's cookie has carried until somebody signed in: nobody holds it now."""
    if conf.current().refresh_cookie in request.COOKIES:
        with suppress(RefreshNotValid):
            former = refresh.read(_read(request))
            logins.end([former.login], reason=EndReason.REPLACED, request=request)


def _read(request: HttpRequest) -> str:
    name = conf.current().refresh_cookie
    if browser.comes_twice(request, name):
        events.note("refresh_cookie_twice", request=request)
        raise RefreshNotValid("twice")
    return request.COOKIES[name]


def _without_csrf_token(request: HttpRequest) -> str | None:
    """Why Django's own check refuses this request, in its words; None when it passes."""
    # It asks for what follows it, and which view is meant; it calls neither.
    check = CSRFCheck(HttpResponse)
    check.process_request(request)
    reason: object = check.process_view(request, HttpResponse, (), {})
    return str(reason) if reason else None
