"""An instance of a person, however old or light it is, writes only what was assigned to it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.db import DatabaseError, IntegrityError, connection
from django.db.models import AutoField
from django.test import override_settings
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.utils import timezone

from accounts import credentials, models, people
from accounts.logins import EndReason, Login
from accounts.models import AbstractUser, User
from accounts.testing import OTHER_PASSWORD, PASSWORD, olga
from tests.accounts.rows import a_login, a_person, carried, row, taken_back

# Rolled back, not committed and emptied: there are many of them.
pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


def test_an_id_is_a_random_uuid_and_serves_the_outside() -> None:
    first, second = a_person("alice@example.com"), a_person("bob@example.com")

    assert {first.pk.version, second.pk.version} == {4}
    assert first.pk != second.pk
    assert (first.public_id, str(first), first.get_full_name()) == (first.pk, first.email, first.email)


def test_an_instance_that_was_saved_knows_what_moved() -> None:
    person = a_person()
    person.is_staff = True
    person.set_password(PASSWORD)

    person.save()

    after = row(person)
    assert {name: getattr(person, name) for name in people.OWN} == {name: after[name] for name in people.OWN}
    assert person.version == 2


@pytest.mark.parametrize("named", [None, people.OWN])
def test_stamp_version_and_changed_at_are_never_written_from_an_instance(named: Any) -> None:
    person = a_person()
    before = row(person)

    person.stamp, person.version, person.changed_at = "mine", 99, timezone.now()
    person.save(update_fields=named)

    assert row(person) == before


def test_two_stale_copies_both_keep_their_change() -> None:
    person = a_person()
    first, second = User.objects.get(), User.objects.get()
    first.is_staff = True
    second.email = "new@example.com"

    first.save()
    second.save()

    after = row(person)
    assert (after["is_staff"], after["email"], after["version"]) == (True, "new@example.com", 3)


def test_a_stale_copy_brings_no_right_and_no_password_back() -> None:
    person = olga()
    stale = User.objects.get()
    User.objects.update(is_staff=False, is_superuser=False, is_active=False)
    credentials.change_password(person, OTHER_PASSWORD)
    before = row(person)

    stale.last_login = before["last_login"] = timezone.now()
    stale.save()

    assert row(person) == before


def test_an_instance_made_by_hand_never_writes_over_a_row() -> None:
    person = a_person()

    with pytest.raises(IntegrityError):
        User(pk=person.pk, email="mallory@example.com", is_superuser=True).save()


@isolate_apps("accounts")
def test_nor_where_a_project_counts_its_people() -> None:
    """For a key without a default Django would try an UPDATE first."""

    class Numbered(AbstractUser):
        id = AutoField(primary_key=True)  # type: ignore[assignment]

        class Meta:
            app_label = "accounts"

    said: list[str] = []

    def hear(_execute: Any, sql: str, *_args: Any) -> Any:
        said.append(sql)
        raise DatabaseError

    with connection.execute_wrapper(hear), pytest.raises(DatabaseError):
        Numbered(pk=1, email="mallory@example.com").save()

    assert said[0].startswith("INSERT")


def test_a_partial_save_writes_and_ends_only_what_it_names() -> None:
    person = a_person()
    login = a_login(person)
    person.is_active, person.email = False, "new@example.com"

    person.save(update_fields=["email"])
    after_one = (row(person)["is_active"], Login.objects.live().count())
    person.save()

    login.refresh_from_db()
    assert after_one == (True, 1)
    assert (row(person)["is_active"], login.end_reason) == (False, EndReason.ACCOUNT_DISABLED)


@pytest.mark.parametrize(
    "read", [lambda: User.objects.only("email").get(), lambda: carried(User.objects.get())]
)
def test_a_light_copy_writes_only_what_was_assigned(read: Callable[[], User]) -> None:
    a_person()
    light = read()
    light.last_login = timezone.now()

    with CaptureQueriesContext(connection) as captured:
        light.save()

    (update,) = [query["sql"] for query in captured if query["sql"].startswith("UPDATE")]
    assigned = update[update.index(" SET ") : update.index(" WHERE ")]
    assert assigned.count('" = ') == 1
    assert '"last_login" = ' in assigned


def test_a_carried_copy_that_is_stale_changes_one_thing_and_brings_nothing_back() -> None:
    person = a_person(is_staff=True)
    light = carried(person)
    User.objects.update(is_staff=False)

    light.email = "new@example.com"
    light.save()

    after = row(person)
    assert (after["email"], after["is_staff"], after["version"]) == ("new@example.com", False, 3)


def test_a_carried_copy_costs_no_sql_until_it_is_asked_for_more(django_assert_num_queries: Any) -> None:
    person = a_person()

    with django_assert_num_queries(0):
        light = carried(person)
        told = (light.pk, light.email, light.is_active, light.is_staff, str(light), light.public_id)
    with django_assert_num_queries(1):
        assert light.date_joined == person.date_joined

    assert told == (person.pk, "alice@example.com", True, False, "alice@example.com", person.pk)


def test_what_was_fetched_later_does_not_count_as_assigned(django_assert_num_queries: Any) -> None:
    light = carried(a_person())
    assert light.stamp
    light.refresh_from_db()

    with django_assert_num_queries(0):
        light.save()


@pytest.mark.parametrize("read", [User.objects.get, lambda: carried(User.objects.get())])
def test_a_save_of_nothing_costs_nothing(read: Callable[[], User], django_assert_num_queries: Any) -> None:
    a_person()
    person = read()

    with django_assert_num_queries(0):
        person.save()


def test_a_person_who_is_gone_is_not_written_anew() -> None:
    stale = a_person()
    User.objects.get().delete()
    stale.is_staff = True

    with pytest.raises(DatabaseError, match="did not affect any rows"):
        stale.save()


@committed
def test_what_was_rolled_back_is_written_by_the_next_save() -> None:
    """Else a transaction that is tried again would not disable anybody."""
    person = a_person()
    login = a_login(person)
    person.is_active = False
    with taken_back():
        person.save()

    person.save()

    login.refresh_from_db()
    assert (row(person)["is_active"], login.end_reason) == (False, EndReason.ACCOUNT_DISABLED)


class OldHasher(MD5PasswordHasher):
    """How passwords were once hashed here, quickly."""

    algorithm = "old"


@pytest.fixture
def weakly_hashed() -> Any:
    """Alice, whose password's hash is replaced at her next sign-in."""
    hashers = ["accounts.passwords.Argon2Hasher", f"{__name__}.OldHasher"]
    with override_settings(PASSWORD_HASHERS=hashers):
        person = a_person()
        User._base_manager.update(password=make_password(PASSWORD, hasher="old"))
        person.refresh_from_db()
        yield person


@committed
def test_a_better_hash_is_written_at_sign_in_and_signs_nobody_out(weakly_hashed: User) -> None:
    """Feed 14."""
    a_login(weakly_hashed)
    before, hash_before = row(weakly_hashed), weakly_hashed.get_session_auth_hash()

    assert weakly_hashed.check_password(PASSWORD)

    after = row(weakly_hashed)
    assert after["password"].startswith("argon2$")
    assert {**after, "password": before["password"]} == before
    assert User.objects.get().get_session_auth_hash() == hash_before
    assert Login.objects.live().count() == 1
    assert User.objects.get().check_password(PASSWORD)


@committed
def test_a_better_hash_restores_no_old_password_over_a_new_one(
    weakly_hashed: User, gate: Any, aside: Callable[[Callable[[], Any]], Future[Any]]
) -> None:
    """Feed 14: it is changed after the old one was verified and before its better hash is written."""
    writing = gate(models, "make_password")

    checking = aside(lambda: weakly_hashed.check_password(PASSWORD))
    writing.await_somebody()
    credentials.change_password(User.objects.get(), OTHER_PASSWORD)
    writing.open()
    checking.result(timeout=10)

    fresh = User.objects.get()
    assert (fresh.check_password(OTHER_PASSWORD), fresh.check_password(PASSWORD)) == (True, False)


def test_the_better_hash_does_not_count_as_assigned(
    weakly_hashed: User, django_assert_num_queries: Any
) -> None:
    weakly_hashed.check_password(PASSWORD)

    with django_assert_num_queries(0):
        weakly_hashed.save()


def test_a_wrong_password_upgrades_nothing(weakly_hashed: User) -> None:
    assert not weakly_hashed.check_password(OTHER_PASSWORD)
    assert row(weakly_hashed)["password"].startswith("old$")


@committed
def test_checking_works_in_asynchronous_code(weakly_hashed: User) -> None:
    assert async_to_sync(weakly_hashed.acheck_password)(PASSWORD)
    assert row(weakly_hashed)["password"].startswith("argon2$")


def test_the_hash_in_a_session_follows_the_stamp_and_the_secret() -> None:
    person = a_person()
    first = person.get_session_auth_hash()

    with override_settings(SECRET_KEY="another" * 10):
        under_another_secret = person.get_session_auth_hash()
    person.set_password(PASSWORD)
    person.save()

    assert len({first, under_another_secret, person.get_session_auth_hash()}) == 3
