"""A person's row: one address each, and what moves version and stamp, whoever writes it and however."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, Case, F, Q, Value, When
from django.db.models.functions import Concat
from django.utils import timezone

from accounts import people
from accounts.feed import News
from accounts.logins import Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, bob, olga
from tests.accounts.rows import WAYS, a_login, a_person, row, taken_back, write

# Rolled back, not committed and emptied: there are many of them, and they ask for a commit by name.
pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


def moved(person: User, change: Callable[[], object]) -> set[str]:
    """Which of stamp, version and changed_at this change moves."""
    before = row(person)
    change()
    after = row(person)
    return {name for name in people.OWN if before[name] != after[name]}


def test_an_address_keeps_its_owners_spelling_with_the_host_in_lower_case() -> None:
    person = row(a_person(" Alice.Cooper@EXAMPLE.Com "))

    assert (person["email"], person["email_key"]) == ("Alice.Cooper@example.com", "alice.cooper@example.com")


@pytest.mark.parametrize(
    "twin",
    [
        "alice@example.com",
        "ALICE@example.com",
        "alice@EXAMPLE.COM",
        "ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "ali\u217de@example.com",
    ],
)
def test_two_spellings_of_one_address_are_one_person(twin: str) -> None:
    a_person("Alice@example.com")

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(twin)
    with pytest.raises(ValidationError, match="already"):
        User(email=twin).full_clean(exclude=["password"])
    assert User.objects.get_by_natural_key(twin).email == "Alice@example.com"


def test_case_folding_goes_further_than_lower_case() -> None:
    a_person("straße@example.com")

    with pytest.raises(IntegrityError):
        User.objects.create_user("STRASSE@example.com")


def test_another_address_is_another_person() -> None:
    for email in ("alice@example.com", "alice@example.org", "a.lice@example.com", "älice@example.com"):
        a_person(email)

    assert User.objects.count() == 4


@pytest.mark.parametrize("way", WAYS)
def test_the_unique_form_follows_the_address_however_it_is_written(way: str) -> None:
    person = a_person()

    write(person, way, email="Bob@EXAMPLE.com")

    assert (row(person)["email"], row(person)["email_key"]) == ("Bob@example.com", "bob@example.com")


def test_an_address_that_the_database_computes_is_followed_too() -> None:
    person = a_person("alice@example.com")

    User.objects.update(email=Concat(Value("X"), F("email")))

    assert (row(person)["email"], row(person)["email_key"]) == ("Xalice@example.com", "xalice@example.com")


@pytest.mark.parametrize("way", WAYS)
def test_nobody_can_take_anothers_address(way: str) -> None:
    a_person("alice@example.com")
    other = a_person("bob@example.com")
    before = row(other)

    with pytest.raises(IntegrityError), transaction.atomic():
        write(other, way, email="ALICE@example.com")

    assert row(other) == before


def test_an_address_whose_unique_form_would_be_too_long_is_refused_by_the_form() -> None:
    """One character may fold to eighteen: PostgreSQL would fail, and the page with 500."""
    person = User(email="a@" + "\ufdfa" * 20 + ".com")

    with pytest.raises(ValidationError, match="too long"):
        person.full_clean(exclude=["password"])


@committed
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "change",
    [{"email": "new@example.com"}, {"is_active": False}, {"is_staff": True}, {"is_superuser": True}],
)
def test_what_the_flows_carry_moves_the_version(change: dict[str, Any], way: str, news: list[News]) -> None:
    person = a_person()

    assert moved(person, lambda: write(person, way, **change)) == {"version", "changed_at"}
    assert [one.changed for one in news] == [((person.pk, 2),)]


@committed
@pytest.mark.parametrize("way", WAYS)
def test_what_they_do_not_carry_moves_nothing(way: str, news: list[News]) -> None:
    person, now = a_person(), timezone.now()

    assert moved(person, lambda: write(person, way, last_login=now, date_joined=now)) == set()
    assert (row(person)["last_login"], news) == (now, [])


@pytest.mark.parametrize("way", WAYS)
def test_the_same_value_again_moves_nothing(way: str) -> None:
    person = a_person(is_staff=True)

    assert moved(person, lambda: write(person, way, is_staff=True, email=person.email)) == set()


def test_groups_and_permissions_move_nothing() -> None:
    """They are never carried: `has_perm` reads the database."""
    person, group = a_person(), Group.objects.create(name="operators")

    assert moved(person, lambda: person.groups.add(group)) == set()


@pytest.mark.parametrize("way", WAYS)
def test_a_new_password_moves_the_stamp_and_not_the_version(way: str) -> None:
    person = a_person()

    assert moved(person, lambda: write(person, way, password=make_password(PASSWORD))) == {
        "stamp",
        "changed_at",
    }


def test_every_stamp_is_another_of_128_random_bits() -> None:
    stamps = {people.new_stamp() for _ in range(1000)}

    assert len(stamps) == 1000
    assert {len(stamp) for stamp in stamps} == {22}


@pytest.mark.parametrize("name", [*people.OWN, "email_key"])
def test_what_follows_from_others_cannot_be_written_by_update(name: str) -> None:
    person = a_person()

    with pytest.raises(ValueError, match=name):
        User.objects.update(**{name: row(person)[name]})
    with pytest.raises(ValueError, match=name), transaction.atomic():
        User.objects.bulk_update([person], [name])


def test_a_bulk_create_cannot_write_over_people() -> None:
    """It would change what is carried, and end nothing."""
    person = a_person()
    twin = User(email=person.email, is_active=False)

    with pytest.raises(ValueError, match="update_conflicts"):
        User.objects.bulk_create(
            [twin], update_conflicts=True, update_fields=["is_active"], unique_fields=["email_key"]
        )

    assert row(person)["is_active"] is True


def test_a_bulk_create_makes_people_with_their_unique_form() -> None:
    User.objects.bulk_create([User(email="Alice@EXAMPLE.com"), User(email="Bob@example.com")])

    assert set(User.objects.values_list("email_key", flat=True)) == {"alice@example.com", "bob@example.com"}


@committed
def test_a_change_that_is_rolled_back_is_no_news(news: list[News]) -> None:
    person = a_person()

    with taken_back():
        User.objects.update(is_staff=True)

    assert (news, row(person)["version"]) == ([], 1)


@committed
def test_an_update_of_many_moves_only_whom_it_changes(news: list[News]) -> None:
    staff, other = a_person("alice@example.com", is_staff=True), a_person("bob@example.com")

    User.objects.update(is_staff=True)

    assert (row(staff)["version"], row(other)["version"]) == (1, 2)
    assert [one.changed for one in news] == [((other.pk, 2),)]


@pytest.mark.parametrize(
    "value",
    [
        Case(When(email_key__startswith="alice", then=Value(False)), default=F("is_active")),
        Case(When(~Q(email_key__startswith="alice"), then=True), default=False, output_field=BooleanField()),
    ],
)
def test_an_update_by_an_expression_is_judged_by_what_it_did(value: Case) -> None:
    disabled, other = a_person("alice@example.com"), a_person("bob@example.com")
    a_login(disabled)
    a_login(other)

    User.objects.update(is_active=value)

    assert (row(disabled)["version"], row(other)["version"]) == (2, 1)
    assert set(Login.objects.live().values_list("user", flat=True)) == {other.pk}


@committed
def test_two_that_change_one_person_at_once_both_move_the_version(
    gate: Any, aside: Callable[[Callable[[], Any]], Future[Any]]
) -> None:
    """The row is locked before it is compared."""
    person = a_person()
    comparing = gate(people, "moves")

    first = aside(lambda: write(User.objects.get(), "save", is_staff=True))
    comparing.await_somebody()
    second = aside(lambda: User.objects.update(email="new@example.com"))
    with pytest.raises(TimeoutError):
        second.result(timeout=0.2)
    comparing.open()
    first.result(timeout=10)
    second.result(timeout=10)

    after = row(person)
    assert (after["version"], after["is_staff"], after["email"]) == (3, True, "new@example.com")


def test_a_person_may_have_no_password_at_all() -> None:
    person = User.objects.create_user("carol@example.com")

    assert not person.has_usable_password()
    assert not person.check_password("")
    assert not person.check_password(OTHER_PASSWORD)


def test_a_superuser_has_every_right_and_a_user_none() -> None:
    assert (olga().has_perm("accounts.end_login"), bob().has_perm("accounts.end_login")) == (True, False)
