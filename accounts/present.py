"""The request that is being answered here: its id for every line of the log, and who has sent it.

For what has no other way to know: a formatter of log lines, or a model that is saved.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import request_finished
from django.dispatch import receiver
from django.utils.functional import LazyObject

from accounts import device
from accounts.logs import request_id

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class PresentMiddleware:
    """Outermost: gives each request an id and its answer the header `X-Request-ID`. Sync and async, no I/O.

    What a trusted proxy calls the request (64 letters, digits, `-`, `_` and `.` at most) is believed; what
    anybody else says is not, or they could have our lines name a request of somebody else.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        name = _given(request) or uuid.uuid4().hex
        # Until the request has finished, and not only until the answer is made: Django logs that after us.
        request_id.set(name)
        _request.set(request)
        response = self.get_response(request)
        return _later(response, name) if isawaitable(response) else _named(response, name)


async def _later(coming: Awaitable[HttpResponseBase], name: str) -> HttpResponseBase:
    return _named(await coming, name)


def _named(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response.headers[HEADER] = name
    return response


def _given(request: HttpRequest) -> str | None:
    said: str | None = request.META.get("HTTP_X_REQUEST_ID")
    if said is None or not SANE.fullmatch(said) or not device.is_from_trusted_proxy(request):
        return None
    return said


@receiver(request_finished, dispatch_uid="accounts.present")
def _over(**_signal: object) -> None:
    request_id.set("")
    _request.set(None)


def request() -> HttpRequest | None:
    """The request that is being answered, or None behind the requests and in commands."""
    return _request.get()


def actor() -> uuid.UUID | None:
    """Whoever has sent it, if they are known by now; asks nobody."""
    here: Any = _request.get()
    user = getattr(here, "_cached_user", None)
    if user is None:
        # A token's person is put there as they are; a session's only by whoever asks.
        known = vars(here).get("user") if here is not None else None
        user = None if isinstance(known, LazyObject) else known
    return user.public_id if user is not None and user.is_authenticated else None
