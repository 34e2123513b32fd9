"""Bad ids, methods and queries, and a `next` that leads away: a clear 4xx everywhere, and nothing changes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from accounts.models import Login
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from authdemo.codes import CODES
from tests.doors import (
    JSON,
    everything,
    nobody,
    pair,
    reset_path,
    unnamed,
    with_cookie,
    with_reset_link,
    with_token,
)

both_flows = pytest.mark.parametrize("enter", [with_cookie, with_token])


@pytest.fixture(autouse=True)
def _two_people() -> None:
    alice()
    bob()


@both_flows
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_login_that_is_not_yours_is_as_unknown_as_one_that_never_was(enter: Any, method: str) -> None:
    with_cookie("bob@example.com"), pair("bob@example.com")
    client, theirs = enter(), Login.objects.filter(user__email="bob@example.com")
    before = everything()

    answers = [
        client.generic(method, f"/api/logins/{each}/")
        for each in (uuid4(), *theirs.values_list("pk", flat=True))
    ]

    assert [unnamed(answer)[:2] for answer in answers] == [(404, unnamed(answers[0])[1])] * len(answers)
    assert answers[0].json()["code"] == "not_found"
    assert everything() == before


def test_nobody_ends_anothers_login_on_the_page() -> None:
    with_cookie("bob@example.com")
    client, theirs = with_cookie(), Login.objects.get(user__email="bob@example.com")
    before = everything()

    answers = [client.post(f"/logins/{each}/end/") for each in (uuid4(), theirs.pk)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert everything() == before


JUNK_IDS = ["abc", "1", "-", "%00", "%FF", "%ED%A0%80", "..%2f", "{}", "'", str(uuid4()).upper(), "a" * 5000]


@pytest.mark.parametrize("path", ["/api/logins/{}/", "/logins/{}/end/"])
def test_an_id_that_can_be_none_leads_nowhere(path: str) -> None:
    client = with_cookie()
    before = everything()

    answers = [client.post(path.format(junk)) for junk in JUNK_IDS]

    assert {answer.status_code for answer in answers} <= {400, 404}
    assert everything() == before


LINKS = ["/signup/{}/", "/password/reset/{}/x/", "/password/reset/{}/choose/", "/password/reset/MQ/{}/"]


@pytest.mark.parametrize("path", LINKS)
def test_a_link_that_is_none_opens_no_form_and_takes_no_password(path: str) -> None:
    """Following one is a GET, and may be answered with a page that says so."""
    client, twice = nobody(), {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}
    before = everything()
    del before["sessions_stateful.Session"]

    for junk in [*JUNK_IDS, "MQ-1-x", "choose", "!", ":", "%C3%28"]:
        opened = client.get(path.format(junk), follow=True)
        sent = client.post(path.format(junk), twice, follow=True)
        assert opened.status_code < 500, junk
        assert 'name="password"' not in opened.content.decode() + sent.content.decode(), junk

    assert {name: rows for name, rows in everything().items() if name in before} == before


@pytest.mark.parametrize(
    "path", ["/signup/choose/", "/password/reset/x/choose/", "/password/reset/MQ/choose/"]
)
def test_a_password_without_a_link_is_refused(path: str) -> None:
    twice, before = {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}, everything()

    answers = [nobody().post(path, twice), nobody().put(path, "{}", content_type=JSON)]

    assert answers[0].status_code == 400
    assert answers[1].status_code in (400, 405)
    assert everything() == before


def test_a_password_behind_a_link_is_posted_and_not_put() -> None:
    client = with_reset_link()

    assert client.put(reset_path(), "{}", content_type=JSON).status_code == 405


POST_ONLY = ["/logout/", "/logins/end-others/", "/logins/{sid}/end/"]
API_POST_ONLY = [
    f"/api/{name}/"
    for name in ("token/refresh", "token/verify", "token/revoke", "token", "logins/end-others")
]


@pytest.mark.parametrize("path", POST_ONLY + API_POST_ONLY)
def test_another_method_than_post_does_nothing(path: str) -> None:
    client = with_cookie()
    path = path.format(sid=Login.objects.get().pk)
    before = everything()

    methods = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE")
    answers = [client.generic(method, path, "{}", JSON) for method in methods]

    assert {answer.status_code for answer in answers} == {405}
    assert all("POST" in answer.headers["Allow"] for answer in answers)
    assert path not in API_POST_ONLY or answers[0].json()["code"] == "method_not_allowed"
    assert everything() == before


@pytest.mark.parametrize(
    "path", ["/", "/login/", "/signup/", "/logins/", "/token/", "/api/me/", "/api/session/", "/healthz"]
)
def test_a_method_that_an_address_does_not_know_is_told(path: str) -> None:
    client = with_cookie()
    before = everything()

    answers = [client.generic(method, path, "{}", JSON) for method in ("PUT", "PATCH", "BREW", "g\xebt")]

    assert {answer.status_code for answer in answers} == {405}
    assert everything() == before


@pytest.mark.parametrize(
    "query",
    ["state=x", "flow=x", "before=x", "before={unknown}", "before={theirs}",
     "state=%00", "flow=%FF", "before=%ED%A0%80", "before=" + "9" * 5000, "flow=" + "y" * 5000],
)  # fmt: skip
def test_a_query_that_means_nothing_is_told(query: str) -> None:
    client = with_token()
    pair("bob@example.com")
    theirs = Login.objects.get(user__email="bob@example.com").pk

    answer = client.get("/api/logins/?" + query.format(unknown=uuid4(), theirs=theirs))

    assert answer.status_code == 400
    assert answer.json()["code"] in CODES


@pytest.mark.parametrize("page", ["-1", "x", "9" * 5000, "1e9", "²", "%ff", "9999"])
def test_a_page_that_is_none_of_the_list_shows_a_page(page: str) -> None:
    assert with_cookie().get(f"/logins/?page={page}").status_code == 200


ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "https:evil.example", "https:///evil.example",
    "\\\\evil.example", "/\\evil.example", "\\/evil.example", "/\t/evil.example", "\t//evil.example",
    " //evil.example",
    "javascript:alert(1)", "data:text/html,x", "ftp://testserver/", "http://[::1", "http://testserver:8080/",
    "http://testserver@evil.example", "http://testserver.evil.example", "http://evil.example\\@testserver",
    "//testserver:80@evil.example", "\x08//evil.example",
]  # fmt: skip


@pytest.mark.parametrize("door", ["/login/", "/admin/login/"])
def test_whoever_is_led_elsewhere_is_not_signed_in(door: str) -> None:
    before = everything()
    credentials = {"email": "alice@example.com", "username": "alice@example.com", "password": PASSWORD}

    for url in ELSEWHERE:
        query = f"{door}?{urlencode({'next': url})}"
        sent = [(door, {"next": url}), (query, {}), (query, {"next": "/logins/"})]
        answers = [nobody().post(path, credentials | asked) for path, asked in sent]
        assert [each.status_code for each in (*answers, nobody().get(query))] == [400] * 4, url

    assert everything() == before


@pytest.mark.parametrize(
    "url", ["/password/change/", "http://testserver/logins/", "", "/logins/?next=https://evil.example"]
)
def test_whoever_is_led_on_within_this_site_gets_there(url: str) -> None:
    answer = nobody().post("/login/", {"email": "alice@example.com", "password": PASSWORD, "next": url})

    assert (answer.status_code, answer.headers["Location"]) == (302, url or "/logins/")
