"""Any bytes in any header, cookie or token: never a 500, and nothing changes."""

from __future__ import annotations

import pytest

from accounts.testing import PASSWORD, alice
from tests.doors import JSON, complaint, everything, nobody, with_cookie

HEADERS = [
    "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Content-Length", "Content-Type",
    "Cookie", "Forwarded", "Host", "If-Modified-Since", "If-None-Match", "Origin", "Range", "Referer",
    "Sec-Fetch-Dest", "Sec-Fetch-Site", "Traceparent", "User-Agent", "X-CSRFToken", "X-Forwarded-For",
    "X-Forwarded-Host", "X-Forwarded-Proto", "X-HTTP-Method-Override",
]  # fmt: skip
JUNK = [
    "", " ", "\xff", "\x00", "é", ",", ";", "=", '"', "a=b; c", "1" * 9999, "%00", "\xed\xa0\x80", "]:/[",
    "null", "\x7f\x01",
]  # fmt: skip
RECORDED = ["User-Agent", "X-Forwarded-For", "Accept-Language"]
COOKIES = ["", "x", "\xff", '"', "=", "a" * 54, "sid", "\x00", "é" * 30, "{}", "x" * 100_000]
TOKENS = ["", "x", "a.b", "a.b.c", "....", "\xff", "é.é.é", "=" * 86, "\x00", "null", "x" * 100_000]


@pytest.fixture(autouse=True)
def _somebody() -> None:
    alice()


@pytest.mark.parametrize("path", ["/logins/", "/api/session/", "/admin/", "/.well-known/jwks.json"])
def test_no_header_makes_an_address_fail(path: str) -> None:
    """Through a server fewer of them would come in at all."""
    client, before = with_cookie(), everything()

    statuses = {
        (header, junk): client.get(path, headers={header: junk}).status_code
        for header in HEADERS
        for junk in JUNK
    }

    assert {what: status for what, status in statuses.items() if status >= 500} == {}
    assert set(statuses.values()) & {200, 302}
    assert before["accounts.Login"] == everything()["accounts.Login"]


@pytest.mark.parametrize("header", RECORDED)
def test_no_header_that_is_written_down_makes_a_sign_in_fail(header: str) -> None:
    credentials = {"email": "alice@example.com", "password": PASSWORD}

    statuses = {
        junk: nobody(headers={header: junk}).post("/api/token/", credentials, content_type=JSON).status_code
        for junk in JUNK
    }

    assert statuses == dict.fromkeys(JUNK, 200)


@pytest.mark.parametrize("name", ["sid", "csrf", "messages", "django_language"])
def test_any_bytes_in_a_cookie_are_nobodys(name: str) -> None:
    """S7: nor do they leave anything behind."""
    before = everything()

    for junk in COOKIES:
        paths = ("/api/me/", "/logins/", "/login/", "/admin/")
        answers = [nobody(headers={"Cookie": f"{name}={junk}"}).get(path) for path in paths]
        assert [answer.status_code for answer in answers] == [401, 302, 200, 302], junk
        assert complaint(answers[0], is_api=True) is None

    assert everything() == before


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Basic", "Token", "Digest", ""])
def test_any_bytes_for_a_token_are_nobodys(scheme: str) -> None:
    answers = [nobody(headers={"Authorization": f"{scheme} {junk}"}).get("/api/me/") for junk in TOKENS]

    assert {answer.status_code for answer in answers} <= {400, 401}
    assert [complaint(answer, is_api=True) for answer in answers] == [None] * len(answers)
    assert all(answer.headers["WWW-Authenticate"].startswith("Bearer") for answer in answers)
