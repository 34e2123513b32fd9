"""Each finding of the cookie flow's system checks, and a good set-up that has none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from sessions_stateful.conf import Sessions
from sessions_stateful.middleware import SessionMiddleware

pytestmark = pytest.mark.nodb

DAY = timedelta(days=1)


class OwnSessionMiddleware(SessionMiddleware):
    """What a project may put in the place of ours."""


def found(**changed: Any) -> list[str | None]:
    """The ids of our own findings in the project's set-up with these changes."""
    with override_settings(**changed):
        messages = run_checks()
    return [message.id for message in messages if (message.id or "").startswith("sessions_stateful.")]


def without(name: str) -> list[str]:
    return [path for path in settings.MIDDLEWARE if path != f"sessions_stateful.middleware.{name}"]


def test_the_project_s_own_set_up_is_good() -> None:
    assert found() == []


@pytest.mark.parametrize("value", [{}, {"idle_timeout": DAY}, None])
def test_a_setting_that_is_no_instance_is_refused(value: Any) -> None:
    assert found(SESSIONS_STATEFUL=value) == ["sessions_stateful.E001"]


def test_a_misspelt_field_fails_at_the_start() -> None:
    with pytest.raises(TypeError):
        Sessions(idle_time_out=DAY)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "engine", ["django.contrib.sessions.backends.db", "django.contrib.sessions.backends.cache"]
)
def test_another_engine_is_refused(engine: str) -> None:
    assert found(SESSION_ENGINE=engine) == ["sessions_stateful.E002"]


@pytest.mark.parametrize("name", ["SessionMiddleware", "AuthenticationMiddleware"])
def test_a_middleware_that_is_missing_is_named(name: str) -> None:
    assert found(MIDDLEWARE=without(name)) == ["sessions_stateful.E003"]


def test_django_s_own_middleware_is_no_replacement() -> None:
    stack = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]

    assert found(MIDDLEWARE=stack) == ["sessions_stateful.E003"] * 2


def test_a_subclass_of_ours_will_do() -> None:
    ours = "sessions_stateful.middleware.SessionMiddleware"

    stack = [path.replace(ours, f"{__name__}.OwnSessionMiddleware") for path in settings.MIDDLEWARE]

    assert found(MIDDLEWARE=stack) == []


@pytest.mark.parametrize("kind", ["", "remember_", "staff_"])
def test_an_idle_timeout_that_is_longer_than_the_absolute_one_is_refused(kind: str) -> None:
    changed: Any = {f"{kind}idle_timeout": 2 * DAY, f"{kind}absolute_timeout": DAY}
    chosen = Sessions(**changed)

    assert found(SESSIONS_STATEFUL=chosen) == ["sessions_stateful.E004"]


def test_equal_timeouts_are_fine() -> None:
    assert found(SESSIONS_STATEFUL=Sessions(idle_timeout=DAY, absolute_timeout=DAY)) == []
