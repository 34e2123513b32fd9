"""Each finding of the token flow's checks has a number, and comes when it should and only then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from tokens_stateless.conf import Tokens, simple_jwt

pytestmark = pytest.mark.nodb

GOOD = Tokens(issuer="https://auth.example.com", audience="https://auth.example.com")


def found(tokens: Any, *, deploy: bool = False, **settings: Any) -> list[str]:
    """The ids of this app's findings with such settings."""
    settings.setdefault("SIMPLE_JWT", simple_jwt(tokens) if isinstance(tokens, Tokens) else {})
    with override_settings(TOKENS_STATELESS=tokens, **settings):
        messages = run_checks(include_deployment_checks=deploy)
    return [str(message.id) for message in messages if str(message.id).startswith("tokens_stateless.")]


def test_a_good_setting_finds_nothing() -> None:
    assert found(GOOD, deploy=True) == []


def test_e001_the_setting_is_no_dictionary() -> None:
    assert "tokens_stateless.E001" in found({"access_lifetime": timedelta(minutes=5)})


@pytest.mark.parametrize("changed", [{"LEEWAY": 0}, {"ALGORITHM": "HS256"}, {"SIGNING_KEY": "x"}], ids=str)
def test_e002_simplejwt_is_told_something_else(changed: dict[str, Any]) -> None:
    assert found(GOOD, SIMPLE_JWT={**simple_jwt(GOOD), **changed}) == ["tokens_stateless.E002"]


@pytest.mark.parametrize(("seconds", "good"), [(-1, False), (0, True), (60, True), (61, False)])
def test_e003_the_leeway_is_at_most_a_minute(seconds: int, good: bool) -> None:
    ids = found(replace(GOOD, leeway=timedelta(seconds=seconds)))

    assert ids == ([] if good else ["tokens_stateless.E003"])


@pytest.mark.parametrize(("seconds", "good"), [(0, False), (1, True), (3600, True), (3601, False)])
def test_e004_an_access_token_lives_at_most_an_hour(seconds: int, good: bool) -> None:
    ids = found(replace(GOOD, access_lifetime=timedelta(seconds=seconds)))

    assert ("tokens_stateless.E004" not in ids) is good


def test_e005_the_issuer_is_an_https_address_in_production() -> None:
    plain = replace(GOOD, issuer="http://auth.example.com")

    assert (found(plain), found(plain, deploy=True)) == ([], ["tokens_stateless.E005"])


@pytest.mark.parametrize(("seconds", "good"), [(-1, False), (0, True), (60, True), (61, False)])
def test_e006_the_window_for_a_spent_token_is_at_most_a_minute(seconds: int, good: bool) -> None:
    ids = found(replace(GOOD, rotation_window=timedelta(seconds=seconds)))

    assert ids == ([] if good else ["tokens_stateless.E006"])


@pytest.mark.parametrize(("share", "good"), [(-0.1, False), (0, True), (0.5, True), (0.6, False)])
def test_e007_jitter_takes_at_most_half_of_a_life(share: float, good: bool) -> None:
    ids = found(replace(GOOD, access_jitter=share))

    assert ids == ([] if good else ["tokens_stateless.E007"])


@pytest.mark.parametrize(("seconds", "good"), [(0, False), (1, True), (86400, True), (86401, False)])
def test_e010_the_key_set_is_kept_for_a_day_at_most(seconds: int, good: bool) -> None:
    ids = found(replace(GOOD, jwks_max_age=timedelta(seconds=seconds)))

    assert ids == ([] if good else ["tokens_stateless.E010"])


@pytest.mark.parametrize(("seconds", "good"), [(609, False), (610, True)])
def test_e011_a_key_is_not_due_before_its_successor_may_sign(seconds: int, good: bool) -> None:
    ids = found(replace(GOOD, signing_key_lifetime=timedelta(seconds=seconds)))

    assert ids == ([] if good else ["tokens_stateless.E011"])


@pytest.mark.parametrize(("seconds", "good"), [(0, False), (1, True), (299, True), (300, False)])
def test_e008_what_others_hold_lives_for_less_than_an_access_token(seconds: int, good: bool) -> None:
    ids = found(replace(GOOD, exchange_lifetime=timedelta(seconds=seconds)))

    assert ids == ([] if good else ["tokens_stateless.E008"])
