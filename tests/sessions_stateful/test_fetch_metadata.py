"""What another site makes a browser send is refused, before anybody looks at it."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import product
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from authdemo import problems

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

STACK = ["sessions_stateful.fetch_metadata.FetchMetadataMiddleware"]
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"]
SAFE = ["GET", "HEAD", "OPTIONS"]
SUBRESOURCES = [
    "script",
    "image",
    "style",
    "font",
    "iframe",
    "frame",
    "embed",
    "object",
    "audio",
    "empty",
    "new",
]
STRANGER: dict[str, str] = {}
COOKIE = {settings.SESSION_COOKIE_NAME: "whatever"}
BEARER = {"Authorization": "Bearer whatever"}


@csrf_exempt
def page(request: HttpRequest) -> HttpResponse:
    """Something to ask for."""
    return HttpResponse("seen")


urlpatterns = [path("login/", page)]
handler400 = problems.handler400


@pytest.fixture(autouse=True)
def _alone() -> Any:
    with override_settings(MIDDLEWARE=STACK):
        yield


def ask(method: str = "GET", cookies: dict[str, str] = STRANGER, /, **headers: str) -> Any:
    """The same answer, seen sync and async."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client, async_client = Client(), AsyncClient()
    client.cookies.load(cookies)
    async_client.cookies.load(cookies)
    answer = client.generic(method, "/login/", headers=named)
    other = async_to_sync(_later)(async_client.generic(method, "/login/", headers=named))
    assert (answer.status_code, answer.headers.get("Vary")) == (other.status_code, other.headers.get("Vary"))
    return answer


async def _later(coming: Awaitable[Any]) -> Any:
    return await coming


@pytest.mark.parametrize("cookies", [{}, COOKIE], ids=["stranger", "signed in"])
@pytest.mark.parametrize(("method", "site"), [*product(UNSAFE, ["cross-site", "same-site"])])
def test_another_site_changes_nothing(method: str, site: str, cookies: dict[str, str]) -> None:
    answer = ask(method, cookies, Sec_Fetch_Site=site)

    assert answer.status_code == 403
    assert b"seen" not in answer.content


@pytest.mark.parametrize(("method", "site"), [*product(UNSAFE, ["same-origin", "none"])])
def test_the_site_itself_and_its_visitor_may_change_things(method: str, site: str) -> None:
    assert ask(method, COOKIE, Sec_Fetch_Site=site, Origin="null").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Sec_Fetch_Site": "from-the-future"}], ids=["absent", "unknown"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://testserver", 200),
        ("https://testserver", 403),
        ("http://testserver:81", 403),
        ("http://testserver.evil.example", 403),
        ("http://evil.example", 403),
        ("http://[", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_where_the_browser_says_no_more_the_origin_decides(
    headers: dict[str, str], origin: str, status: int
) -> None:
    assert ask("POST", Origin=origin, **headers).status_code == status


@pytest.mark.parametrize("headers", [{}, {"Sec_Fetch_Site": "from-the-future"}], ids=["absent", "unknown"])
def test_a_program_that_says_nothing_of_its_origin_passes(headers: dict[str, str]) -> None:
    assert ask("POST", **headers).status_code == 200


@pytest.mark.parametrize("dest", SUBRESOURCES)
@pytest.mark.parametrize("method", SAFE)
def test_a_private_answer_is_no_part_of_another_site(method: str, dest: str) -> None:
    answer = ask(method, COOKIE, Sec_Fetch_Site="cross-site", Sec_Fetch_Dest=dest)

    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none", "from-the-future"])
def test_the_site_uses_its_own_parts(site: str) -> None:
    assert ask("GET", COOKIE, Sec_Fetch_Site=site, Sec_Fetch_Dest="script").status_code == 200


def test_a_link_on_another_site_may_be_followed() -> None:
    answer = ask("GET", COOKIE, Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")

    assert answer.status_code == 200


def test_what_everybody_sees_may_be_used_elsewhere() -> None:
    answer = ask(Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="image")

    assert answer.status_code == 200
    assert "Vary" not in answer


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_client_that_brings_a_token_and_no_cookie_is_not_concerned(scheme: str) -> None:
    answer = ask("POST", Sec_Fetch_Site="cross-site", Authorization=f"{scheme} token")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("cookies", "authorization"), [(COOKIE, "Bearer token"), ({}, "Basic YTpi"), ({}, "Bearertoken")]
)
def test_a_token_excuses_nothing_else(cookies: dict[str, str], authorization: str) -> None:
    answer = ask("POST", cookies, Sec_Fetch_Site="cross-site", Authorization=authorization)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://friend.example", 200),
        ("https://a.friends.example", 200),
        ("http://friend.example", 403),
        ("http://a.friends.example", 403),
        ("https://friends.example.evil.example", 403),
        ("https://foe.example", 403),
        ("null", 403),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}])
def test_a_trusted_origin_is_trusted(headers: dict[str, str], origin: str, status: int) -> None:
    with override_settings(CSRF_TRUSTED_ORIGINS=["https://friend.example", "https://*.friends.example"]):
        assert ask("POST", Origin=origin, **headers).status_code == status


@pytest.mark.parametrize("site", ["cross-site", "same-origin", "from-the-future"])
def test_caches_are_told_what_decided(site: str) -> None:
    varied = {name.strip() for name in ask("POST", Sec_Fetch_Site=site)["Vary"].split(",")}

    assert {"Sec-Fetch-Site", "Origin"} <= varied


def test_a_host_that_is_not_ours_is_no_origin_of_ours() -> None:
    assert ask("POST", Origin="http://evil.example", Host="evil.example").status_code == 400


def test_a_refusal_is_logged_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    ask("POST", Sec_Fetch_Site="cross-site")

    assert [record.getMessage() for record in caplog.records if record.name == "django.security.csrf"] == [
        "Forbidden (cross-site POST): /login/"
    ] * 2
    assert not any(record.exc_info for record in caplog.records)


def test_no_cors_header_is_ever_sent() -> None:
    answers = [ask(method, Origin="https://evil.example", **BEARER) for method in ("OPTIONS", "GET", "POST")]

    assert not any(name.startswith("Access-Control") for answer in answers for name in answer.headers)
