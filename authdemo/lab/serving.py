"""The views of the lab over HTTP, one address for each way to authenticate: what granian's workers serve."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

application = get_wsgi_application()

from accounts import credentials  # noqa: E402 - needs the applications to be ready
from authdemo.lab import doors, variants, ways  # noqa: E402 - as above
from tokens_stateless import keys  # noqa: E402 - as above

if TYPE_CHECKING:
    from django.urls import URLPattern


def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Who asks, and which process says so."""
    response: HttpResponse = DOORS[slug].view(request)
    response["X-Process"] = str(os.getpid())
    return response


def enter(request: HttpRequest, slug: str) -> JsonResponse:
    """Sign in with an address and a password: which process did it, and what to send from then on."""
    email, password = (str(request.POST.get(name)) for name in ("email", "password"))
    user = credentials.verify(request, email=email, password=password)
    return JsonResponse([os.getpid(), DOORS[slug].sign_in(user).header], safe=False)


def memory(_request: HttpRequest) -> JsonResponse:
    """How often this process knew a token, and how often it did not."""
    remembered = keys.ring().remembered
    return JsonResponse({"process": os.getpid(), "hits": remembered.hits, "misses": remembered.misses})


DOORS = doors.by_slug()
urlpatterns: list[URLPattern] = [
    path("memory/", memory),
    path("doors/<slug:slug>/", ask),
    path("doors/<slug:slug>/enter/", enter),
    *(path(f"{way.slug}/", ways.view(way)) for way in ways.ways()),
    *(path(f"{slug}/", view) for slug, view in variants.served().items()),
]
