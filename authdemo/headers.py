"""Private answers stay out of every cache: what is shown after signing out must have been asked for anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class NoStoreMiddleware:
    """`Cache-Control: no-store` on what belongs to somebody, errors included. Sync and async, no I/O.

    That is every answer to a request with a session cookie or an Authorization header, every answer that sets
    a cookie, and the API. A view whose answer is the same for everybody says `Cache-Control: public` itself,
    and keeps it unless a cookie is set.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        return _later(request, response) if isawaitable(response) else _marked(request, response)


async def _later(request: HttpRequest, coming: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return _marked(request, await coming)


def _marked(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    said = response.headers.get("Cache-Control", "")
    if "no-store" not in said and (response.cookies or ("public" not in said and _is_private(request))):
        response.headers["Cache-Control"] = "no-store"
    return response


def _is_private(request: HttpRequest) -> bool:
    # Credentials are looked for, not checked: whether they are good may need the database.
    return (
        request.path_info.startswith("/api/")
        or settings.SESSION_COOKIE_NAME in request.COOKIES
        or "Authorization" in request.headers
    )
