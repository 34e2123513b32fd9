"""What happens to one Login from two sides at once: each interleaving is forced, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import credentials, events, flows, logins, people
from accounts.errors import AuthError, InvalidCredentials
from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, olga
from tests.accounts.rows import a_login, a_person, a_request, row, some_logins, start, type_at, write
from tokens_stateless import end as end_step
from tokens_stateless import refresh
from tokens_stateless.models import Family

Aside = Callable[[Callable[[], Any]], "Future[Any]"]

CHANGES: dict[str, Callable[[User], object]] = {
    "a new password": lambda user: credentials.change_password(user, OTHER_PASSWORD),
    "disabling": lambda user: write(user, "save", is_active=False),
    "disabling through update": lambda user: write(user, "update", is_active=False),
    "deleting": lambda user: user.delete(),
}


def stands_still(job: Future[Any]) -> bool:
    """Whether this waits for somebody; costs 0.2 s when it does."""
    with suppress(TimeoutError):
        job.result(timeout=0.2)
        return False
    return True


def token_login() -> Login:
    """A Login with its family, whose first refresh token has not been used."""
    login = a_login(a_person())
    Family.objects.create(login=login)
    return login


@pytest.mark.parametrize("change", CHANGES)
def test_a_sign_in_verified_before_a_change_that_has_begun_is_refused(
    change: str, gate: Any, aside: Aside
) -> None:
    """Feed 13: the thief has typed the old password; "end all others" commits before the Login is written."""
    verified = a_person()
    a_login(verified)
    changing = gate(logins, "end", after=True)

    changed = aside(lambda: CHANGES[change](User.objects.get()))
    changing.await_somebody()
    signing_in = aside(lambda: start(verified))
    waited = stands_still(signing_in)
    changing.open()
    changed.result(timeout=10)

    with pytest.raises(InvalidCredentials):
        signing_in.result(timeout=10)
    assert waited
    assert not Login.objects.live().exists()
    assert Login.objects.count() == 1


@pytest.mark.parametrize("change", CHANGES)
def test_a_sign_in_that_was_first_is_ended_by_the_change(change: str, gate: Any, aside: Aside) -> None:
    """Feed 13: the person's row is locked by both, so the change comes after the new Login, and sees it."""
    verified = a_person()
    writing = gate(events, "record", after=True)

    signing_in = aside(lambda: start(verified))
    writing.await_somebody()
    changed = aside(lambda: CHANGES[change](User.objects.get()))
    waited = stands_still(changed)
    writing.open()
    signing_in.result(timeout=10)
    changed.result(timeout=10)

    assert waited
    assert Login.objects.count() == 1
    assert not Login.objects.live().exists()


def test_a_sign_in_under_way_is_ended_by_end_all(gate: Any, aside: Aside) -> None:
    """Feed 13, without a change of the person: whoever ends all changes, or locks, the person's row first."""
    verified = a_person()
    writing = gate(events, "record", after=True)

    signing_in = aside(lambda: start(verified))
    writing.await_somebody()
    ending = aside(lambda: logins.end_all(verified, reason=EndReason.REVOKED_BY_OPERATOR))
    waited = stands_still(ending)
    writing.open()
    signing_in.result(timeout=10)

    assert (waited, ending.result(timeout=10)) == (True, 1)


@pytest.mark.parametrize("door", ["/login/", "/admin/login/", "/api/session/", "/api/token/"])
def test_the_thief_with_the_old_password_gets_in_by_no_door(door: str, gate: Any, aside: Aside) -> None:
    """Feed 13, over HTTP: the password is changed between its check and the start of the Login."""
    if "admin" in door and connection.vendor == "sqlite" and connection.settings_dict["ATOMIC_REQUESTS"]:
        pytest.skip("Django's own view holds SQLite's only lock from its beginning: nobody gets in between")
    person = olga()
    verified = gate(credentials, "check", after=True)

    posting = aside(lambda: type_at(door, PASSWORD, email=person.email))
    verified.await_somebody()
    credentials.change_password(person, OTHER_PASSWORD)
    verified.open()

    assert posting.result(timeout=10).status_code in {400, 401}
    assert Login.objects.count() == 0


def test_two_ends_of_one_login_make_one_end(gate: Any, aside: Aside) -> None:
    login = a_login()
    first_has_the_row = gate(events, "record_each")

    first = aside(lambda: logins.end([login.pk], reason=EndReason.LOGOUT))
    first_has_the_row.await_somebody()
    second = aside(lambda: logins.end([login.pk], reason=EndReason.REVOKED_BY_OPERATOR))
    waited = stands_still(second)
    first_has_the_row.open()

    assert (waited, first.result(timeout=10), second.result(timeout=10)) == (True, 1, 0)
    assert Login.objects.get().end_reason == EndReason.LOGOUT
    assert Event.objects.count() == 1


def test_a_refresh_that_was_first_delays_an_end_and_does_not_meet_it(gate: Any, aside: Aside) -> None:
    """Feed 12: both lock the Login, then the family."""
    login = token_login()
    holding_both = gate(refresh, "_advance")

    refreshing = aside(lambda: refresh.rotate(a_request(), refresh.write(login.pk, generation=0)))
    holding_both.await_somebody()
    ending = aside(lambda: logins.end([login.pk], reason=EndReason.LOGOUT))
    waited = stands_still(ending)
    holding_both.open()

    assert waited
    assert refreshing.result(timeout=10)
    assert ending.result(timeout=10) == 1
    assert not Family.objects.exists()


@pytest.fixture
def ending_holds_the_login(monkeypatch: pytest.MonkeyPatch, gate: Any) -> Any:
    """A gate at which an end stands once it has locked the Login, before it reaches for the family."""
    opened = gate(end_step, "kill")
    monkeypatch.setattr(flows, "_flows", dict(flows._flows))
    old = flows.get("token")
    assert old
    flows.register(flows.Flow(name="token", label=old.label, end=end_step.kill, horizon=old.horizon))
    return opened


def test_an_end_that_was_first_delays_a_refresh_which_is_then_refused(
    ending_holds_the_login: Any, aside: Aside
) -> None:
    """Feed 12: if a refresh locked the family first, each would now hold what the other waits for."""
    login = token_login()

    ending = aside(lambda: logins.end([login.pk], reason=EndReason.LOGOUT))
    ending_holds_the_login.await_somebody()
    refreshing = aside(lambda: refresh.rotate(a_request(), refresh.write(login.pk, generation=0)))
    waited = stands_still(refreshing)
    ending_holds_the_login.open()

    assert waited
    assert ending.result(timeout=10) == 1
    with pytest.raises(AuthError):
        refreshing.result(timeout=10)


def test_many_ends_and_refreshes_at_once_all_come_through(aside: Aside) -> None:
    """Feed 12, unforced: the same Logins in every order."""
    some = [a_login(a_person()) for _ in range(8)]
    Family.objects.bulk_create([Family(login=login) for login in some])
    ids = [login.pk for login in some]

    def refresh_all(order: list[Any]) -> None:
        for login in order:
            with suppress(AuthError):
                refresh.rotate(a_request(), refresh.write(login, generation=0))

    def end_all(order: list[Any]) -> None:
        logins.end(order, reason=EndReason.LOGOUT)

    jobs = [aside(lambda: refresh_all(ids)), aside(lambda: refresh_all(ids[::-1]))]
    jobs += [aside(lambda: end_all(ids)), aside(lambda: end_all(ids[::-1]))]
    jobs.append(aside(lambda: User.objects.update(is_active=False)))
    for job in jobs:
        job.result(timeout=20)

    assert not Login.objects.live().exists()
    assert Event.objects.filter(name="login_ended").count() == 8


def test_a_refused_refresh_keeps_the_end_under_atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feed 11: the transaction around the request is rolled back by the 401, and the end is not in it."""
    alice()
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    json: Any = {"content_type": "application/json"}
    pair = Client().post("/api/token/", {"email": "alice@example.com", "password": PASSWORD}, **json).json()
    Client().post("/api/token/refresh/", {"refresh": pair["refresh"]}, **json)
    Family.objects.update(rotated_at=timezone.now() - timedelta(minutes=1))

    answer = Client().post("/api/token/refresh/", {"refresh": pair["refresh"]}, **json)

    assert answer.status_code == 401
    assert Login.objects.get().end_reason == EndReason.REFRESH_REUSED
    assert Event.objects.filter(name="authn_token_reuse").count() == 1


def test_what_was_verified_survives_a_change_of_something_else_meanwhile(gate: Any, aside: Aside) -> None:
    verified = a_person()
    changing = gate(people, "settle")

    changed = aside(lambda: write(User.objects.get(), "save", is_staff=True))
    changing.await_somebody()
    signing_in = aside(lambda: start(verified))
    waited = stands_still(signing_in)
    changing.open()
    changed.result(timeout=10)

    assert (waited, signing_in.result(timeout=10).is_live) == (True, True)
    assert row(verified)["version"] == 2


def test_seeing_a_login_that_is_being_ended_neither_waits_nor_revives(
    ending_holds_the_login: Any, aside: Aside
) -> None:
    (login,) = some_logins(1, seen_at=timezone.now() - timedelta(hours=1))

    ending = aside(lambda: logins.end([login.pk], reason=EndReason.LOGOUT))
    ending_holds_the_login.await_somebody()
    seeing = aside(lambda: logins._write_seen([login.pk]))
    waited = stands_still(seeing)
    ending_holds_the_login.open()
    ending.result(timeout=10)
    seeing.result(timeout=10)

    # SQLite has one lock for all; on PostgreSQL the row that is held is passed over.
    assert waited is (connection.vendor == "sqlite")
    fresh = Login.objects.get()
    assert (fresh.end_reason, fresh.seen_at) == (EndReason.LOGOUT, login.seen_at)
