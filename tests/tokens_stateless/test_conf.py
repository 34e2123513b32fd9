"""The settings of the token flow: one frozen instance, from which simplejwt's are derived."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from rest_framework_simplejwt.settings import api_settings

from tokens_stateless.conf import Tokens, current, simple_jwt

pytestmark = pytest.mark.nodb


def test_the_defaults_are_those_that_the_design_names() -> None:
    tokens = Tokens()

    assert tokens.access_lifetime == timedelta(minutes=5)
    assert (tokens.idle_timeout, tokens.absolute_timeout) == (timedelta(days=14), timedelta(days=30))
    assert (tokens.rotation_window, tokens.leeway) == (timedelta(seconds=10), timedelta(seconds=30))


def test_a_misspelt_field_fails_at_the_start() -> None:
    misspelt: dict[str, Any] = {"acces_lifetime": timedelta(minutes=1)}

    with pytest.raises(TypeError):
        Tokens(**misspelt)


def test_nobody_changes_a_setting_while_it_is_in_use() -> None:
    with pytest.raises(FrozenInstanceError):
        Tokens().leeway = timedelta(0)  # type: ignore[misc]


def test_fields_are_named_not_counted() -> None:
    assert all(field.kw_only for field in fields(Tokens))


def test_an_override_is_seen_at_once() -> None:
    with override_settings(TOKENS_STATELESS=Tokens(client_id="other")):
        assert current().client_id == "other"
    assert current().client_id == "first-party"


@pytest.mark.parametrize("missing", [None, {}])
def test_without_the_setting_the_defaults_hold(missing: object) -> None:
    with override_settings(TOKENS_STATELESS=missing):
        assert current() == Tokens()


def test_a_copy_may_vouch_for_its_lifetime_and_the_leeway_of_both_sides() -> None:
    tokens = Tokens(access_lifetime=timedelta(minutes=2), leeway=timedelta(seconds=5))

    assert tokens.horizon == timedelta(seconds=130)


def test_every_setting_of_simplejwt_that_we_derive_exists() -> None:
    """A name that it does not know would be ignored in silence."""
    assert set(simple_jwt(Tokens())) <= set(api_settings.defaults)
