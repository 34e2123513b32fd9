"""Exchange (RFC 8693): shorter, narrower, dead with its parent, and good for nothing here."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts import logins
from accounts.known import Known
from accounts.logins import EndReason, Login
from accounts.testing import alice, bob
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.callers import ACCESS_TOKEN, API, GRANT, OTHER, Party, ask, page, party, post
from tests.tokens_stateless.conftest import Aside, Held
from tokens_stateless import authenticate, clients, exchange
from tokens_stateless.models import Client

CLAIMS = {"iss", "aud", "sub", "client_id", "iat", "exp", "auth_time", "jti", "sid", "ver", "scope"}


@pytest.fixture
def reports() -> Party:
    return party()


def refusal(answer: Any) -> tuple[int, str]:
    """Its status and OAuth's word."""
    return answer.status_code, answer.json()["error"]


def test_a_back_end_gets_a_token_that_acts_for_the_person(held: Held, reports: Party) -> None:
    answer = reports.exchange(held.access)

    told, parent = answer.json(), forge.read(held.access)[1]
    header, child = forge.read(told.pop("access_token"))
    assert told == {
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 120,
        "scope": "read write",
    }
    assert (header["typ"], header["alg"], set(child)) == ("at+jwt", "ES256", CLAIMS | {"act"})
    assert {name: child[name] for name in ("iss", "sub", "sid", "auth_time")} == {
        name: parent[name] for name in ("iss", "sub", "sid", "auth_time")
    }
    assert (child["aud"], child["client_id"], child["act"]) == (
        API,
        reports.client.pk,
        {"sub": reports.client.pk},
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_page_gets_one_for_the_session_that_it_carries(reports: Party) -> None:
    alice()

    answer = ask(page(), scope="read")

    child = forge.read(answer.json()["access_token"])[1]
    assert (answer.status_code, set(child)) == (200, CLAIMS)
    assert (child["client_id"], child["scope"]) == ("first-party", "read")
    assert child["sid"] == str(Login.objects.get(flow="session").pk)


def test_it_says_nothing_of_the_persons_address_and_rights(held: Held, reports: Party) -> None:
    held.user.is_staff = held.user.is_superuser = True
    held.user.save()
    access = doors.refresh(held.refresh).json()["access"]

    _header, child = forge.read(reports.child(access))

    assert "alice" not in str(child)
    assert not {"email", "is_staff", "is_superuser"} & set(child)


def test_it_ends_with_its_parent_at_the_latest(held: Held, reports: Party) -> None:
    parent = forge.read(held.access)[1]

    with time_machine.travel(parent["exp"] - 40, tick=False):
        answer = reports.exchange(held.access).json()

    assert answer["expires_in"] == 40
    assert forge.read(answer["access_token"])[1]["exp"] == parent["exp"]


def test_it_ends_with_the_login_at_the_latest(held: Held, reports: Party) -> None:
    Login.objects.update(expires_at=timezone.now() + timedelta(seconds=30))

    answer = reports.exchange(held.access).json()

    assert 28 <= answer["expires_in"] <= 30


def test_the_leeway_of_a_parent_is_not_passed_on(held: Held, reports: Party) -> None:
    with time_machine.travel(forge.read(held.access)[1]["exp"] + 5, tick=False):
        answer = reports.exchange(held.access)

    assert (refusal(answer), answer.json()["code"]) == ((400, "invalid_request"), "token_not_valid")


@pytest.mark.parametrize(
    ("asked", "given"),
    [("read", "read"), ("write read", "write read"), ("read read", "read"), ("", "read write")],
)
def test_a_scope_is_what_was_asked_of_what_may_be_had(
    held: Held, reports: Party, asked: str, given: str
) -> None:
    answer = reports.exchange(held.access, scope=asked).json()

    assert (answer["scope"], forge.read(answer["access_token"])[1]["scope"]) == (given, given)


@pytest.mark.parametrize("scope", ["admin", "read admin", "READ", "read  write", " read", 'read"', "re\tad"])
def test_a_wider_scope_is_refused(held: Held, reports: Party, scope: str) -> None:
    answers = [reports.exchange(held.access, scope=scope), ask(page(), scope=scope)]

    assert [refusal(answer) for answer in answers] == [(400, "invalid_scope")] * 2


def test_a_client_without_scopes_gets_a_token_without(held: Held) -> None:
    answer = party(scopes="").exchange(held.access).json()

    assert "scope" not in answer
    assert "scope" not in forge.read(answer["access_token"])[1]


def test_only_an_audience_of_the_clients_own_is_given(held: Held, reports: Party) -> None:
    """Not the project's own either, whatever the client's row says."""
    party(audiences=(OTHER,))
    own = settings.TOKENS_STATELESS.audience
    inside = party(audiences=(API, own))

    answers = [
        reports.exchange(held.access, audience=OTHER),
        reports.exchange(held.access, audience=API + "/"),
        inside.exchange(held.access, audience=own),
        reports.exchange(held.access, resource=API),
    ]

    assert [refusal(answer) for answer in answers] == [(400, "invalid_target")] * 4


def test_a_page_may_ask_for_audiences_that_are_marked_so(reports: Party) -> None:
    """Of clients that are switched on; and never for the project's own."""
    alice()
    own = settings.TOKENS_STATELESS.audience
    party(audiences=(OTHER,), may_exchange=True)
    party(audiences=(own,))
    browser = page()
    reports.client.is_active = False
    clients.change(reports.client, ["is_active"])

    answers = [ask(browser, audience=audience) for audience in (OTHER, own, API, "https://nobody.example")]

    assert [refusal(answer) for answer in answers] == [(400, "invalid_target")] * 4


def test_it_is_refused_at_every_door_of_ours(held: Held, reports: Party) -> None:
    """Also where the parent, or the child before, is remembered as good."""
    child = reports.child(held.access)
    doors.me(held.access)
    reports.introspect(child)

    for _ in range(2):
        answers = [doors.me(child), doors.logins(child), doors.verify(child), doors.refresh(child)]
        assert [answer.status_code for answer in answers] == [401] * 4
    assert doors.me(held.access).status_code == 200


def test_it_cannot_be_exchanged_again(held: Held, reports: Party) -> None:
    """Neither by its own client nor by another, not even by one that stands for both audiences."""
    other = party(audiences=(OTHER, API))
    child = reports.child(held.access)

    answers = [reports.exchange(child), other.exchange(child, audience=OTHER), reports.exchange(held.refresh)]

    assert [refusal(answer) for answer in answers] == [(400, "invalid_request")] * 3
    assert {answer.json()["code"] for answer in answers} == {"token_not_valid"}


def test_one_end_kills_both(reports: Party) -> None:
    alice()
    browser = page()
    child = ask(browser).json()["access_token"]

    logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert reports.introspect(child).json() == {"active": False}
    assert refusal(ask(browser)) == (401, "invalid_client")


def test_a_stale_parent_is_told_so_and_goes_on_after_a_refresh(held: Held, reports: Party) -> None:
    held.user.is_staff = True
    held.user.save()

    stale = reports.exchange(held.access)
    fresh = reports.exchange(doors.refresh(held.refresh).json()["access"])

    assert (refusal(stale), stale.json()["code"]) == ((400, "invalid_request"), "token_stale")
    assert (fresh.status_code, held.login.ended_at) == (200, None)


def test_a_parent_that_this_process_thinks_fresh_is_stale_all_the_same(
    held: Held, reports: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is asked, not the standing."""
    monkeypatch.setattr(Known, "learn", lambda _self, **_news: None)
    held.user.is_staff = True
    held.user.save()

    answer = reports.exchange(held.access)

    assert doors.me(held.access).status_code == 200, "else this test shows nothing"
    assert answer.json()["code"] == "token_stale"


@pytest.mark.parametrize("what", ["ended", "disabled", "deleted"])
def test_nothing_comes_out_of_a_login_that_has_ended(held: Held, reports: Party, what: str) -> None:
    if what == "ended":
        logins.end([held.login.pk], reason=EndReason.LOGOUT)
    elif what == "deleted":
        held.user.delete()
    else:
        held.user.is_active = False
        held.user.save()

    answer = reports.exchange(held.access)

    assert (refusal(answer), answer.json()["code"]) == ((400, "invalid_request"), "token_not_valid")


def held_at(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Have an exchange say that this step of its is done, and wait there; set the second to let it go on."""
    where: Any = exchange if name == "_locked" else authenticate
    step = getattr(where, name)
    done, go = threading.Event(), threading.Event()

    def waiting(*arguments: Any) -> Any:
        found = step(*arguments)
        done.set()
        assert go.wait(10)
        return found

    monkeypatch.setattr(where, name, waiting)
    return done, go


def test_an_end_after_the_check_and_before_the_lock_wins(
    held: Held, reports: Party, aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token was good by its signature and by standing; the ledger knows better."""
    checked, go = held_at("verify", monkeypatch)
    asked = aside(lambda: reports.exchange(held.access))
    assert checked.wait(10)

    logins.end([held.login.pk], reason=EndReason.LOGOUT)
    go.set()

    assert refusal(asked.result(10)) == (400, "invalid_request")


def test_an_end_after_the_lock_kills_what_is_about_to_be_answered(
    held: Held, reports: Party, aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the exchange, so it comes after it, and the answer arrives dead."""
    locked, go = held_at("_locked", monkeypatch)
    asked = aside(lambda: reports.exchange(held.access))
    assert locked.wait(10)

    ended = aside(lambda: logins.end([held.login.pk], reason=EndReason.LOGOUT))
    waited = wait([ended], timeout=0.3).not_done == {ended}
    go.set()

    assert (waited, ended.result(10)) == (True, 1)
    assert reports.introspect(asked.result(10).json()["access_token"]).json() == {"active": False}


def test_twenty_at_once_all_work(held: Held, reports: Party, aside: Aside) -> None:
    asked = [aside(lambda: reports.child(held.access)) for _ in range(20)]
    children = [each.result() for each in asked]

    assert len({forge.read(child)[1]["jti"] for child in children}) == 20
    assert all(reports.introspect(child).json()["active"] for child in children)


def test_a_page_proves_that_it_is_ours(reports: Party) -> None:
    """CSRF token, Origin and Sec-Fetch-Site: any one that is wrong is enough."""
    alice()
    browser = page()
    token = browser.defaults.pop("HTTP_X_CSRFTOKEN")
    form = {"grant_type": GRANT, "audience": API}
    wrong: list[dict[str, str]] = [
        {},
        {"X-CSRFToken": "x" * 64},
        {"X-CSRFToken": token, "Origin": "https://evil.example"},
        {"X-CSRFToken": token, "Sec-Fetch-Site": "cross-site"},
        {"X-CSRFToken": token, "Sec-Fetch-Site": "same-site"},
    ]

    answers = [post("exchange", form, browser, **headers) for headers in wrong]

    assert {(*refusal(answer), answer.json()["code"]) for answer in answers} == {
        (403, "invalid_request", "csrf_failed")
    }
    assert post("exchange", form, browser, **{"X-CSRFToken": token}).status_code == 200


def test_a_page_without_a_live_session_gets_nothing(held: Held, reports: Party) -> None:
    """An access token is no session, in whatever header; a page never sees Basic's challenge."""
    form = {"grant_type": GRANT, "audience": API}

    answers = [
        post("exchange", form),
        post("exchange", form, Authorization=f"Bearer {held.access}"),
        post("exchange", {**form, "subject_token": held.access, "subject_token_type": ACCESS_TOKEN}),
    ]

    assert [refusal(answer) for answer in answers] == [(401, "invalid_client")] * 3
    assert not any("Basic" in answer.headers["WWW-Authenticate"] for answer in answers)


def test_a_page_cannot_exchange_a_token_in_place_of_its_session(held: Held, reports: Party) -> None:
    """That takes a client's secret, whoever is signed in."""
    answer = ask(page(), subject_token=held.access, subject_token_type=ACCESS_TOKEN)

    assert refusal(answer) == (401, "invalid_client")


def test_a_session_is_not_lent_to_a_client(held: Held, reports: Party) -> None:
    """With a client's credentials the subject is the token alone, whoever is signed in in that browser."""
    bob()
    browser = page("bob@example.com")
    form = {"grant_type": GRANT, "audience": API, **reports.named}

    without = post("exchange", form, browser)
    answer = post(
        "exchange", {**form, "subject_token": held.access, "subject_token_type": ACCESS_TOKEN}, browser
    )

    assert refusal(without) == (400, "invalid_request")
    assert forge.read(answer.json()["access_token"])[1]["sub"] == str(held.user.public_id)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"audience": ""}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"subject_token": "x"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"audience": "x" * 5000}, "invalid_request"),
        ({"audience": "a\0b"}, "invalid_request"),
        ({"scope": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")}, "invalid_scope"),
    ],
    ids=str,
)
def test_a_request_that_is_not_right_is_told_so(
    held: Held, reports: Party, changes: dict[str, str], error: str
) -> None:
    answer = reports.exchange(held.access, **changes)

    assert refusal(answer) == (400, error)
    assert all(32 <= ord(character) < 127 for character in answer.json()["error_description"])


def test_its_lifetime_is_a_setting_and_longer_tokens_are_none(
    held: Held, reports: Party, settings: Any
) -> None:
    child = reports.child(held.access)
    # Half of it: what lives longer than the setting allows is refused, also when it was issued before.
    settings.TOKENS_STATELESS = replace(
        settings.TOKENS_STATELESS, exchange_lifetime=settings.TOKENS_STATELESS.exchange_lifetime / 2
    )

    assert reports.exchange(held.access).json()["expires_in"] == 60
    assert reports.introspect(child).json() == {"active": False}


def test_nothing_is_written_by_it(held: Held, reports: Party) -> None:
    """Neither a token nor a row for each: one Login, one client, as before."""
    before = list(Login.objects.values()), list(Client.objects.values())

    reports.child(held.access)

    assert (list(Login.objects.values()), list(Client.objects.values())) == before


def test_a_browser_of_nobody_gets_nothing(reports: Party) -> None:
    """Anonymous, with a CSRF token."""
    browser = Browser(enforce_csrf_checks=True)
    browser.defaults["HTTP_X_CSRFTOKEN"] = browser.get("/api/session/").json()["csrf_token"]

    assert refusal(ask(browser)) == (401, "invalid_client")
