"""The views of the lab over HTTP, one address for each way to authenticate: what granian's workers serve."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

application = get_wsgi_application()

from authdemo.lab import variants, ways  # noqa: E402 - needs the applications to be ready
from tokens_stateless import keys  # noqa: E402 - as above

if TYPE_CHECKING:
    from django.urls import URLPattern


def memory(_request: HttpRequest) -> JsonResponse:
    """How often this process knew a token, and how often it did not."""
    remembered = keys.ring().remembered
    return JsonResponse({"process": os.getpid(), "hits": remembered.hits, "misses": remembered.misses})


urlpatterns: list[URLPattern] = [
    path("memory/", memory),
    *(path(f"{way.slug}/", ways.view(way)) for way in ways.ways()),
    *(path(f"{slug}/", view) for slug, view in variants.served().items()),
]
