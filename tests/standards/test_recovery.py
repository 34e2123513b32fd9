"""Sign-up, reset, what operators may do, whose Logins are whose: rows of docs/threats.md, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client, override_settings
from django.utils import timezone
from django.utils.http import urlsafe_base64_encode

from accounts import credentials, mail
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob, olga
from sessions_stateful.models import Session
from tests.standards.doors import (
    ALICE,
    NEW,
    OLGA,
    PLACES,
    at_the_page,
    at_the_token_api,
    bearer,
    follow,
    link,
    signed_in,
    works,
)
from tests.standards.test_authentication import effort, told

pytestmark = pytest.mark.usefixtures("work")

PAGES = ["/signup/", "/password/reset/"]
CHOICE = {"password": NEW, "password_again": NEW}


def ask(page: str, email: str = ALICE, **extra: Any) -> Any:
    """Ask for a link."""
    return Client().post(page, {"email": email}, **extra)


@pytest.mark.parametrize("page", PAGES)
def test_known_unknown_and_disabled_addresses_get_one_answer_at_the_same_cost(
    page: str, work: list[int]
) -> None:
    """ASVS 6.3.8"""
    alice()
    User.objects.create_user("carol@example.com", PASSWORD, is_active=False)
    answers, costs = [], []

    for number, name in enumerate(("alice", "carol", "nobody")):
        extra = {"email": f"{name}@example.com", "REMOTE_ADDR": f"192.0.2.{number}"}
        costs.append(effort(lambda: ask(page, **extra), work))  # noqa: B023
        answer = ask(page, **extra)
        answers.append((told(answer, ""), told(Client().get(answer.headers["Location"]), "")))

    assert answers == [answers[0]] * 3
    assert costs == [costs[0]] * 3
    assert costs[0][1] == 0


@pytest.mark.parametrize("page", PAGES)
def test_the_answer_does_not_wait_for_the_mail(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ASVS 6.3.8: with a mail server that takes its time."""
    go, send = Event(), EmailBackend.send_messages
    monkeypatch.setattr(EmailBackend, "send_messages", lambda *args: go.wait(20) and send(*args))
    alice()

    answer = ask(page)
    before = len(outbox.outbox)
    go.set()
    mail.wait()

    assert (answer.status_code, before, len(outbox.outbox)) == (302, 0, 1)


@pytest.mark.parametrize("email", [ALICE, "nobody@example.com"])
@pytest.mark.parametrize("page", PAGES)
@override_settings(ACCOUNTS=replace(settings.ACCOUNTS, free_failures=3, hard_stop_failures=3))
def test_links_are_throttled_for_each_account_known_or_not(page: str, email: str) -> None:
    """ASVS 6.4.1; ASVS 6.3.1"""
    for _time in range(3):
        assert ask(page, email).status_code == 302

    refusal = ask(page, email, REMOTE_ADDR="198.51.100.7")
    mail.wait()

    assert refusal.status_code == 429
    assert int(refusal.headers["Retry-After"]) > 0
    assert ask(page, OLGA).status_code == 302
    assert len(outbox.outbox) <= 4


@pytest.mark.parametrize("page", PAGES)
def test_what_is_stored_when_a_link_is_opened_is_no_link(page: str) -> None:
    """ASVS 6.4.1; nothing at rest can be replayed, not even for the hour in which the link is good."""
    if page == "/password/reset/":
        alice()
    path = link(page)
    token = path.rstrip("/").rpartition("/")[2]

    follow(path)

    (stored,) = Session.objects.values_list("data", flat=True)
    assert token not in bytes(stored).decode("latin-1")
    assert token.rpartition(":")[2].rpartition("-")[2] not in bytes(stored).decode("latin-1")


def test_no_account_is_made_before_the_link_is_used() -> None:
    """ASVS 6.3.8: a stranger can prepare no account for an address that is not theirs."""
    form = PLACES["sign-up"]()
    before = User.objects.count()

    form.choose(NEW)

    assert (before, User.objects.get().email) == (0, ALICE)


def test_an_address_that_has_an_account_is_mailed_a_hint_and_no_token() -> None:
    """ASVS 6.3.8"""
    alice()

    ask("/signup/")
    mail.wait()

    (message,) = outbox.outbox
    assert message.to == [ALICE]
    assert re.findall(r"http://[^/\s]+(/\S+)", str(message.body)) == ["/login/", "/password/reset/"]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_works_once(page: str) -> None:
    """ASVS 6.4.1"""
    if page == "/password/reset/":
        alice()
    path = link(page)
    first, second = follow(path), follow(path)

    assert first.choose(NEW).status_code == 302

    assert not works(path)
    assert [form.choose(OTHER_PASSWORD).status_code for form in (first, second)] == [400, 400]
    assert User.objects.get().check_password(NEW)


@pytest.mark.parametrize("place", ["sign-up", "reset"])
@pytest.mark.parametrize(
    ("age", "works"), [(timedelta(minutes=59), True), (timedelta(hours=1, seconds=2), False)]
)
@override_settings(PASSWORD_RESET_TIMEOUT=3 * 86_400)
def test_a_link_works_for_an_hour_at_most(place: str, age: timedelta, *, works: bool) -> None:
    """ASVS 6.4.1; NIST 4.2: also one that was opened in time, and whatever Django's own setting says."""
    form = PLACES[place]()

    with time_machine.travel(timezone.now() + age, tick=False):
        answer = form.choose(NEW)

    assert answer.status_code == (302 if works else 400)
    assert User.objects.filter(email=ALICE).exists() is (works or place == "reset")


def _new_address(person: User) -> None:
    person.email = "alice@elsewhere.example"
    person.save()


def _disabled(person: User) -> None:
    person.is_active = False
    person.save()


@pytest.mark.parametrize(
    "act",
    [
        lambda person: credentials.change_password(person, OTHER_PASSWORD),
        _new_address,
        _disabled,
    ],
    ids=["new password", "new address", "disabled"],
)
def test_a_reset_link_is_dead_after(act: Callable[[User], Any]) -> None:
    """ASVS 6.4.1; ASVS 6.4.3"""
    person = alice()
    path = link("/password/reset/")
    form = follow(path)

    act(User.objects.get(pk=person.pk))

    assert not works(path)
    assert form.choose(NEW).status_code == 400
    assert not User.objects.get().check_password(NEW)


@pytest.mark.parametrize("door", [at_the_page, at_the_token_api])
def test_whoever_knows_the_old_password_cannot_kill_the_owners_link(door: Callable[..., Any]) -> None:
    """Where Django's would be dead: by then a thief could sign in again and again."""
    person = alice()
    path = link("/password/reset/")
    form = follow(path)

    door(person.email, PASSWORD)

    assert works(path)
    assert form.choose(NEW).status_code == 302
    assert not Login.objects.live().exists()


def test_a_reset_ends_every_login_of_both_flows_and_signs_nobody_in() -> None:
    """ASVS 6.4.1; ASVS 7.4.3"""
    other, tab = signed_in(bob().email), signed_in(alice().email)
    program, visitor = Client(headers=bearer(ALICE)), Client()
    path = link("/password/reset/")

    assert follow(path, visitor).choose(NEW).status_code == 302

    answers = [who.get("/api/me/").status_code for who in (tab, program, visitor, other)]
    assert answers == [401, 401, 401, 200]
    ends = Login.objects.filter(user__email=ALICE).values_list("end_reason", flat=True)
    assert list(ends) == [EndReason.PASSWORD_CHANGED] * 2


def test_whoever_resets_in_a_browser_where_they_are_signed_in_is_told_so_and_signed_out() -> None:
    """ASVS 6.4.1: their session is killed in the middle of the request."""
    browser = signed_in(alice().email)

    answer = follow(link("/password/reset/"), browser).choose(NEW)
    page = browser.get(answer.headers["Location"]).content.decode()

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/")
    assert "Your password was changed" in page
    assert browser.get("/api/me/").status_code == 401


def test_a_link_of_somebody_else_leaves_whoever_is_signed_in_here_alone() -> None:
    """ASVS 6.4.1"""
    alice()
    browser = signed_in(bob().email)

    assert follow(link("/password/reset/"), browser).choose(NEW).status_code == 302
    assert browser.get("/api/me/").json()["email"] == "bob@example.com"


def test_a_token_is_128_bits_for_one_person_and_one_instant() -> None:
    """ASVS 6.4.1; NIST 4.2"""
    alice()
    *_rest, uid, token, _end = link("/password/reset/").split("/")
    stamp, mac = token.split("-")
    bobs = urlsafe_base64_encode(str(bob().pk).encode())

    assert len(mac) * 4 >= 128
    assert works(f"/password/reset/{uid}/{token}/")
    for wrong in (
        f"{bobs}/{token}",
        f"{uid}/{stamp[:-1]}{'1' if stamp.endswith('0') else '0'}-{mac}",
        f"{uid}/{stamp}-{mac[::-1]}",
        f"%00/{token}",
        "MQ/choose",
    ):
        assert not works(f"/password/reset/{wrong}/")


def test_the_page_of_a_sign_up_link_does_not_hold_its_token() -> None:
    """ASVS 6.4.1; CS Forgot: it leaves the address bar before anything is shown."""
    path = link("/signup/")
    token = path.split("/")[-2]

    answer = Client().get(path, follow=True)

    assert [step for step, _status in answer.redirect_chain] == ["/signup/choose/"]
    assert token not in answer.content.decode() + str(answer.headers)


@override_settings(ALLOWED_HOSTS=["testserver", "second.example"])
def test_a_sign_up_link_begins_with_the_public_origin_whatever_the_request_calls_this_host() -> None:
    """Host header poisoning"""
    answer = ask("/signup/", headers={"Host": "second.example", "X-Forwarded-Host": "evil.example"})
    mail.wait()

    origins = set(re.findall(r"https?://[\w.:-]*\w", str(outbox.outbox[0].body)))
    assert (answer.status_code, origins) == (302, {settings.PUBLIC_ORIGIN})


@pytest.mark.parametrize("carrier", ["cookie", "token"])
def test_somebody_elses_login_is_answered_like_one_that_does_not_exist(carrier: str) -> None:
    """ASVS 8.2.1; ASVS 8.2.2"""
    signed_in(bob().email)
    theirs = Login.objects.get().pk
    asker = signed_in(alice().email) if carrier == "cookie" else Client(headers=bearer(alice().email))

    for method in ("get", "delete"):
        answers = [getattr(asker, method)(f"/api/logins/{sid}/") for sid in (theirs, uuid4())]
        assert [told(answer, "") for answer in answers] == [told(answers[1], "")] * 2
        assert answers[0].status_code == 404
    assert asker.post(f"/logins/{theirs}/end/").status_code == (404 if carrier == "cookie" else 302)
    assert Login.objects.live().filter(pk=theirs).exists()


def test_a_right_that_is_taken_away_is_gone_at_the_next_request_in_both_flows() -> None:
    """ASVS 8.3.2"""
    person = olga()
    browser, headers = signed_in(OLGA), bearer(OLGA)
    assert browser.get("/admin/").status_code == 200

    person.is_staff = person.is_superuser = False
    person.save()

    assert browser.get("/admin/").status_code == 302
    assert browser.get("/api/me/").json()["is_staff"] is False
    stale = Client().get("/api/me/", headers=headers)
    assert (stale.status_code, stale.json()["code"]) == (401, "token_stale")


EXTRA = {
    "is_staff": True,
    "is_superuser": True,
    "is_active": True,
    "email": "eve@example.com",
    "user": 1,
    "id": 1,
}


@pytest.mark.parametrize("place", PLACES)
def test_fields_too_many_have_no_effect_where_a_password_is_chosen(place: str) -> None:
    """ASVS 15.3.3"""
    form = PLACES[place]()

    assert form.browser.post(form.path, {**EXTRA, **form.more, **CHOICE}).status_code == 302

    person = User.objects.get()
    assert (person.email, person.is_staff, person.is_superuser) == (ALICE, False, False)


@pytest.mark.parametrize(
    ("door", "members"),
    [
        ("/api/session/", {"authenticated", "csrf_token", "me"}),
        ("/api/token/", {"access", "refresh", "token_type", "expires_in"}),
    ],
)
def test_the_answer_of_a_door_holds_what_is_needed(door: str, members: set[str]) -> None:
    """ASVS 15.3.1"""
    answer = Client().post(door, {"email": alice().email, "password": PASSWORD}, "application/json")

    assert set(answer.json()) == members


def test_who_am_i_holds_what_is_needed() -> None:
    """ASVS 15.3.1"""
    told_members = signed_in(alice().email).get("/api/me/").json()

    assert set(told_members) == {"id", "email", "flow", "login", "is_staff", "authenticated_at"}
