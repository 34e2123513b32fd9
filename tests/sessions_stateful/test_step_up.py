"""The page that asks for the password again: the same Login, a new key, and nothing lost without a word."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from django.utils import timezone

from accounts import credentials, logins
from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from sessions_stateful import issue
from sessions_stateful.models import Session
from tests.accounts.aged import three_minutes_on
from tests.accounts.rows import write
from tests.sessions_stateful.third_party import beside, key, tab, touches_cookie, who
from tests.test_bad_addresses import ELSEWHERE

AGAIN = "/login/again/"


def signed_in() -> Client:
    """Alice's browser."""
    browser = Client(raise_request_exception=False)
    browser.force_login(User.objects.filter(email="alice@example.com").first() or alice())
    return browser


def enter(browser: Client, password: str = PASSWORD, **fields: str) -> Any:
    """Type a password into the page."""
    return browser.post(AGAIN, {"password": password, **fields})


def test_the_login_stays_and_the_key_is_new_and_the_old_one_is_dead() -> None:
    """ASVS 7.2.4; session attack 2"""
    browser = signed_in()
    before, login = tab(browser), Login.objects.get()

    answer = enter(browser)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/logins/")
    assert (who(browser), who(before)) == ("alice@example.com", None)
    assert key(browser) != key(before)
    assert Login.objects.get() == login
    assert (Session.objects.count(), login.is_live) == (1, True)


def test_it_is_told_when_and_the_login_is_no_longer_for_it() -> None:
    browser = signed_in()
    end, idle = Login.objects.get().expires_at, Login.objects.get().idle_timeout

    with three_minutes_on():
        enter(browser)
        told, now = browser.get("/api/me/").json()["authenticated_at"], timezone.now()

    assert told == now.isoformat().replace("+00:00", "Z")
    assert (Login.objects.get().expires_at, Login.objects.get().idle_timeout) == (end, idle)


def test_it_is_an_event_and_no_sign_in() -> None:
    browser = signed_in()
    heard: list[Any] = []

    def hear(**signal: Any) -> None:
        heard.append(signal)

    user_logged_in.connect(hear)
    enter(browser)
    user_logged_in.disconnect(hear)

    (event,) = Event.objects.filter(name="authn_step_up")
    login = Login.objects.get()
    assert (event.login_id, event.user_uuid, event.actor_uuid) == (login.pk, login.user_id, login.user_id)
    assert event.detail == {"flow": "session"}
    assert (heard, Event.objects.filter(name="authn_login_success").count()) == ([], 1)


def test_whoever_asked_to_be_remembered_stays_so() -> None:
    browser = Client()
    browser.post("/login/", {"email": alice().email, "password": PASSWORD, "remember": "on"})

    enter(browser)

    assert int(browser.cookies[settings.SESSION_COOKIE_NAME]["max-age"]) > 86400


def test_what_the_session_holds_stays() -> None:
    browser = signed_in()
    session = browser.session
    session["colour"] = "red"
    session.save()

    enter(browser)

    assert browser.session["colour"] == "red"


def test_a_wrong_password_changes_nothing_and_is_said() -> None:
    browser = signed_in()

    answer = enter(browser, OTHER_PASSWORD, next="/logins/?page=1", undone="1")

    assert answer.status_code == 400
    assert not touches_cookie(answer)
    page = answer.content.decode()
    assert "This is not your current password." in page
    assert 'name="next" value="/logins/?page=1"' in page
    assert OTHER_PASSWORD not in page
    assert "has not been done" in page


def test_somebody_elses_password_is_wrong() -> None:
    browser = signed_in()
    other = bob()
    write(other, "save", password="")
    credentials.change_password(other, OTHER_PASSWORD)

    assert enter(browser, OTHER_PASSWORD).status_code == 400


def test_guesses_in_a_stolen_session_count_and_wait(settings: Any) -> None:
    browser = signed_in()

    statuses = [enter(browser, f"{OTHER_PASSWORD}{number}").status_code for number in range(6)]

    assert statuses == [400] * 5 + [429]
    assert Client().post("/login/", {"email": "alice@example.com", "password": PASSWORD}).status_code == 429
    assert who(browser) == "alice@example.com"


def test_nobody_is_sent_to_sign_in() -> None:
    answers = [Client().get(AGAIN), Client().post(AGAIN, {"password": PASSWORD})]

    assert [answer.headers["Location"] for answer in answers] == [f"/login/?next={AGAIN}"] * 2


def test_a_program_is_nobody_here() -> None:
    body: Any = {"email": alice().email, "password": PASSWORD}
    access = Client().post("/api/token/", body, content_type="application/json").json()["access"]

    answer = Client(headers={"Authorization": f"Bearer {access}"}).post(AGAIN, {"password": PASSWORD})

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?")


def test_it_leads_on_and_never_to_another_site() -> None:
    browser = signed_in()

    for url in ELSEWHERE:
        answers = [
            enter(browser, next=url),
            browser.get(f"{AGAIN}?{urlencode({'next': url})}"),
            browser.post(f"{AGAIN}?{urlencode({'next': url})}", {"password": PASSWORD, "next": "/logins/"}),
        ]
        assert [answer.status_code for answer in answers] == [400] * 3, url
    assert not Event.objects.filter(name="authn_step_up").exists()
    assert enter(browser, next="/logins/?page=1").headers["Location"] == "/logins/?page=1"


def test_who_was_interrupted_is_told_before_and_after() -> None:
    browser = signed_in()

    with three_minutes_on():
        asked = browser.post("/logins/end-others/", follow=True)
        then = browser.post(asked.request["PATH_INFO"], {**hidden(asked), "password": PASSWORD}, follow=True)

    assert "What you asked for has not been done yet." in asked.content.decode()
    assert then.request["PATH_INFO"] == "/logins/"
    assert "Now do once more what you were about to do." in then.content.decode()


def hidden(page: Any) -> dict[str, str]:
    """What the form carries along."""
    found = {"next": page.context["then"], "undone": str(page.context["undone"])}
    assert all(f'name="{name}"' in page.content.decode() for name in found)
    return found


def test_who_comes_from_another_tab_is_told_to_go_back_there() -> None:
    browser = signed_in()

    page = browser.get(AGAIN).content.decode()
    then = browser.post(AGAIN, {"password": PASSWORD}, follow=True).content.decode()

    assert ("then go back to where you were" in page, "has not been done" in page) == (True, False)
    assert "Now do once more" in then


def test_who_was_not_interrupted_is_told_nothing() -> None:
    browser = signed_in()

    page = browser.get(f"{AGAIN}?next=/logins/").content.decode()
    then = browser.post(AGAIN, {"password": PASSWORD, "next": "/logins/"}, follow=True).content.decode()

    assert "has not been done" not in page
    assert "once more" not in then


def test_what_is_being_typed_in_another_tab_is_not_refused_afterwards() -> None:
    """The key is new for all tabs; the CSRF token is not."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice())
    pages = [browser.get(where) for where in ("/password/change/", AGAIN)]
    typed, stepping = ({"csrfmiddlewaretoken": str(page.context["csrf_token"])} for page in pages)

    browser.post(AGAIN, {"password": PASSWORD, **stepping})

    assert browser.post("/password/change/", typed).status_code == 400


def test_the_page_is_kept_by_no_cache_and_tells_the_manager_whose_password() -> None:
    answer = signed_in().get(AGAIN)

    assert "no-store" in answer.headers["Cache-Control"]
    assert 'autocomplete="current-password"' in answer.content.decode()
    assert 'autocomplete="username" value="alice@example.com"' in answer.content.decode()


def test_a_login_that_is_ended_meanwhile_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 6, line 2: between the check of the password and the new key."""
    browser = signed_in()
    real = issue.step_up

    def work(held: Any) -> Any:
        def step_up(*args: Any, **kwargs: Any) -> None:
            held.wait()
            real(*args, **kwargs)

        monkeypatch.setattr(issue, "step_up", step_up)
        return enter(tab(browser))

    with beside(work) as held:
        logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert held.answer.status_code == 400
    assert (Session.objects.filter(login__isnull=False).count(), who(browser)) == (0, None)
    assert not Event.objects.filter(name="authn_step_up").exists()


def test_a_script_steps_up_by_signing_in_again() -> None:
    browser = signed_in()
    body = {"email": "alice@example.com", "password": PASSWORD}

    with three_minutes_on():
        refused = browser.post("/api/logins/end-others/").status_code
        browser.post("/api/session/", body, content_type="application/json")
        done = browser.post("/api/logins/end-others/").status_code

    assert (refused, done, Login.objects.count()) == (401, 200, 1)


def test_a_limit_of_one_does_not_end_the_login_of_the_step_up(settings: Any) -> None:
    browser = signed_in()
    settings.ACCOUNTS = type(settings.ACCOUNTS)(login_limit=1)

    enter(browser)

    assert (who(browser), Login.objects.get().ended_at) == ("alice@example.com", None)


def test_only_an_hour_later_is_the_session_over_all_the_same() -> None:
    browser = signed_in()
    enter(browser)

    with time_machine.travel(Login.objects.get().expires_at, tick=False):
        assert who(browser) is None
