"""Where a request comes from, as browsers say it (W3C Fetch Metadata, Origin): a line behind CSRF tokens.

It refuses what another site makes a browser send: changes, sign-in included, and private answers used as
an image, script or frame, from whose size or effect something could be learnt.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.urls import get_callable
from django.utils.cache import patch_vary_headers
from django.utils.log import log_response

from accounts import browser

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

# Where Django logs what its own check refuses.
logger = logging.getLogger("django.security.csrf")

VARY = ("Sec-Fetch-Site", "Sec-Fetch-Dest", "Origin")


class FetchMetadataMiddleware:
    """Answers with CSRF_FAILURE_VIEW (403) what another site caused. Sync and async, no I/O.

    Not concerned: requests with a bearer token and no session cookie (nothing in them comes from the browser
    by itself), and safe requests without a session cookie (they see what everybody sees).
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if not concerns(request):
            passed: HttpResponseBase | Awaitable[HttpResponseBase] = self.get_response(request)
            return passed
        reason = browser.objection(request)
        if self.is_async:
            return self._later(request, reason)
        return _varied(_refuse(request, reason) if reason else self.get_response(request))

    async def _later(self, request: HttpRequest, reason: str | None) -> HttpResponseBase:
        if reason:
            return _varied(await sync_to_async(_refuse, thread_sensitive=True)(request, reason))
        return _varied(await self.get_response(request))


def concerns(request: HttpRequest) -> bool:
    """True when the browser may have added authority of its own, or when a sign-in could be forged."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        return True
    scheme, _, _token = request.headers.get("Authorization", "").partition(" ")
    return request.method not in browser.SAFE_METHODS and scheme.lower() != "bearer"


def _refuse(request: HttpRequest, reason: str) -> HttpResponse:
    # What Django's CSRF check does with its own refusals, so that a project decides once how both look.
    response: HttpResponse = get_callable(settings.CSRF_FAILURE_VIEW)(request, reason=reason)
    log_response(
        "Forbidden (%s): %s", reason, request.path, response=response, request=request, logger=logger
    )
    return response


def _varied(response: HttpResponseBase) -> HttpResponseBase:
    patch_vary_headers(response, VARY)
    return response
