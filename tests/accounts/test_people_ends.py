"""What a change of a person ends: all their Logins, for good, whoever makes it and however."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import logins
from accounts.errors import InvalidCredentials
from accounts.events import Event
from accounts.feed import News
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD
from tests.accounts.rows import (
    WAYS,
    a_login,
    a_person,
    a_request,
    carried,
    some_logins,
    start,
    taken_back,
    write,
)

# Rolled back, not committed and emptied: there are many of them, and they ask for a commit by name.
pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


def reasons(*some: Login) -> set[str]:
    """Why these Logins, or all, have ended; "" for the live ones."""
    chosen = Login.objects.filter(pk__in=[login.pk for login in some]) if some else Login.objects
    return set(chosen.values_list("end_reason", flat=True))


def members(user: User) -> Any:
    """A queryset that reaches this person over two joins."""
    user.groups.add(Group.objects.create(name="operators"))
    return User.objects.filter(groups__name="operators")


DISABLING: dict[str, Callable[[User], object]] = {
    **{way: lambda user, way=way: write(user, way, is_active=False) for way in WAYS},  # type: ignore[misc]
    "a carried copy": lambda user: write(carried(user), "save", is_active=False),
    "a deferred copy": lambda user: write(User.objects.only("pk").get(pk=user.pk), "save", is_active=False),
    "those who are active": lambda user: User.objects.filter(is_active=True, pk=user.pk).update(
        is_active=False
    ),
    "through their logins": lambda user: User.objects.filter(logins__user=user).update(is_active=False),
    "through their groups": lambda user: members(user).update(is_active=False),
    "update_or_create": lambda user: User.objects.update_or_create(pk=user.pk, defaults={"is_active": False}),
}


@pytest.mark.parametrize("how", DISABLING)
def test_disabling_ends_all_logins_for_good(how: str) -> None:
    """S13."""
    person, other = a_person("alice@example.com"), a_person("bob@example.com")
    mine = [*some_logins(2, person, flow="session"), *some_logins(2, person, flow="token")]
    others = a_login(other)

    DISABLING[how](person)
    ended = reasons(*mine)
    User.objects.filter(pk=person.pk).update(is_active=True)

    assert ended == reasons(*mine) == {EndReason.ACCOUNT_DISABLED}
    assert list(Login.objects.live()) == [others]


@pytest.mark.parametrize("way", WAYS)
def test_a_new_password_ends_all_logins_whoever_writes_it(way: str) -> None:
    person = a_person()
    some_logins(2, person)

    write(person, way, password=make_password(OTHER_PASSWORD))

    assert reasons() == {EndReason.PASSWORD_CHANGED}


@pytest.mark.parametrize("way", WAYS)
def test_a_new_role_or_address_ends_nothing(way: str) -> None:
    person = a_person(is_superuser=True)
    a_login(person)

    write(person, way, is_staff=True, is_superuser=False, email="new@example.com")

    assert reasons() == {""}


@committed
def test_a_disabling_that_is_rolled_back_ends_nothing(news: list[News]) -> None:
    a_login()

    with taken_back():
        User.objects.update(is_active=False)

    assert (reasons(), news) == ({""}, [])


def test_an_update_of_many_ends_their_logins_in_one_order() -> None:
    """Feed 12: by their ids. Person by person, it could meet another end head-on."""
    first, second = sorted(
        (a_person("alice@example.com"), a_person("bob@example.com")), key=lambda one: one.pk
    )
    low, high = sorted(some_logins(2), key=lambda login: login.pk)
    Login.objects.filter(pk=low.pk).update(user=second)
    Login.objects.filter(pk=high.pk).update(user=first)

    with CaptureQueriesContext(connection) as captured:
        User.objects.update(is_active=False)

    assert sum(query["sql"].startswith('UPDATE "accounts_login"') for query in captured) == 1
    assert reasons() == {EndReason.ACCOUNT_DISABLED}


DELETING: dict[str, Callable[[User], object]] = {
    "instance": lambda user: user.delete(),
    "queryset": lambda user: User.objects.filter(pk=user.pk).delete(),
    "carried copy": lambda user: carried(user).delete(),
}


@pytest.mark.parametrize("how", DELETING)
def test_a_deleted_persons_logins_end_first_and_stay_as_rows(how: str) -> None:
    person, other = a_person("alice@example.com"), a_person("bob@example.com")
    login, others, who = a_login(person), a_login(other), person.pk

    DELETING[how](person)

    login.refresh_from_db()
    assert (login.user, login.user_uuid, login.end_reason) == (None, who, EndReason.ACCOUNT_DELETED)
    assert login.changed_at is not None
    assert Event.objects.get(name="login_ended").user_uuid == who
    assert list(Login.objects.live()) == [others]


@committed
def test_a_deletion_that_is_rolled_back_ends_nothing(news: list[News]) -> None:
    person = a_person()
    a_login(person)

    with taken_back():
        person.delete()

    assert (reasons(), news, User.objects.count()) == ({""}, [], 1)


def test_a_person_who_is_gone_cannot_be_signed_in() -> None:
    verified = a_person()
    User.objects.get().delete()

    with pytest.raises(InvalidCredentials):
        start(verified)


def test_whoever_ended_a_login_may_be_deleted() -> None:
    operator = a_person("olga@example.com")
    login = a_login()
    logins.end([login.pk], reason=EndReason.REVOKED_BY_OPERATOR, by=operator, request=a_request())

    operator.delete()

    login.refresh_from_db()
    assert (login.ended_by, login.end_reason) == (None, EndReason.REVOKED_BY_OPERATOR)
