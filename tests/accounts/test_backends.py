"""Whatever calls `authenticate()` passes the throttled backend."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Permission
from django.test import override_settings

from accounts.backends import ThrottledBackend
from accounts.conf import Accounts
from accounts.errors import TooManyAttempts
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from tests.accounts.rows import a_person, a_request

ONE_TRY = Accounts(free_failures=1, hard_stop_failures=1)


def test_the_right_password_opens_by_username_and_by_email() -> None:
    person = alice()

    assert authenticate(a_request(), username="alice@example.com", password=PASSWORD) == person
    assert authenticate(a_request(), email="Alice@EXAMPLE.com", password=PASSWORD) == person


def test_a_wrong_one_opens_nothing() -> None:
    alice()

    assert authenticate(a_request(), username="alice@example.com", password=OTHER_PASSWORD) is None


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"username": "alice@example.com"},
        {"password": PASSWORD},
        {"username": None, "password": PASSWORD},
        {"username": 1, "password": PASSWORD},
        {"username": "alice@example.com", "password": None},
        {"username": "alice@example.com", "password": [PASSWORD]},
        {"token": "x"},
    ],
)
def test_other_credentials_are_not_ours(credentials: dict[str, Any], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert ThrottledBackend().authenticate(a_request(), **credentials) is None


@override_settings(ACCOUNTS=ONE_TRY)
def test_it_refuses_loudly_so_that_no_later_backend_tries_the_guess() -> None:
    alice()
    authenticate(a_request(), username="alice@example.com", password=OTHER_PASSWORD)

    with (
        override_settings(
            AUTHENTICATION_BACKENDS=[
                "accounts.backends.ThrottledBackend",
                "django.contrib.auth.backends.ModelBackend",
            ]
        ),
        pytest.raises(TooManyAttempts),
    ):
        authenticate(a_request(), username="alice@example.com", password=PASSWORD)


@override_settings(ACCOUNTS=ONE_TRY)
def test_without_a_request_the_account_is_throttled_all_the_same() -> None:
    alice()
    authenticate(None, username="alice@example.com", password=OTHER_PASSWORD)

    with pytest.raises(TooManyAttempts):
        authenticate(None, username="alice@example.com", password=PASSWORD)


def test_rights_are_read_from_the_database_each_time() -> None:
    person = a_person()
    before = person.has_perm("accounts.end_login")

    person.user_permissions.add(Permission.objects.get(codename="end_login"))

    again = type(person).from_carried({"id": person.pk, "is_active": True, "is_superuser": False})
    assert (before, again.has_perm("accounts.end_login")) == (False, True)


def test_a_disabled_person_is_nobody_to_it() -> None:
    person = a_person(is_active=False)

    assert ThrottledBackend().get_user(person.pk) is None
