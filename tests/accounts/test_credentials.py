"""One place checks passwords: the same bytes, the same answer and the same count at every door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.signals import user_login_failed
from django.db import connection
from django.test import override_settings

from accounts import credentials, people, throttle
from accounts.conf import Accounts
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from accounts.throttle import Attempts
from tests.accounts.rows import a_person, a_request, some_logins, taken_back, type_at

ONE_TRY = Accounts(free_failures=1, hard_stop_failures=1)


class CountingHasher(MD5PasswordHasher):
    """A quick hasher that counts its work."""

    algorithm = "counted"
    work = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).work += 1
        return super().encode(password, salt)


@pytest.fixture
def counted() -> Iterator[Callable[[], int]]:
    """Passwords are hashed by a hasher that counts; the answer is how often since the last question."""
    with override_settings(PASSWORD_HASHERS=[f"{__name__}.CountingHasher"]):
        CountingHasher.work = 0

        def since() -> int:
            work, CountingHasher.work = CountingHasher.work, 0
            return work

        yield since


def refusal(email: str, password: str) -> Any:
    """Why these credentials are refused."""
    with pytest.raises(InvalidCredentials) as caught:
        credentials.verify(a_request(), email=email, password=password)
    return caught.value


def test_the_right_password_gives_the_person_however_the_address_is_spelled() -> None:
    person = alice()

    for spelling in (
        "alice@example.com",
        "ALICE@Example.COM",
        "ａｌｉｃｅ@example.com",
        " alice@example.com ",
    ):
        assert credentials.verify(a_request(), email=spelling, password=PASSWORD) == person


def test_unknown_wrong_and_disabled_are_told_apart_by_nobody(counted: Callable[[], int]) -> None:
    for name, fields in (("alice", {}), ("carol", {"is_active": False}), ("dave", {})):
        a_person(f"{name}@example.com", password=None if name == "dave" else PASSWORD, **fields)
    counted()

    told = []
    for name, password in (
        ("nobody", PASSWORD),
        ("alice", OTHER_PASSWORD),
        ("carol", PASSWORD),
        ("dave", PASSWORD),
    ):
        error = refusal(f"{name}@example.com", password)
        told.append((error.status_code, error.get_full_details(), error.auth_header, error.wait, counted()))

    assert told == [told[0]] * 4
    assert told[0][0] == 401
    assert told[0][-1] == 1


@pytest.mark.parametrize(
    "password", [" with a space at each end ", "tab\tand\nbreak", "naïve cafe\u0301", "😀" * 15]
)
def test_a_password_is_taken_byte_for_byte(password: str, counted: Callable[[], int]) -> None:
    person = a_person(password=password)

    assert credentials.verify(a_request(), email=person.email, password=password) == person
    for other in {password.strip(), people.normalize_email(password), password + " "} - {password}:
        refusal(person.email, other)


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "\ud800", "x" * 5000, "é" * 2049])
def test_what_cannot_be_a_password_costs_no_work(
    text: str, counted: Callable[[], int], django_assert_num_queries: Any
) -> None:
    alice()
    counted()

    with django_assert_num_queries(0):
        refusal("alice@example.com", text)
    with django_assert_num_queries(0):
        refusal(text, PASSWORD)
    assert counted() == 0


def test_an_attempt_is_counted_before_its_password_is_looked_at(gate: Any, aside: Any) -> None:
    alice()
    looking = gate(User, "check_password")

    trying = aside(lambda: credentials.verify(a_request(), email="alice@example.com", password=PASSWORD))
    looking.await_somebody()
    counted = list(Attempts.objects.values_list("failures", flat=True))
    looking.open()
    trying.result(timeout=10)

    assert counted == [1, 1]
    assert list(Attempts.objects.values_list("failures", flat=True)) == [0, 0]


@override_settings(ACCOUNTS=ONE_TRY)
def test_a_locked_account_is_told_how_long_to_wait_and_nothing_is_looked_at(
    counted: Callable[[], int],
) -> None:
    """T14."""
    alice()
    refusal("alice@example.com", OTHER_PASSWORD)
    counted()

    with pytest.raises(TooManyAttempts) as caught:
        credentials.verify(a_request(), email="alice@example.com", password=PASSWORD)

    assert (caught.value.status_code, counted()) == (429, 0)
    assert caught.value.wait
    assert caught.value.wait > 0


def test_a_failure_is_signalled_without_the_password() -> None:
    """T14: whoever listens to Django's signal hears of every door."""
    heard: list[Any] = []

    def hear(credentials: Any, request: Any, **_kwargs: Any) -> None:
        heard.append((credentials, request is not None))

    user_login_failed.connect(hear)
    refusal("alice@example.com", OTHER_PASSWORD)
    user_login_failed.disconnect(hear)

    assert [told[1] for told in heard] == [True]
    assert OTHER_PASSWORD not in str(heard)


@pytest.mark.parametrize("door", ["/login/", "/admin/login/", "/api/session/", "/api/token/"])
def test_the_count_of_a_refused_sign_in_stays_under_atomic_requests(
    door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Feed 11."""
    alice()
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)

    type_at(door, OTHER_PASSWORD)

    assert not Login.objects.exists()
    assert list(Attempts.objects.values_list("failures", flat=True)) == [1, 1]


def test_a_new_password_ends_all_logins_but_the_one_kept() -> None:
    person, other = alice(), bob()
    kept, *_gone = some_logins(3, person)
    (others,) = some_logins(1, other)

    credentials.change_password(person, OTHER_PASSWORD, keep=kept.pk)

    assert set(Login.objects.live()) == {kept, others}
    assert set(Login.objects.exclude(ended_at=None).values_list("end_reason", flat=True)) == {
        EndReason.PASSWORD_CHANGED
    }
    assert credentials.verify(a_request(), email=person.email, password=OTHER_PASSWORD) == person
    refusal(person.email, PASSWORD)


def test_a_new_password_is_an_event_and_forgives_the_failures() -> None:
    person = alice()
    refusal(person.email, OTHER_PASSWORD)

    credentials.change_password(person, OTHER_PASSWORD, request=a_request())

    event = Event.objects.get(name="authn_password_change")
    assert (event.user_uuid, event.address) == (person.pk, "203.0.113.9")
    assert sorted(Attempts.objects.values_list("failures", flat=True)) == [0, 1]
    throttle.reserve(account=person.email, address=None)


def test_a_new_password_that_is_rolled_back_ends_nothing() -> None:
    person = alice()
    some_logins(2, person)

    with taken_back():
        credentials.change_password(person, OTHER_PASSWORD)

    assert Login.objects.live().count() == 2
    assert User.objects.get().check_password(PASSWORD)
