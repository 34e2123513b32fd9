"""The sign-in form: the same bytes, the same answer, and nothing of the password comes back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import RequestFactory

from accounts.errors import TooManyAttempts
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from sessions_stateful.forms import SignInForm


def filled(**data: Any) -> SignInForm:
    return SignInForm(RequestFactory().post("/login/"), data=data)


def test_the_right_password_gives_the_person() -> None:
    person = alice()

    form = filled(email=person.email, password=PASSWORD)

    assert form.is_valid()
    assert (form.get_user(), form.cleaned_data["remember"]) == (person, False)


def test_the_address_may_be_spelled_otherwise() -> None:
    alice()

    assert filled(email="ALICE@Example.COM", password=PASSWORD).is_valid()


@pytest.mark.parametrize("password", [f" {PASSWORD}", f"{PASSWORD} ", PASSWORD.title(), f"{PASSWORD}\n"])
def test_the_password_is_taken_byte_for_byte(password: str) -> None:
    """T13"""
    alice()

    assert not filled(email="alice@example.com", password=password).is_valid()


def test_a_password_with_spaces_around_it_is_one_s_own() -> None:
    """T13"""
    person = get_user_model().objects.create_user("spacy@example.com", f" {PASSWORD} ")

    assert filled(email=person.email, password=f" {PASSWORD} ").is_valid()
    assert not filled(email=person.email, password=PASSWORD).is_valid()


@pytest.mark.parametrize("missing", ["email", "password"])
@pytest.mark.parametrize("value", [None, ""])
def test_both_are_asked_for_and_nothing_is_checked_without(missing: str, value: str | None) -> None:
    data = {"email": "alice@example.com", "password": PASSWORD, missing: value}

    form = filled(**{name: text for name, text in data.items() if text is not None})

    assert not form.is_valid()
    assert list(form.errors) == [missing]


def test_unknown_wrong_and_disabled_are_told_the_same() -> None:
    alice()
    get_user_model().objects.create_user("carol@example.com", PASSWORD, is_active=False)

    told = {
        str(filled(email=email, password=password).errors)
        for email, password in [
            ("alice@example.com", OTHER_PASSWORD),
            ("nobody@example.com", PASSWORD),
            ("carol@example.com", PASSWORD),
            ("no address at all", PASSWORD),
            ("alice@example.com", "\ud800" * 15),
        ]
    }

    assert len(told) == 1
    assert "No active account" in told.pop()


@pytest.mark.parametrize(("field", "size"), [("email", 255), ("password", 5_000)])
def test_what_is_too_long_is_refused(field: str, size: int) -> None:
    alice()

    assert not filled(**{"email": "alice@example.com", "password": PASSWORD, field: "a" * size}).is_valid()


def test_too_many_attempts_are_no_mistake_in_the_form() -> None:
    """T14: the door answers 429, as every other door does."""
    alice()
    for _attempt in range(5):
        filled(email="alice@example.com", password=OTHER_PASSWORD).is_valid()

    with pytest.raises(TooManyAttempts):
        filled(email="alice@example.com", password=PASSWORD).is_valid()


def test_the_page_shows_the_address_again_and_never_the_password() -> None:
    form = filled(email="alice@example.com", password=OTHER_PASSWORD)

    html = str(form)

    assert ("alice@example.com" in html, OTHER_PASSWORD in html) == (True, False)


def test_password_managers_find_their_fields() -> None:
    html = str(SignInForm())

    assert 'autocomplete="username"' in html
    assert 'autocomplete="current-password"' in html
    assert 'type="password"' in html
