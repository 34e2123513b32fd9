"""ASVS 16.3, with the words of OWASP's logging vocabulary: each scenario is exactly one such event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from accounts import cleaning, logins
from accounts.logins import EndReason
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from sessions_stateful import keys
from tests.accounts.noted import listening
from tests.accounts.staff import PEOPLE, colleague, enter, operator, the_login
from tests.tokens_stateless import doors

ALICE = "alice@example.com"
WRONG = "not her password at all"


def session() -> Client:
    alice()
    return enter(ALICE)


def pair() -> Any:
    alice()
    return doors.sign_in().json()


def type_in(password: str, *, times: int = 1) -> None:
    for _ in range(times):
        Client().post("/login/", {"email": ALICE, "password": password})


def throttled(**changes: Any) -> Any:
    return override_settings(ACCOUNTS=replace(settings.ACCOUNTS, **changes))


def in_two_hours() -> Any:
    return time_machine.travel(timezone.now() + timedelta(hours=2), tick=False)


# Each prepares in silence and returns what is to be heard.
def signs_in_for_a_session() -> Callable[[], object]:
    alice()
    return lambda: enter(ALICE)


def signs_in_for_a_token() -> Callable[[], object]:
    alice()
    return doors.sign_in


def types_a_wrong_password() -> Callable[[], object]:
    alice()
    return lambda: type_in(WRONG)


def types_too_many() -> Callable[[], object]:
    alice()
    type_in(WRONG, times=settings.ACCOUNTS.free_failures)
    return lambda: type_in(WRONG)


def types_the_right_one_at_last() -> Callable[[], object]:
    alice()
    type_in(WRONG, times=2)
    return lambda: type_in(PASSWORD)


def reaches_the_hard_stop() -> Callable[[], object]:
    alice()

    def stop() -> None:
        with throttled(hard_stop_failures=2, free_failures=50):
            type_in(WRONG, times=3)

    return stop


def signs_out() -> Callable[[], object]:
    client = session()
    return lambda: client.post("/logout/")


def enters_the_password_again() -> Callable[[], object]:
    client = session()
    return lambda: client.post("/login/again/", {"password": PASSWORD})


def is_idle_for_too_long() -> Callable[[], object]:
    session()

    def clean() -> None:
        with in_two_hours():
            list(cleaning.timeouts())

    return clean


def comes_back_too_late() -> Callable[[], object]:
    client = session()

    def come() -> None:
        with in_two_hours():
            client.get("/logins/")

    return come


def comes_with_an_unknown_key() -> Callable[[], object]:
    client = Client()
    client.cookies["sid"] = keys.new_key()
    return lambda: client.get("/logins/")


def is_ended_by_an_operator() -> Callable[[], object]:
    session()
    ids = [the_login(ALICE, "session").pk]
    return lambda: logins.end(ids, reason=EndReason.REVOKED_BY_OPERATOR)


def refreshes() -> Callable[[], object]:
    token = pair()["refresh"]
    return lambda: doors.refresh(token)


def replays() -> Callable[[], object]:
    token = pair()["refresh"]
    doors.refresh(token)

    def replay() -> None:
        with time_machine.travel(timezone.now() + timedelta(seconds=11), tick=False):
            doors.refresh(token)

    return replay


def revokes() -> Callable[[], object]:
    token = pair()["refresh"]
    return lambda: doors.revoke(token)


def changes_the_password(old: str = PASSWORD) -> Callable[[], object]:
    client = session()
    new = {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}
    return lambda: client.post("/password/change/", {"old_password": old, **new})


def fails_to_change_the_password() -> Callable[[], object]:
    return changes_the_password(WRONG)


def asks_for_what_is_not_theirs() -> Callable[[], object]:
    client = colleague()
    return lambda: client.get(PEOPLE)


def forges() -> Callable[[], object]:
    session()
    client = Client(enforce_csrf_checks=True)
    return lambda: client.post("/login/", {"email": ALICE, "password": PASSWORD})


def adds_a_person() -> Callable[[], object]:
    client = operator()
    return lambda: client.post(f"{PEOPLE}add/", {"email": "new@example.com", "is_active": "on"})


def gives_rights() -> Callable[[], object]:
    client, person = operator(), alice()
    form = {"email": ALICE, "is_active": "on", "is_staff": "on"}
    return lambda: client.post(f"{PEOPLE}{person.pk}/change/", form)


SCENARIOS: list[tuple[Callable[[], Callable[[], object]], str, dict[str, Any]]] = [
    (signs_in_for_a_session, "authn_login_success", {"flow": "session"}),
    (signs_in_for_a_token, "authn_login_success", {"flow": "token"}),
    (types_a_wrong_password, "authn_login_fail", {}),
    (types_too_many, "authn_login_fail_max", {}),
    (types_the_right_one_at_last, "authn_login_successafterfail", {"failures": 2}),
    (reaches_the_hard_stop, "authn_login_lock", {"failures": 2}),
    (signs_out, "login_ended", {"reason": "logout"}),
    (enters_the_password_again, "authn_step_up", {}),
    (is_idle_for_too_long, "login_ended", {"reason": "idle_timeout"}),
    (comes_back_too_late, "session_use_after_expire", {"reason": "expired"}),
    (comes_with_an_unknown_key, "session_use_unknown", {}),
    (is_ended_by_an_operator, "login_ended", {"reason": "revoked_by_operator"}),
    (refreshes, "authn_token_refreshed", {"generation": 1}),
    (replays, "authn_token_reuse", {"generation": 0}),
    (revokes, "login_ended", {"reason": "logout"}),
    (changes_the_password, "authn_password_change", {}),
    (fails_to_change_the_password, "authn_password_change_fail", {}),
    (asks_for_what_is_not_theirs, "authz_fail", {}),
    (forges, "csrf_fail", {}),
    (adds_a_person, "admin_action", {"act": "add"}),
    (gives_rights, "privilege_permissions_changed", {"is_staff": True}),
]


@pytest.mark.parametrize(
    ("prepare", "name", "about"), SCENARIOS, ids=[prepare.__name__ for prepare, *_rest in SCENARIOS]
)
def test_each_is_one_event(
    prepare: Callable[[], Callable[[], object]], name: str, about: dict[str, Any]
) -> None:
    """ASVS 16.3.1; ASVS 16.3.2; ASVS 16.3.3"""
    act = prepare()

    with listening() as noted:
        act()

    told = [fields for event, fields in noted.events if event == name]
    assert len(told) == 1
    assert about.items() <= told[0].items()


@pytest.mark.parametrize("prepare", [comes_back_too_late, comes_with_an_unknown_key])
def test_a_session_key_is_told_by_a_keyed_hash(prepare: Callable[[], Callable[[], object]]) -> None:
    """ASVS 16.2.5: the same for the same key, so that its uses can be told from those of another."""
    act = prepare()

    with listening() as noted:
        act()
        act()

    told = {fields["key"] for name, fields in noted.events if name.startswith("session_use")}
    assert len(told) == 1
    assert len(told.pop()) == 32
