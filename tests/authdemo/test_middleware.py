"""An address without its slash."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from authdemo import problems

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

STACK = [name.replace("django.middleware.common.", "authdemo.middleware.") for name in settings.MIDDLEWARE]


def page(request: HttpRequest) -> HttpResponse:
    """Something at an address with a slash."""
    return HttpResponse("seen")


urlpatterns = [path("api/there/", page), path("", include("authdemo.urls"))]
handler404 = problems.handler404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_reader_is_sent_on(method: str) -> None:
    with override_settings(MIDDLEWARE=STACK):
        answer = Client().generic(method, "/api/there")

    assert (answer.status_code, answer["Location"]) == (301, "/api/there/")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_whoever_brings_a_body_is_told_that_nothing_is_there(method: str, debug: bool) -> None:
    with override_settings(MIDDLEWARE=STACK, DEBUG=debug):
        answer = Client(raise_request_exception=False).generic(
            method, "/api/there", b"{}", "application/json"
        )

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
