"""The refresh token in a cookie: how it comes, what it takes to use it, who deletes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from accounts.logins import EndReason, Login
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from tests.tokens_stateless import doors
from tests.tokens_stateless.conftest import Noted, statements
from tests.tokens_stateless.test_end import rows
from tokens_stateless import refresh
from tokens_stateless.conf import Tokens
from tokens_stateless.models import Family

NAME = "refresh"
REFRESH, REVOKE = "/api/token/refresh/", "/api/token/revoke/"
SIMPLE = [doors.FORM, "multipart/form-data; boundary=x", "text/plain", ""]
HTTPS = Tokens(issuer="https://auth.example.com", audience="https://auth.example.com")


def browser() -> Client:
    """A browser: Django checks what it sends."""
    return Client(enforce_csrf_checks=True)


def send(client: Client, path: str, body: object = None, **headers: str) -> Any:
    """What a script of a page of ours is answered, which has asked for a CSRF token first."""
    told = client.get("/api/token/cookie/").json()
    return client.post(
        path, body or {}, "application/json", headers={"X-CSRFToken": told["csrf_token"], **headers}
    )


def sign_in(client: Client, email: str = "alice@example.com", password: str = PASSWORD) -> Any:
    """Have the refresh token put into a cookie of this browser."""
    return send(client, "/api/token/", {"email": email, "password": password, "transport": "cookie"})


def signed_in() -> Client:
    """Alice's browser."""
    alice()
    client = browser()
    assert sign_in(client).status_code == 200
    return client


def carried(client: Client) -> str:
    """The refresh token that this browser has."""
    return client.cookies[NAME].value


def set_by(answer: Any) -> Any:
    """What an answer does to the cookie, as http.cookies has it; None when it leaves it alone."""
    return answer.cookies.get(NAME) or answer.cookies.get(f"__Secure-{NAME}")


def after(seconds: float) -> Any:
    """The clock of this process, so much later."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False)


def test_a_browser_that_asks_for_it_gets_the_refresh_token_in_a_cookie_and_not_in_the_body() -> None:
    alice()
    client = browser()

    answer = sign_in(client)

    assert set(answer.json()) == {"access", "token_type", "expires_in"}
    assert doors.me(answer.json()["access"]).json()["email"] == "alice@example.com"
    assert refresh.read(carried(client)).login == Login.objects.get().pk
    assert carried(client) not in answer.text


def test_no_script_and_no_other_site_and_no_other_address_gets_the_cookie() -> None:
    morsel = signed_in().cookies[NAME]

    kept = {name: value for name, value in morsel.items() if value and name != "expires"}
    assert kept.pop("max-age") == 14 * 86400
    assert kept == {"path": "/api/token/", "httponly": True, "samesite": "Strict"}


@override_settings(TOKENS_STATELESS=HTTPS)
def test_over_https_the_cookie_is_secure_and_its_name_says_so() -> None:
    alice()

    morsel = set_by(sign_in(browser()))

    assert (morsel.key, morsel["secure"], morsel["domain"]) == ("__Secure-refresh", True, "")


def test_the_cookie_lives_while_it_can_be_used_and_never_beyond_the_login() -> None:
    client = signed_in()
    login, ages = Login.objects.get(), []

    for day in (12, 24, 29):
        with time_machine.travel(login.started_at + timedelta(days=day), tick=False):
            ages.append(int(set_by(send(client, REFRESH))["max-age"]))

    assert ages == [14 * 86400, 6 * 86400, 86400]


def test_a_refresh_by_cookie_moves_the_cookie_on_and_tells_no_refresh_token() -> None:
    client = signed_in()
    before = carried(client)

    answer = send(client, REFRESH)

    assert (answer.status_code, set(answer.json())) == (200, {"access", "token_type", "expires_in"})
    assert carried(client) == refresh.write(refresh.read(before).login, generation=1)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_token_in_the_body_goes_before_the_cookie_and_leaves_it_alone() -> None:
    client = signed_in()
    other = doors.sign_in().json()["refresh"]

    answer = client.post(REFRESH, {"refresh": other}, "application/json")

    assert (answer.status_code, set_by(answer)) == (200, None)
    assert refresh.read(answer.json()["refresh"]).login == refresh.read(other).login


def test_a_sign_out_by_cookie_ends_the_login_and_deletes_the_cookie() -> None:
    client = signed_in()

    answer = send(client, REVOKE)

    morsel = set_by(answer)
    assert (answer.status_code, answer.json()) == (200, {})
    assert (morsel["max-age"], morsel["path"], morsel.value) == (0, "/api/token/", "")
    assert Login.objects.get().end_reason == EndReason.LOGOUT


def test_another_sign_in_in_the_same_browser_takes_the_place_of_the_former() -> None:
    client, _bob = signed_in(), bob()
    former = refresh.read(carried(client)).login

    sign_in(client, "bob@example.com")

    assert Login.objects.get(pk=former).end_reason == EndReason.REPLACED
    assert Login.objects.live().get().user_id == _bob.pk


def test_a_wrong_password_ends_nothing_and_touches_no_cookie() -> None:
    client = signed_in()

    answer = sign_in(client, password=OTHER_PASSWORD)

    assert (answer.status_code, set_by(answer), Login.objects.live().count()) == (401, None, 1)


@pytest.mark.parametrize("path", [REFRESH, REVOKE, "/api/token/"])
@pytest.mark.parametrize("token", [None, "x", "a" * 32, "a" * 64])
def test_without_the_csrf_token_nothing_moves(path: str, token: str | None, noted: Noted) -> None:
    """T15; and no stranger signs a browser in as somebody else."""
    client = signed_in()
    before, headers = rows(), {"X-CSRFToken": token} if token else {}
    body = {"email": "alice@example.com", "password": PASSWORD, "transport": "cookie"}

    answer = client.post(path, body if path == "/api/token/" else {}, "application/json", headers=headers)

    assert (answer.status_code, answer.json()["code"], set_by(answer)) == (403, "csrf_failed", None)
    assert (rows(), Family.objects.get().generation) == (before, 0)
    assert Login.objects.live().count() == 1
    assert noted.events[-1]["name"] == "csrf_fail"


@pytest.mark.parametrize("path", [REFRESH, REVOKE])
@pytest.mark.parametrize(
    "said",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_another_site_moves_nothing_not_even_with_the_token(path: str, said: dict[str, str]) -> None:
    """T15: a second line, and the same without the project's middleware."""
    client = signed_in()
    middleware = [name for name in settings.MIDDLEWARE if "fetch_metadata" not in name]

    with_it = send(client, path, **said)
    with override_settings(MIDDLEWARE=middleware):
        # A client keeps the middleware that it began with.
        another = browser()
        another.cookies = client.cookies
        without_it = send(another, path, **said)

    assert [with_it.status_code, without_it.status_code] == [403, 403]
    assert (Family.objects.get().generation, Login.objects.live().count()) == (0, 1)


@pytest.mark.parametrize("path", [REFRESH, REVOKE])
@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("body", [b"", b"a=b"])
def test_what_a_form_of_another_site_could_send_is_not_taken(path: str, kind: str, body: bytes) -> None:
    """T15, ASVS 3.5.2"""
    client = signed_in()
    token = client.get("/api/token/cookie/").json()["csrf_token"]

    answer = client.generic("POST", path, body, content_type=kind, headers={"X-CSRFToken": token})

    assert (answer.status_code, set_by(answer)) == (415, None)
    assert (Family.objects.get().generation, Login.objects.live().count()) == (0, 1)


def test_an_anonymous_sign_out_writes_nothing_and_deletes_nothing() -> None:
    """T15"""
    client, before = browser(), rows()

    answers = [client.post(REVOKE, {}, "application/json"), send(client, REVOKE)]
    client.cookies[NAME] = "made-up"
    answers += [client.post(REVOKE, {}, "application/json")]
    with statements(0):
        answers += [send(client, REVOKE)]

    assert [answer.status_code for answer in answers] == [415, 415, 403, 200]
    assert [bool(set_by(answer)) for answer in answers] == [False, False, False, True]
    assert rows() == before


def test_without_token_and_cookie_a_refresh_asks_for_one() -> None:
    answer = send(browser(), REFRESH)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"refresh"})


def test_a_tab_that_has_lost_leaves_the_winners_cookie_alone() -> None:
    """T3: the loser's token is spent, its Login has ended; the browser has a better one by now."""
    winner = signed_in()
    loser = browser()
    loser.cookies[NAME] = carried(winner)
    for _ in range(2):
        with after(11):
            send(winner, REFRESH)
    sign_in(winner)

    refused = send(loser, REFRESH)

    assert (refused.status_code, set_by(refused)) == (401, None)
    assert send(winner, REFRESH).status_code == 200


def test_tabs_of_one_moment_end_with_the_same_cookie() -> None:
    """T3: in whatever order their answers arrive."""
    client = signed_in()
    before = carried(client)

    found = set()
    for _ in range(5):
        client.cookies[NAME] = before
        assert send(client, REFRESH).status_code == 200
        found.add(carried(client))

    assert len(found) == 1


@pytest.mark.parametrize("good_first", [True, False])
@pytest.mark.parametrize("path", [REFRESH, REVOKE])
def test_a_cookie_that_comes_twice_is_not_believed(good_first: bool, path: str, noted: Noted) -> None:
    """S16: a sibling domain can plant one beside ours."""
    client = signed_in()
    pairs = [f"{NAME}={carried(client)}", f"{NAME}=planted"]
    csrf = f"{settings.CSRF_COOKIE_NAME}={client.cookies[settings.CSRF_COOKIE_NAME].value}"
    token = client.get("/api/token/cookie/").json()["csrf_token"]
    cookies = "; ".join([csrf, *(pairs if good_first else pairs[::-1])])

    with statements(0):
        answer = browser().post(
            path, {}, "application/json", headers={"Cookie": cookies, "X-CSRFToken": token}
        )

    assert (answer.status_code, answer.json()["code"], set_by(answer)) == (401, "token_not_valid", None)
    assert noted.events[-1]["name"] == "refresh_cookie_twice"
    assert (Family.objects.get().generation, Login.objects.live().count()) == (0, 1)


def test_a_page_learns_whether_there_is_a_cookie_and_the_csrf_token_and_nothing_else() -> None:
    client, stranger = signed_in(), browser()

    with statements(0):
        answers = [stranger.get("/api/token/cookie/"), client.get("/api/token/cookie/")]

    assert [answer.json()["present"] for answer in answers] == [False, True]
    assert {frozenset(answer.json()) for answer in answers} == {frozenset({"present", "csrf_token"})}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert settings.CSRF_COOKIE_NAME in stranger.cookies


@pytest.mark.parametrize("transport", ["", "header", None, True, ["cookie"], "COOKIE"])
def test_another_transport_is_none(transport: object) -> None:
    alice()

    answer = doors.post(
        "/api/token/", {"email": "alice@example.com", "password": PASSWORD, "transport": transport}
    )

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"transport"})
    assert Login.objects.count() == 0


@override_settings(TOKENS_STATELESS=HTTPS)
def test_over_https_the_plain_name_counts_for_nothing() -> None:
    client = browser()
    client.cookies[NAME] = doors.refresh(doors.sign_in(alice().email).json()["refresh"]).json()["refresh"]

    answer = send(client, REFRESH)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"refresh"})
