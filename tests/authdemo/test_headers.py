"""Private answers are kept by nobody."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from django.views.decorators.cache import cache_control, never_cache

from authdemo import problems

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def page(request: HttpRequest) -> HttpResponse:
    """A page."""
    return HttpResponse("seen")


def failing(request: HttpRequest) -> HttpResponse:
    """A page that is not there."""
    raise Http404


def setting_a_cookie(request: HttpRequest) -> HttpResponse:
    """A page that gives the visitor a cookie, and claims to be everybody's."""
    response = HttpResponse("seen", headers={"Cache-Control": "public, max-age=60"})
    response.set_cookie("a", "b")
    return response


urlpatterns = [
    path("", page),
    path("missing/", failing),
    path("cookie/", setting_a_cookie),
    path("api/", page),
    path("api/missing/", failing),
    path("api/public/", cache_control(public=True, max_age=300)(page)),
    path("api/personal/", cache_control(private=True, max_age=300)(page)),
    path("never/", never_cache(page)),
]
handler404 = problems.handler404


def said(where: str, *, cookies: dict[str, str] | None = None, **headers: str) -> str | None:
    """The Cache-Control of the same answer, seen sync and async."""
    client, async_client = Client(), AsyncClient()
    client.cookies.load(cookies or {})
    async_client.cookies.load(cookies or {})
    with override_settings(MIDDLEWARE=["authdemo.headers.NoStoreMiddleware"]):
        answer: Any = client.get(where, headers=headers)
        other: Any = async_to_sync(async_client.get)(where, headers=headers)
    assert answer.headers.get("Cache-Control") == other.headers.get("Cache-Control")
    return answer.headers.get("Cache-Control")  # type: ignore[no-any-return]


@pytest.mark.parametrize("where", ["/", "/missing/"])
def test_what_a_session_sees_is_not_stored(where: str) -> None:
    assert said(where, cookies={settings.SESSION_COOKIE_NAME: "whatever"}) == "no-store"


@pytest.mark.parametrize("where", ["/", "/missing/"])
def test_what_a_token_sees_is_not_stored(where: str) -> None:
    assert said(where, Authorization="Bearer whatever") == "no-store"


@pytest.mark.parametrize("where", ["/api/", "/api/missing/", "/api/nothing/", "/api/personal/"])
def test_the_api_is_not_stored_errors_included(where: str) -> None:
    assert said(where) == "no-store"


def test_an_answer_that_sets_a_cookie_is_not_stored_whatever_it_says_itself() -> None:
    assert said("/cookie/") == "no-store"


def test_a_page_that_everybody_sees_may_be_stored() -> None:
    assert said("/") is None


@pytest.mark.parametrize("cookies", [{}, {settings.SESSION_COOKIE_NAME: "whatever"}])
def test_an_answer_that_is_the_same_for_everybody_says_so_itself(cookies: dict[str, str]) -> None:
    assert said("/api/public/", cookies=cookies) == "public, max-age=300"


def test_a_stricter_word_stands() -> None:
    words = said("/never/", cookies={settings.SESSION_COOKIE_NAME: "whatever"})

    assert words == "max-age=0, no-cache, no-store, must-revalidate, private"
