"""The pages that sign in and out, step by step as a person meets them."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.logins import Login
from accounts.models import Event
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from sessions_stateful.models import Session
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.third_party import put, touches_cookie, who

pytestmark = pytest.mark.urls("tests.sessions_stateful.third_party")

NAME = settings.SESSION_COOKIE_NAME


def sign_in(browser: Client, **changed: Any) -> Any:
    body = {"email": "alice@example.com", "password": PASSWORD, **changed}
    return browser.post("/login/", {name: value for name, value in body.items() if value is not None})


def test_the_page_asks_for_an_address_and_a_password_and_stores_nothing() -> None:
    browser = Client()

    answer = browser.get("/login/")

    assert (answer.status_code, touches_cookie(answer), Session.objects.count()) == (200, False, 0)
    assert b'name="password"' in answer.content
    assert b"csrfmiddlewaretoken" in answer.content


def test_the_right_password_signs_in_and_leads_to_the_list_of_logins() -> None:
    alice()
    browser = Client()

    answer = sign_in(browser)

    assert (answer.status_code, answer["Location"]) == (302, "/logins/")
    assert (touches_cookie(answer), who(browser)) == (True, "alice@example.com")


def test_a_browser_that_was_sent_here_goes_on_where_it_wanted_to() -> None:
    alice()
    browser = Client()
    sent = browser.get("/logins/?page=2")

    answer = browser.post(sent["Location"], {"email": "alice@example.com", "password": PASSWORD})

    assert answer["Location"] == "/logins/?page=2"


@pytest.mark.parametrize(("remember", "at_close"), [(None, True), ("on", False)])
def test_the_cookie_stays_when_the_browser_closes_only_for_whoever_asked(
    remember: str | None, at_close: bool
) -> None:
    alice()

    morsel = sign_in(Client(), remember=remember).cookies[NAME]

    assert (morsel["max-age"] == "") is at_close
    assert at_close or 0 < morsel["max-age"] <= 30 * 86_400


@pytest.mark.parametrize("changed", [{"password": OTHER_PASSWORD}, {"email": "nobody@example.com"}])
def test_wrong_credentials_show_the_form_again_without_the_password(changed: dict[str, str]) -> None:
    alice()

    answer = sign_in(Client(), **changed)

    assert (answer.status_code, touches_cookie(answer), Login.objects.count()) == (400, False, 0)
    assert b"No active account with this address and password." in answer.content
    assert PASSWORD.encode() not in answer.content
    assert OTHER_PASSWORD.encode() not in answer.content


@pytest.mark.parametrize("field", ["email", "password"])
def test_missing_empty_and_impossible_fields_are_refused(field: str) -> None:
    alice()

    for value in [None, "", "a" * 5_000, "\0" * 20, "\ud800".encode("utf-8", "surrogatepass")]:
        assert sign_in(Client(), **{field: value}).status_code == 400
    assert not Login.objects.exists()


def test_bytes_that_are_no_form_are_refused() -> None:
    bodies = [b"\xff\xfe\xfd", b"email=%ff&password=%00", b"&&&===", b"email[]=a&email=b", b"{}"]

    for body in bodies:
        answer = Client().post("/login/", body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 400
    assert not Login.objects.exists()


def test_a_body_that_is_too_long_is_refused_unread() -> None:
    answer = sign_in(Client(), password="a" * 10_000_000)

    assert (answer.status_code, Event.objects.count()) == (413, 0)


def test_who_tries_too_often_is_told_when_to_come_back(noted: Noted) -> None:
    """T14"""
    alice()
    for _attempt in range(6):
        answer = sign_in(Client(), password=OTHER_PASSWORD)

    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert sign_in(Client()).status_code == 429
    assert noted.names[-1] == "authn_login_fail_max"


def test_a_refusal_survives_a_transaction_around_the_request() -> None:
    """Feed 11: the count is committed, whatever the answer is."""
    alice()

    for _attempt in range(5):
        sign_in(Client(), password=OTHER_PASSWORD)

    assert sign_in(Client(), password=OTHER_PASSWORD).status_code == 429


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_for_the_sign_in_page(method: str) -> None:
    alice()
    body = f"email=alice%40example.com&password={PASSWORD}"

    answer = getattr(Client(), method)("/login/", body, content_type="application/x-www-form-urlencoded")

    assert Login.objects.count() == 0
    assert answer.status_code in (400, 405)


def test_signing_out_takes_a_post() -> None:
    browser = Client()
    browser.force_login(alice())

    for method in ["get", "head", "put", "patch", "delete", "options"]:
        assert getattr(browser, method)("/logout/").status_code == 405
    assert who(browser) == "alice@example.com"


def test_signing_out_leads_to_the_sign_in_page_and_clears_what_the_browser_holds() -> None:
    alice()
    browser = Client()
    sign_in(browser)

    answer = browser.post("/logout/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert answer["Clear-Site-Data"] == '"cache", "cookies", "storage"'


def test_only_the_sign_out_page_clears_what_the_browser_holds() -> None:
    alice()
    browser = Client()

    answers = [sign_in(browser), browser.get("/logins/"), browser.delete("/api/session/")]

    assert not any("Clear-Site-Data" in answer for answer in answers)


def test_the_page_of_whoever_is_signed_in_offers_to_sign_out() -> None:
    alice()
    browser = Client()
    sign_in(browser)

    answer = browser.get("/logins/")

    assert b'action="/logout/"' in answer.content
    assert b"alice@example.com" in answer.content


def test_a_browser_that_was_told_something_signs_in_as_ever() -> None:
    alice()
    browser = Client()
    put(browser, basket=[1])

    assert sign_in(browser).status_code == 302
    assert Session.objects.count() == 1
