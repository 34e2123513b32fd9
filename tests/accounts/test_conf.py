"""A misspelt setting stops the start; a right one holds wherever it is asked for."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from accounts import conf
from accounts.conf import Accounts

pytestmark = pytest.mark.nodb


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(TypeError, match="standing_bugdet"):
        Accounts(standing_bugdet=timedelta(seconds=1))  # type: ignore[call-arg]


def test_fields_are_given_by_name_alone() -> None:
    positional: Any = Accounts

    with pytest.raises(TypeError, match="positional"):
        positional("authdemo")


def test_nobody_changes_a_setting_while_others_read_it() -> None:
    with pytest.raises(FrozenInstanceError):
        conf.current().seen_interval = timedelta(0)  # type: ignore[misc]


def test_an_override_holds_at_the_next_call() -> None:
    before = conf.current().seen_interval

    with override_settings(ACCOUNTS=Accounts(seen_interval=timedelta(seconds=7))):
        inside = conf.current().seen_interval

    assert (before, inside, conf.current().seen_interval) == (
        timedelta(minutes=1),
        timedelta(seconds=7),
        timedelta(minutes=1),
    )


def test_a_project_that_sets_nothing_gets_the_defaults() -> None:
    with override_settings():
        del settings.ACCOUNTS

        assert conf.current() == Accounts()


def test_what_the_design_promises_is_the_default() -> None:
    chosen = Accounts()

    assert chosen.standing_budget == timedelta(seconds=5)
    assert chosen.standing_interval == timedelta(milliseconds=500)
    assert chosen.seen_interval == timedelta(minutes=1)
    assert chosen.link_lifetime <= timedelta(hours=1)
    assert chosen.password_min_length >= 15
