"""How many Logins of one person live at once: counted under the lock of their row, over both flows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import checks, conf, events, logins
from accounts.errors import TooManyLogins
from accounts.events import Event
from accounts.feed import News
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from sessions_stateful.models import Session
from tests.accounts.noted import Noted
from tests.accounts.rows import a_login, a_person, some_logins, start, taken_back, type_at
from tests.accounts.staff import enter, operator, statuses, token
from tests.accounts.test_login_races import stands_still
from tokens_stateless.models import Family

Aside = Callable[[Callable[[], Any]], "Future[Any]"]
DOORS = ["/login/", "/admin/login/", "/api/session/", "/api/token/"]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def limit(settings: Any) -> Callable[..., None]:
    """`limit(2)` lets two live and ends the oldest; `limit(2, "refuse")` refuses the third."""

    def put(most: int, how: Any = "end_oldest") -> None:
        settings.ACCOUNTS = replace(conf.current(), login_limit=most, over_limit=how)

    return put


def live(person: User) -> int:
    """How many Logins of this person live."""
    return Login.objects.live().filter(user=person).count()


def test_nobody_is_limited_unless_a_project_says_so() -> None:
    person = a_person()
    some_logins(200, person)

    start(person)

    assert (conf.Accounts().login_limit, live(person)) == (None, 201)


def test_a_sign_in_costs_no_more_where_there_is_no_limit_and_one_statement_where_there_is(
    limit: Callable[..., None],
) -> None:
    person = a_person()
    with CaptureQueriesContext(connection) as without:
        start(person)
    limit(10)
    with CaptureQueriesContext(connection) as within:
        start(person)

    assert len(within) == len(without) + 1


def test_the_least_recently_seen_one_makes_room(limit: Callable[..., None]) -> None:
    person, now = a_person(), timezone.now()
    started_first = a_login(person, started_at=now - timedelta(hours=5))
    seen_first = a_login(person, seen_at=now - 9 * MINUTE)
    limit(2)

    new = start(person)

    assert set(Login.objects.live()) == {started_first, new}
    seen_first.refresh_from_db()
    assert (seen_first.end_reason, seen_first.ended_by) == (EndReason.OVER_LIMIT, None)


def test_as_many_make_room_as_it_takes(limit: Callable[..., None]) -> None:
    person = a_person()
    some_logins(5, person)
    limit(2)

    new = start(person)

    assert live(person) == 2
    assert new in Login.objects.live()


def test_an_end_for_want_of_room_is_an_end_like_any_other(
    limit: Callable[..., None], news: list[News]
) -> None:
    person = alice()
    browser = enter(person.email)
    old = Login.objects.get()
    limit(1)

    program = token(person.email)

    assert statuses(browser, program) == [401, 200]
    assert not Session.objects.filter(login__isnull=False).exists()
    assert [list(one.ended) for one in news if one.ended] == [[old.pk]]
    event = Event.objects.get(name="login_ended")
    assert (event.login_id, event.detail["reason"], event.address) == (old.pk, "over_limit", "127.0.0.1")


def test_both_flows_are_counted_together(limit: Callable[..., None]) -> None:
    person = alice()
    limit(2)

    clients = [enter(person.email), token(person.email), enter(person.email), token(person.email)]

    assert statuses(*clients) == [401, 401, 200, 200]
    assert not Family.objects.exclude(login__ended_at=None).exists()


def test_everybody_is_counted_alone(limit: Callable[..., None]) -> None:
    limit(1)

    clients = [enter(alice().email), enter(bob().email)]

    assert statuses(*clients) == [200, 200]


@pytest.mark.parametrize("how", ["end_oldest", "refuse"])
def test_what_can_get_in_no_more_does_not_count(limit: Callable[..., None], how: str) -> None:
    person, now = a_person(), timezone.now()
    ended, expired, idle, used = some_logins(4, person)
    logins.end([ended.pk], reason=EndReason.LOGOUT)
    Login.objects.filter(pk=expired.pk).update(expires_at=now)
    Login.objects.filter(pk=idle.pk).update(seen_at=now - 33 * MINUTE)
    Login.objects.filter(pk=used.pk).update(seen_at=now - 31 * MINUTE)
    limit(2, how)

    new = start(person)

    assert set(Login.objects.usable()) == {used, new}
    assert not Login.objects.filter(end_reason=EndReason.OVER_LIMIT).exists()


def test_the_same_person_again_in_the_same_browser_is_no_new_login(limit: Callable[..., None]) -> None:
    person = alice()
    limit(1, "refuse")
    browser = enter(person.email)

    again = browser.post("/login/", {"email": person.email, "password": PASSWORD})

    assert (again.status_code, Login.objects.count()) == (302, 1)
    assert Login.objects.get().is_live


def test_what_a_browser_had_in_its_refresh_cookie_does_not_count(limit: Callable[..., None]) -> None:
    person, browser = alice(), Client()
    body = {"email": person.email, "password": PASSWORD, "transport": "cookie"}
    other = token(person.email)
    limit(2)

    for _time in range(2):
        assert browser.post("/api/token/", body, content_type="application/json").status_code == 200

    assert statuses(other) == [200]
    assert live(person) == 2


@pytest.mark.parametrize("door", DOORS)
def test_a_refusal_starts_nothing_says_what_to_do_and_is_noted(
    door: str, limit: Callable[..., None], noted: Noted
) -> None:
    person = a_staff_member()
    some_logins(2, person)
    limit(2, "refuse")

    answer = type_at(door, PASSWORD, email=person.email)

    assert answer.status_code == 409
    assert "choose a new password by mail" in answer.content.decode()
    assert "api" not in door or answer.json()["code"] == "too_many_logins"
    assert (Login.objects.count(), Login.objects.live().count()) == (2, 2)
    assert noted.names() == ["authn_login_over_limit"]


def a_staff_member() -> User:
    """Somebody whom every door knows."""
    carol: User = User.objects.create_user("carol@example.com", PASSWORD, is_staff=True)
    return carol


@pytest.mark.parametrize("door", DOORS)
def test_whoever_is_refused_is_nobody(door: str, limit: Callable[..., None]) -> None:
    person = a_staff_member()
    some_logins(1, person)
    limit(1, "refuse")

    answer = type_at(door, PASSWORD, email=person.email)

    assert "/logout/" not in answer.content.decode()
    assert statuses(answer.client) == [401]
    assert not Session.objects.exists()


def test_the_page_keeps_the_address_and_can_be_sent_again(limit: Callable[..., None]) -> None:
    person = alice()
    (other,) = some_logins(1, person)
    limit(1, "refuse")
    browser = Client(enforce_csrf_checks=True)

    def send(page: Any) -> Any:
        found = str(page.context["csrf_token"])
        typed = {"email": person.email, "password": PASSWORD, "csrfmiddlewaretoken": found}
        return browser.post("/login/", typed)

    refused = send(browser.get("/login/"))
    other.delete()

    assert person.email in refused.content.decode()
    assert send(refused).status_code == 302


@pytest.mark.parametrize("door", DOORS)
def test_who_has_not_the_password_learns_nothing_of_a_limit(door: str, limit: Callable[..., None]) -> None:
    full, empty = a_staff_member(), User.objects.create_user("dave@example.com", PASSWORD, is_staff=True)
    some_logins(1, full)
    limit(1, "refuse")

    told = [type_at(door, OTHER_PASSWORD, email=person.email) for person in (full, empty)]

    assert told[0].status_code == told[1].status_code != 409
    assert "places" not in told[0].content.decode()


def test_a_refusal_is_noted_whatever_is_rolled_back(limit: Callable[..., None], noted: Noted) -> None:
    person = a_person()
    some_logins(1, person)
    limit(1, "refuse")

    with taken_back(), pytest.raises(TooManyLogins):
        start(person)

    ((name, told),) = noted.events
    assert (name, told["user"], told["live"]) == ("authn_login_over_limit", person.pk, 1)
    assert told["address"] == "203.0.113.9"


def test_a_reset_of_the_password_lets_the_owner_in(limit: Callable[..., None]) -> None:
    person = alice()
    some_logins(1, person)
    limit(1, "refuse")

    person.set_password(OTHER_PASSWORD)
    person.save()

    assert type_at("/login/", OTHER_PASSWORD).status_code == 302


def test_an_operator_is_let_in_once_the_others_lie_idle(limit: Callable[..., None]) -> None:
    person = a_staff_member()
    limit(1, "refuse")
    enter(person.email)

    with time_machine.travel(timezone.now() + 18 * MINUTE, tick=False):
        assert type_at("/admin/login/", PASSWORD, email=person.email).status_code == 302


def test_an_operator_sees_why(limit: Callable[..., None]) -> None:
    person = alice()
    limit(1)
    enter(person.email)
    enter(person.email)

    page = operator().get("/admin/accounts/login/?reason=over_limit").content.decode()

    assert "too many logins" in page
    assert "1 login" in page


@pytest.mark.parametrize("how", ["end_oldest", "refuse"])
def test_a_sign_in_waits_for_one_that_was_first_and_counts_it(
    how: str, limit: Callable[..., None], gate: Any, aside: Aside
) -> None:
    """Section 3, attack 12: the first has counted, and has not committed."""
    person = a_person()
    limit(1, how)
    counted = gate(events, "record", after=True)

    first = aside(lambda: start(person))
    counted.await_somebody()
    second = aside(lambda: start(person))
    waited = stands_still(second)
    counted.open()
    first.result(timeout=10)

    if how == "refuse":
        with pytest.raises(TooManyLogins):
            second.result(timeout=10)
    else:
        assert second.result(timeout=10).is_live
    assert (waited, live(person)) == (True, 1)


@pytest.mark.parametrize(("how", "started"), [("end_oldest", 20), ("refuse", 3)])
def test_twenty_at_once_never_exceed_the_limit(
    how: str, started: int, limit: Callable[..., None], aside: Aside
) -> None:
    """Section 3, attack 12, unforced: four threads, each through both flows."""
    person, together = a_person(), Barrier(4)
    limit(3, how)
    seen: list[int] = []

    def some() -> None:
        together.wait(10)
        for number in range(5):
            with suppress(TooManyLogins):
                start(person, flow=("token", "session")[number % 2])
            seen.append(live(person))

    for job in [aside(some) for _ in range(4)]:
        job.result(timeout=30)

    assert max(seen) == live(person) == 3
    assert Login.objects.count() == started


def test_a_sign_in_and_an_end_of_all_at_once_come_through(limit: Callable[..., None], aside: Aside) -> None:
    """Both lock the person first, then Logins by their ids."""
    person = a_person()
    limit(2)

    def sign_in() -> None:
        for _ in range(5):
            start(person)

    def end() -> None:
        for _ in range(5):
            logins.end_all(person, reason=EndReason.REVOKED_BY_OPERATOR)

    for job in [aside(sign_in), aside(end), aside(sign_in), aside(end)]:
        job.result(timeout=30)

    assert live(person) <= 2
    assert Login.objects.count() == 10


@pytest.mark.nodb
@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({}, []),
        ({"login_limit": 1, "over_limit": "refuse"}, []),
        ({"login_limit": 0}, ["accounts.E007"]),
        ({"login_limit": -1}, ["accounts.E007"]),
        ({"login_limit": 5, "over_limit": "end_newest"}, ["accounts.E007"]),
    ],
)
def test_e007_a_limit_that_would_keep_everybody_out(wrong: dict[str, Any], found: list[str]) -> None:
    with override_settings(ACCOUNTS=conf.Accounts(**wrong)):
        assert [message.id for message in checks.check_login_limit()] == found
