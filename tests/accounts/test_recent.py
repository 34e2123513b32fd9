"""What wants a password that was entered lately: views of Django's and of DRF's, in both flows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone
from django.views import View
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import carried, checks, conf, recent
from accounts.carried import Carried
from accounts.errors import AuthenticationTooOld, InvalidCredentials
from accounts.logins import Login
from accounts.testing import PASSWORD, alice, bob
from authdemo.urls import handler400, handler403, handler404, handler500
from tests.accounts.aged import three_minutes_on
from tests.accounts.rows import a_request
from tests.accounts.staff import enter, token

__all__ = ["handler400", "handler403", "handler404", "handler500"]

pytestmark = pytest.mark.urls(__name__)

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
done: list[str] = []


def act(request: HttpRequest) -> HttpResponse:
    """What is dangerous."""
    done.append(f"{request.method}")
    return HttpResponse("done")


class OfDjango(recent.RecentMixin, View):
    """A class of Django's."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return act(request)

    post = get


class Awaited(recent.RecentMixin, View):
    """One whose methods are awaited."""

    recent_back = "logins"

    async def get(self, request: HttpRequest) -> HttpResponse:
        return act(request)

    async def post(self, request: HttpRequest) -> HttpResponse:
        return act(request)


@recent.required
async def awaited(request: HttpRequest) -> HttpResponse:
    """A coroutine."""
    return act(request)


class Long(recent.IsRecent):
    within = HOUR


class OfDRF(APIView):
    """A class of DRF's."""

    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated, recent.IsRecent)

    def get(self, request: Request) -> Response:
        act(request._request)
        return Response({})

    post = get


class Lenient(OfDRF):
    permission_classes = (Long,)


def middle(request: HttpRequest) -> HttpResponse:
    """Asks when it knows what is wanted."""
    return recent.ask(request, within=SECOND) or act(request)


def no_atomic(view: Any) -> Any:
    """Django refuses an async view under ATOMIC_REQUESTS."""
    return transaction.non_atomic_requests(view)


urlpatterns = [
    path("bare/", recent.required(act)),
    path("back/", recent.required(back="logins")(act)),
    path("lenient/", recent.required(within=HOUR)(act)),
    path("middle/", middle),
    path("class/", OfDjango.as_view()),
    path("coroutine/", no_atomic(awaited)),
    path("awaited/", no_atomic(Awaited.as_view())),
    path("api/strict/", OfDRF.as_view()),
    path("api/lenient/", Lenient.as_view()),
    path("", include("authdemo.urls")),
]
OF_DJANGO = ["/bare/", "/back/", "/middle/", "/class/", "/coroutine/", "/awaited/"]


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    done.clear()


def again(then: str, **more: str) -> str:
    """Where somebody is sent."""
    return f"/login/again/?{urlencode({'next': then, **more})}"


@pytest.mark.parametrize("where", [*OF_DJANGO, "/api/strict/"])
def test_who_has_just_signed_in_is_not_asked(where: str) -> None:
    browser = enter(alice().email)

    assert (browser.get(where).status_code, done) == (200, ["GET"])


@pytest.mark.parametrize("where", OF_DJANGO)
def test_a_session_is_sent_to_enter_the_password_and_led_back(where: str) -> None:
    browser = enter(alice().email)

    with three_minutes_on():
        answer = browser.get(f"{where}?page=2")

    expected = again("/logins/" if where in ("/back/", "/awaited/") else f"{where}?page=2")
    assert (answer.status_code, answer.headers["Location"], done) == (302, expected, [])


@pytest.mark.parametrize("where", OF_DJANGO)
def test_what_a_form_asked_for_is_not_done_and_that_is_said(where: str) -> None:
    """Nothing of it is in the address, and what is led back to is a GET."""
    browser = enter(alice().email)

    with three_minutes_on():
        answer = browser.post(where, {"secret": "abracadabra"})

    assert (answer.status_code, answer.headers["Location"]) == (302, again("/logins/", undone="1"))
    assert done == []


@pytest.mark.parametrize("where", OF_DJANGO)
def test_nobody_is_sent_to_sign_in(where: str) -> None:
    answer = Client().get(where)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=")
    assert done == []


def test_who_has_entered_it_again_goes_on() -> None:
    browser = enter(alice().email)

    with three_minutes_on():
        asked = browser.get("/bare/")
        then = browser.post(asked.headers["Location"], {"password": PASSWORD})
        answer = browser.get(then.headers["Location"])

    assert (answer.content, done) == (b"done", ["GET"])
    assert Login.objects.count() == 1


def test_an_awaited_request_is_asked_like_any_other() -> None:
    browser = AsyncClient()
    browser.force_login(alice())

    with three_minutes_on():
        answers = [async_to_sync(browser.get)(where) for where in ("/coroutine/", "/awaited/", "/bare/")]

    assert [answer.status_code for answer in answers] == [302] * 3
    assert done == []


def test_a_view_may_be_more_patient_or_less() -> None:
    browser = enter(alice().email)

    with three_minutes_on():
        patient = [browser.get("/lenient/").status_code, browser.get("/api/lenient/").status_code]
    with time_machine.travel(timezone.now() + 2 * SECOND, tick=False):
        impatient = browser.get("/middle/").status_code

    assert (patient, impatient) == ([200, 200], 302)


@pytest.mark.parametrize(("enters", "scheme"), [(token, "Bearer"), (enter, "Session")])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_api_answers_in_the_words_of_rfc_9470(enters: Any, scheme: str, method: str) -> None:
    client = enters(alice().email)

    with three_minutes_on():
        answer = client.generic(method, "/api/strict/", "{}", "application/json")

    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert answer.headers["WWW-Authenticate"] == (
        f'{scheme} realm="api", error="insufficient_user_authentication", '
        'error_description="The password must be given again", max_age="120"'
    )
    assert done == []


def test_the_api_asks_nobody_for_a_password_again() -> None:
    answer = Client().get("/api/strict/")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(("age", "expected"), [(15 * MINUTE, 200), (15 * MINUTE + SECOND, 302)])
def test_a_quarter_of_an_hour_is_recent_and_a_second_more_is_not(age: timedelta, expected: int) -> None:
    now = timezone.now().replace(microsecond=0)
    with time_machine.travel(now, tick=False):
        browser = enter(alice().email)

    with time_machine.travel(now + age, tick=False):
        assert browser.get("/bare/").status_code == expected


def test_use_does_not_make_a_password_younger() -> None:
    browser, now = enter(alice().email), timezone.now()

    for minutes in range(5, 20, 5):
        with time_machine.travel(now + minutes * MINUTE, tick=False):
            browser.get("/logins/")
    with time_machine.travel(now + 16 * MINUTE, tick=False):
        assert browser.get("/bare/").status_code == 302


def test_asking_costs_nothing() -> None:
    browser = enter(alice().email)
    browser.get("/bare/")

    with CaptureQueriesContext(connection) as without:
        browser.get("/api/me/")
    with CaptureQueriesContext(connection) as asked:
        browser.get("/bare/")

    assert len(asked) == len(without)


def test_who_was_authenticated_by_something_else_cannot_be_recent() -> None:
    request = a_request()
    request.user = alice()

    with pytest.raises(AuthenticationTooOld):
        recent.ask(request)
    assert not recent.is_recent(request)


def test_what_is_no_session_is_not_sent_to_a_page() -> None:
    """A third flow in a view of Django's."""
    request, login = a_request(), Login(flow="badge")
    request.user, then = alice(), timezone.now() - HOUR
    carried.put(request, Carried(login_id=login.pk, flow="badge", authenticated_at=then))

    with pytest.raises(AuthenticationTooOld) as refused:
        recent.ask(request)
    assert 'max_age="900"' in str(refused.value.auth_header)


def test_whose_address_has_changed_hands_is_not_let_on_by_the_new_owners_password() -> None:
    stale, owner = alice(), bob()
    stale.email = owner.email

    with pytest.raises(InvalidCredentials):
        recent.verify(a_request(), stale, password=PASSWORD)


@pytest.mark.parametrize("where", ["/logins/end-others/", "/api/logins/end-others/"])
def test_ending_all_others_wants_a_recent_password(where: str) -> None:
    person = alice()
    browser, other = enter(person.email), enter(person.email)

    with three_minutes_on():
        refused = browser.post(where)
        spared = other.get("/api/me/").status_code
        browser.post("/login/again/", {"password": PASSWORD})
        browser.post(where)

    assert refused.status_code == (401 if "api" in where else 302)
    assert (spared, other.get("/api/me/").status_code) == (200, 401)


@pytest.mark.parametrize("where", ["/logins/", "/logins/{}/end/", "/logout/", "/password/change/"])
def test_everyday_things_ask_for_nothing(where: str) -> None:
    person = alice()
    browser = enter(person.email)
    enter(person.email)
    other = Login.objects.latest("started_at")

    with three_minutes_on():
        send = browser.post if "end" in where or "logout" in where else browser.get
        answer = send(where.format(other.pk))

    assert "/login/again/" not in answer.headers.get("Location", "")
    assert answer.status_code in (200, 302)


@pytest.mark.nodb
@pytest.mark.parametrize(("lifetime", "found"), [(MINUTE, []), (59 * SECOND, ["accounts.E008"])])
def test_e008_a_lifetime_in_which_nobody_gets_anything_done(lifetime: timedelta, found: list[str]) -> None:
    chosen = replace(django_settings.ACCOUNTS, recent_lifetime=lifetime)

    with override_settings(ACCOUNTS=chosen):
        assert [message.id for message in checks.check_recent_lifetime()] == found


@pytest.mark.nodb
def test_a_quarter_of_an_hour_is_the_default() -> None:
    assert conf.Accounts().recent_lifetime == 15 * MINUTE
