"""In which language a request is answered: as the switch says, else the browser; English for programs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import translation

from authdemo.middleware import LocaleMiddleware
from tests.doors import FORM, nobody

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


def test_oauths_own_errors_are_english_and_ascii() -> None:
    form: dict[str, Any] = {"data": "token=x&client_id=x&client_secret=x", "content_type": FORM}
    refused = nobody(headers=GERMAN).post("/api/token/introspect/", **form)
    odd = nobody(headers=GERMAN).put("/api/token/revoke/")

    assert refused.json()["error_description"] == "The client is unknown here, or this is not its secret."
    assert odd.json()["error_description"] == 'Method "PUT" not allowed.'.replace('"', "'")
    assert refused.headers["Content-Language"] == odd.headers["Content-Language"] == "en"


def test_a_refusal_from_before_any_view_is_in_the_language_of_whoever_is_refused() -> None:
    """The thread has just answered somebody else."""
    strangers = {"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    nobody(headers=GERMAN).get("/login/")

    english = nobody().post("/login/", headers=strangers)
    told = nobody().post("/login/", headers={**GERMAN, **strangers})

    assert (english.status_code, told.status_code) == (403, 403)
    assert "The form could not be checked" in english.text
    assert "Das Formular ließ sich nicht prüfen" in told.text
    assert '<html lang="de">' in told.text


@pytest.mark.parametrize(
    "path", ["/api/schema/", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"]
)
def test_what_is_public_is_the_same_in_every_language(path: str) -> None:
    answers = [nobody().get(path, headers={"Accept-Language": language}) for language in ("de", "en")]

    assert answers[0].content == answers[1].content
    assert "Anmeldung" not in answers[0].text
    assert "Content-Language" not in answers[0].headers
    assert "Accept-Language" not in answers[0].headers.get("Vary", "")


def choose(client: Client, language: str, **more: str) -> Any:
    """Press a button of the language switch."""
    return client.post("/language/", {"language": language, **more})


def test_the_switch_is_stronger_than_the_browser_and_leads_back() -> None:
    browser = nobody(headers=GERMAN)
    assert "Sprache" in browser.get("/login/?next=/logins/").text

    chosen = choose(browser, "en", next="/login/?next=/logins/")

    assert (chosen.status_code, chosen.headers["Location"]) == (302, "/login/?next=/logins/")
    page = browser.get("/login/")
    assert page.headers["Content-Language"] == "en"
    assert '<html lang="en">' in page.text
    assert re.search(r'value="en" lang="en"\s+aria-current="true"', page.text)
    assert 'name="next" value="/login/"' in page.text


def test_the_choice_is_kept_in_a_cookie_that_holds_nothing_else() -> None:
    answer = choose(nobody(), "de")

    cookie = answer.cookies["language"]
    assert cookie.value == "de"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == 365 * 24 * 3600
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "away",
    ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", "http://[", "\0"],
)
def test_the_switch_leads_to_no_other_site(away: str) -> None:
    answer = nobody().post(
        "/language/", {"language": "de", "next": away}, headers={"Referer": away.strip("\0")}
    )

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.mark.parametrize("language", ["", "x" * 5000, "de\r\nSet-Cookie: a=b", "\0", "../de"])
def test_a_language_that_is_not_there_is_not_kept(language: str) -> None:
    answer = choose(nobody(), language)

    assert answer.status_code == 302
    assert "language" not in answer.cookies


def test_another_site_cannot_choose_the_language() -> None:
    browser = nobody(enforce_csrf_checks=True)

    assert choose(browser, "de").status_code == 403
    foreign = browser.post("/language/", {"language": "de"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert browser.get("/language/", {"language": "de"}).status_code == 405
    assert "language" not in browser.cookies


def test_a_switch_on_the_page_of_an_error_leads_home() -> None:
    """Its own address may know no GET, or hold the token of a mailed link."""
    refused = nobody(enforce_csrf_checks=True).post("/logout/", headers={"Accept": "text/html"})
    link = nobody().get("/password/reset/\0/the-token/", headers={"Accept": "text/html"})

    assert (refused.status_code, link.status_code) == (403, 400)
    for answer in (refused, link):
        assert 'name="next" value="/"' in answer.text
        assert "the-token" not in answer.text


@pytest.mark.parametrize("path", ["/", "/login/", "/nowhere/", "/api/me/", "/logins/"])
def test_caches_keep_the_languages_apart(path: str) -> None:
    varies = nobody().get(path).headers["Vary"]

    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in varies.split(",")}


def test_a_language_that_has_no_catalog_here_is_answered_in_english() -> None:
    browser = nobody()
    choose(browser, "fr")

    assert browser.get("/login/").headers["Content-Language"] == "en"
    assert nobody(headers={"Accept-Language": "fr"}).get("/login/").headers["Content-Language"] == "en"


def test_an_answer_that_looks_at_no_cookie_itself_varies_with_that_of_the_language() -> None:
    answering = LocaleMiddleware(lambda _request: HttpResponse("words"))

    answer: Any = answering(RequestFactory().get("/", headers=GERMAN))

    assert (answer.headers["Vary"], answer.headers["Content-Language"]) == ("Cookie, Accept-Language", "de")
    assert translation.get_language() == "en"
