"""When an answer sets the cookie, when it deletes it, and above all when it leaves it alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.contrib import auth, messages
from django.db import OperationalError
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.testing import alice, bob
from sessions_stateful import durable, keys
from sessions_stateful.models import Session
from sessions_stateful.store import SessionStore
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.third_party import (
    async_visit,
    held_request,
    holding,
    key,
    put,
    statements,
    tab,
    touches_cookie,
    visit,
    who,
)

pytestmark = pytest.mark.urls("tests.sessions_stateful.third_party")

NAME = settings.SESSION_COOKIE_NAME


def signed_in(person: Any = None) -> Client:
    browser = Client()
    browser.force_login(person or alice())
    return browser


def write(request: Any) -> None:
    request.session["colour"] = "red"


def say(request: Any) -> None:
    messages.info(request, "Something has happened.")


async def awrite(request: Any) -> None:
    await request.session.aset("colour", "red")


async def asay(request: Any) -> None:
    await sync_to_async(say)(request)


def end(request: Any) -> None:
    logins.end([request.login_id], reason=EndReason.REVOKED_BY_OPERATOR)


def test_who_only_reads_gets_no_cookie() -> None:
    answer = visit(Client(), lambda request: (request.user.is_authenticated, request.session.get("colour")))

    assert (answer.content, answer.cookies) == (b"(False, None)", {})
    assert not Session.objects.exists()


def test_an_anonymous_session_is_stored_once_something_is_put_in() -> None:
    browser = Client()

    answer = visit(browser, write)

    assert touches_cookie(answer)
    assert SessionStore(key(browser))["colour"] == "red"


def test_an_async_view_may_put_something_in() -> None:
    """S12"""
    browser = AsyncClient()

    answer = async_visit(browser, awrite)

    assert touches_cookie(answer)
    assert SessionStore(key(browser))["colour"] == "red"


def test_the_cookie_is_httponly_lax_for_the_whole_site_and_for_no_other_host() -> None:
    morsel = visit(Client(), write).cookies[NAME]

    assert {name: value for name, value in morsel.items() if value} == {
        "httponly": True,
        "path": "/",
        "samesite": "Lax",
    }


def test_caches_are_told_when_the_session_was_asked_for_and_only_then() -> None:
    browser = signed_in()
    # What is not public varies with the cookie of the language in any case.
    public = {"Cache-Control": "public"}

    def ask(request: Any) -> HttpResponse:
        return HttpResponse(request.session.get("colour"), headers=public)

    assert "Cookie" in visit(browser, ask).headers["Vary"]
    assert "Cookie" not in visit(browser, lambda _: HttpResponse("seen", headers=public)).headers.get(
        "Vary", ""
    )


def test_an_answer_that_failed_stores_nothing() -> None:
    browser = signed_in()

    def fail(request: Any) -> HttpResponse:
        write(request)
        return HttpResponse(status=500)

    assert not touches_cookie(visit(browser, fail))
    assert "colour" not in SessionStore(key(browser))


def test_an_unchanged_session_is_neither_written_nor_sent_again() -> None:
    browser = signed_in()
    before = Session.objects.get().version

    assert not touches_cookie(browser.get("/api/me/"))
    assert Session.objects.get().version == before


def test_a_request_that_writes_costs_two_statements() -> None:
    browser = signed_in()

    with statements(2):
        visit(browser, write)


@pytest.mark.parametrize("good_first", [True, False])
@pytest.mark.parametrize("between", ["; ", ";", " ; other=1;  "])
def test_a_cookie_that_comes_twice_is_not_believed(good_first: bool, between: str, noted: Noted) -> None:
    """S16"""
    good, bad = f"{NAME}={key(signed_in())}", f"{NAME}=x"

    with statements(0):
        cookie = between.join([good, bad] if good_first else [bad, good])
        answer = Client().get("/api/me/", headers={"Cookie": cookie})

    assert (answer.status_code, touches_cookie(answer)) == (401, False)
    assert noted.names[-1:] == ["session_cookie_twice"]


def test_not_even_the_same_one_twice_is_believed() -> None:
    """S16"""
    cookie = f"{NAME}={key(signed_in())}"

    assert Client().get("/api/me/", headers={"Cookie": f"{cookie}; {cookie}"}).status_code == 401


@pytest.mark.parametrize("name", [NAME.upper(), f"__Host-{NAME}", f"{NAME}2", f"x{NAME}", ""])
def test_a_cookie_of_another_name_is_not_the_session_s(name: str) -> None:
    session_key = key(signed_in())

    assert Client().get("/api/me/", headers={"Cookie": f"{name}={session_key}"}).status_code == 401
    both = {"Cookie": f"{NAME}={session_key}; {name}=x"}
    assert Client().get("/api/me/", headers=both).status_code == 200


@pytest.mark.parametrize("where", ["?{0}={1}", "{1}/"])
def test_a_key_in_the_address_counts_for_nothing(where: str) -> None:
    session_key = key(signed_in())

    answer = Client().get("/api/me/" + where.format(NAME, session_key), headers={"X-Session": session_key})

    assert answer.status_code in (401, 404)


@pytest.mark.parametrize("act", [lambda request: "seen", write, say])
def test_a_replaced_key_is_nobody_s_and_its_answer_touches_no_cookie(act: Callable[[Any], Any]) -> None:
    """Feed 14: the winner's cookie stands, whatever the late request puts into its session."""
    browser, person = Client(), alice()
    put(browser, colour="blue")
    late = tab(browser)
    browser.force_login(person)

    answer = visit(late, act)

    assert (answer.status_code, touches_cookie(answer), who(late)) == (200, False, None)
    assert Session.objects.count() == 1


@pytest.mark.parametrize("act", [awrite, asay])
def test_nor_does_the_answer_of_an_async_view(act: Callable[[Any], Any]) -> None:
    """Feed 14"""
    browser, person = Client(), alice()
    put(browser, colour="blue")
    late = AsyncClient()
    late.cookies[NAME] = key(browser)
    browser.force_login(person)

    assert not touches_cookie(async_visit(late, act))
    assert Session.objects.count() == 1


@pytest.mark.parametrize("act", [write, say, lambda request: request.session.create()])
def test_a_key_that_gave_way_to_another_person_touches_no_cookie(act: Callable[[Any], Any]) -> None:
    """Feed 14"""
    browser = signed_in()
    late = tab(browser)
    browser.force_login(bob())

    answer = visit(late, act)

    assert (touches_cookie(answer), who(late), who(browser)) == (False, None, "bob@example.com")


def test_a_late_request_may_still_sign_in() -> None:
    browser, person = Client(), alice()
    put(browser, colour="blue")
    late = tab(browser)
    browser.force_login(person)

    visit(late, lambda request: auth.login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0]))

    assert (who(late), who(browser)) == ("alice@example.com", "alice@example.com")


def test_an_ended_session_is_nobody_s_and_its_cookie_stays_where_it_is() -> None:
    """S6: the same answer as that of a store that forgot, so a cookie is never deleted because of it."""
    browser = signed_in()
    logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    answer = visit(browser, lambda request: request.user.is_authenticated)

    assert (answer.content, touches_cookie(answer)) == (b"False", False)


@pytest.mark.parametrize("where", ["/api/me/", "/logins/"])
def test_a_store_that_is_away_costs_nobody_the_cookie(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S6"""
    browser = signed_in()
    browser.raise_request_exception = False

    def fail(key_hash: str) -> None:
        raise OperationalError

    with monkeypatch.context() as away:
        away.setattr(durable, "load", fail)
        answer = browser.get(where)

    assert (answer.status_code, answer["Retry-After"], touches_cookie(answer)) == (503, "1", False)
    assert who(browser) == "alice@example.com"


def test_nor_does_one_that_is_away_when_a_change_is_to_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """S6: here the middleware fails, after the view."""
    browser = signed_in()
    browser.raise_request_exception = False

    def fail(*_write: object) -> bool:
        raise OperationalError

    with monkeypatch.context() as away:
        away.setattr(durable, "update", fail)
        answer = put(browser, colour="red")

    assert (answer.status_code, answer["Retry-After"], touches_cookie(answer)) == (503, "1", False)
    assert who(browser) == "alice@example.com"


def test_whose_session_has_ended_can_be_told_something() -> None:
    browser = signed_in()
    old = key(browser)
    logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    visit(browser, say)

    assert key(browser) != old
    assert b"Something has happened." in browser.get("/login/").content


@pytest.mark.parametrize("act", [write, say])
def test_a_session_that_was_killed_under_way_is_not_stored_again(act: Callable[[Any], Any]) -> None:
    browser = signed_in()

    with held_request(browser, act) as held:
        logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert (held.answer.status_code, touches_cookie(held.answer)) == (400, False)
    assert (who(browser), Session.objects.count()) == (None, 0)


def test_nor_is_it_by_an_async_view() -> None:
    browser = AsyncClient()
    browser.force_login(alice())

    async def act(request: Any) -> None:
        await request.auser()
        await sync_to_async(end)(request)
        await awrite(request)

    answer = async_visit(browser, act)

    assert (answer.status_code, touches_cookie(answer), Session.objects.count()) == (400, False, 0)


def test_who_only_reads_while_the_session_is_killed_is_answered() -> None:
    browser = signed_in()

    with held_request(browser, lambda request: request.user.email) as held:
        logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert (held.answer.content, touches_cookie(held.answer)) == (b"alice@example.com", False)


@pytest.mark.parametrize("then", ["cycle_key", "create", "flush"])
def test_whatever_is_done_to_a_session_that_was_killed_it_is_not_stored_again(then: str) -> None:
    browser = signed_in()

    def act(request: Any) -> None:
        write(request)
        getattr(request.session, then)()

    with held_request(browser, act) as held:
        logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert held.answer.status_code == (200 if then == "flush" else 400)
    assert (who(browser), Session.objects.count()) == (None, 0)


@pytest.mark.parametrize("right", ["is_staff", "is_superuser"])
@pytest.mark.parametrize("act", [lambda request: request.user.email, write, say])
def test_raised_rights_bring_a_new_key_with_the_next_answer(right: str, act: Callable[[Any], Any]) -> None:
    """S14"""
    person = alice()
    browser = signed_in(person)
    old = tab(browser)
    setattr(person, right, True)
    person.save()

    answer = visit(browser, act)

    assert touches_cookie(answer)
    assert (who(browser), who(old), Session.objects.count()) == (person.email, None, 1)


def test_a_change_is_kept_when_rights_are_raised() -> None:
    person = alice()
    browser = signed_in(person)
    person.is_staff = True
    person.save()

    visit(browser, write)

    assert SessionStore(key(browser))["colour"] == "red"
    assert not touches_cookie(visit(browser, lambda request: request.user.email))


def test_raised_rights_keep_the_login() -> None:
    person = alice()
    browser = signed_in(person)
    login = Login.objects.get()
    person.is_staff = True
    person.save()

    assert browser.get("/api/me/").json()["login"] == str(login.pk)
    assert browser.get("/api/me/").json()["login"] == str(login.pk)


def test_of_two_answers_with_raised_rights_one_brings_the_key_and_both_are_good() -> None:
    person = alice()
    browser = signed_in(person)
    person.is_staff = True
    person.save()
    second = tab(browser)

    with held_request(browser, lambda request: request.user.email) as held:
        visit(second, lambda request: request.user.email)

    assert (held.answer.status_code, touches_cookie(held.answer)) == (200, False)
    assert who(second) == person.email


def test_lost_rights_bring_no_new_key() -> None:
    person = alice()
    person.is_staff = True
    person.save()
    browser = signed_in(person)

    person.is_staff = False
    person.save()

    assert not touches_cookie(browser.get("/api/me/"))


@pytest.mark.parametrize(("expiry", "most"), [(10, 10), (10**9, 43_200), (None, 0), (0, 0)])
def test_no_cookie_outlives_its_login_whatever_a_view_asks_for(expiry: int | None, most: int) -> None:
    browser = signed_in()

    def ask(request: Any) -> None:
        request.session.set_expiry(expiry)
        write(request)

    answer = visit(browser, ask)

    age = answer.cookies[NAME]["max-age"] or 0
    assert most - 10 <= age <= most
    assert Session.objects.get().expires_at <= Login.objects.get().expires_at


def test_a_session_may_be_made_shorter_than_its_login() -> None:
    browser = signed_in()
    visit(browser, lambda request: request.session.set_expiry(60))

    left = Session.objects.get().expires_at - Login.objects.get().started_at

    assert left < timedelta(minutes=2)


def test_saving_with_every_request_stores_nothing_under_a_key_that_is_gone() -> None:
    browser = holding(keys.new_key())

    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        untouched = visit(browser, lambda request: "seen")
        asked = visit(browser, lambda request: request.user.is_authenticated)

    assert [answer.status_code for answer in (untouched, asked)] == [200, 200]
    assert not Session.objects.exists()


def test_saving_with_every_request_saves() -> None:
    browser = signed_in()
    before = Session.objects.get().version

    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        answer = browser.get("/api/me/")

    assert touches_cookie(answer)
    assert Session.objects.get().version == before + 1


def test_an_answer_without_a_session_passes() -> None:
    from sessions_stateful.middleware import SessionMiddleware

    middleware = SessionMiddleware(lambda request: HttpResponse())
    request, response = object(), HttpResponse()

    assert middleware.process_response(request, response) is response  # type: ignore[arg-type]


def test_under_asgi_the_whole_way_is_the_same() -> None:
    browser = AsyncClient()
    browser.force_login(alice())

    answer = async_to_sync(browser.get)("/api/me/")

    assert answer.json()["email"] == "alice@example.com"
