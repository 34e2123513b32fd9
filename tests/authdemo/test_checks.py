"""`check --deploy` refuses what must not be served, and says why."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.checks.registry import registry
from django.core.management import CommandError, call_command
from django.test import override_settings

from authdemo import checks
from authdemo.conf import Lab

pytestmark = pytest.mark.nodb

GOOD_KEY = "w7Jk2vQ9xT4mB8nR1cZ6yL3pF5sD0gHaEuIoWqXeVtNbMiKjUl"
GOOD: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": GOOD_KEY,
    "SECRET_KEY_FALLBACKS": [],
    "ALLOWED_HOSTS": ["login.example.com"],
    "PUBLIC_ORIGIN": "https://login.example.com",
    "SESSION_COOKIE_NAME": "__Host-sid",
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_NAME": "__Host-csrf",
    "CSRF_COOKIE_SECURE": True,
    "LAB": Lab(),
}


def found(**changed: Any) -> list[str | None]:
    """The ids of our own findings in a good set-up with these changes."""
    with override_settings(**{**GOOD, **changed}):
        messages = run_checks(tags=["security"], include_deployment_checks=True)
    return [message.id for message in messages if (message.id or "").startswith("authdemo.")]


def test_a_good_set_up_passes() -> None:
    assert found() == []


def test_debug_is_refused() -> None:
    assert found(DEBUG=True) == ["authdemo.E001"]


@pytest.mark.parametrize(
    "key",
    [
        GOOD_KEY[:49],
        "ab" * 40,
        "insecure-key-of-a-debug-start-that-nobody-else-can-reach",
        f"django-insecure-{GOOD_KEY}",
        f"change-me-{GOOD_KEY}",
    ],
)
def test_a_weak_secret_is_refused_the_former_ones_too(key: str) -> None:
    assert found(SECRET_KEY=key) == ["authdemo.E002"]
    assert found(SECRET_KEY_FALLBACKS=[GOOD_KEY[::-1], key]) == ["authdemo.E002"]


def test_a_finding_never_shows_the_secret() -> None:
    with override_settings(**{**GOOD, "SECRET_KEY": "too short"}):
        assert "too short" not in str(checks.check_secret_key()).replace("too short or too simple", "")


def test_any_host_is_refused() -> None:
    assert found(ALLOWED_HOSTS=["login.example.com", "*"]) == ["authdemo.E003"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://login.example.com",
        "https://login.example.com/",
        "https://login.example.com/path",
        "https://user@login.example.com",
        "https://",
        "https://[",
        "login.example.com",
    ],
)
def test_an_origin_that_is_not_https_is_refused(origin: str) -> None:
    assert found(PUBLIC_ORIGIN=origin) == ["authdemo.E004"]


def test_an_origin_may_have_a_port() -> None:
    assert found(PUBLIC_ORIGIN="https://login.example.com:8443") == []


def test_the_live_page_is_warned_of() -> None:
    assert found(LAB=Lab(is_on=True)) == ["authdemo.W002"]


BAD_COOKIES = [{"NAME": "sid"}, {"SECURE": False}, {"DOMAIN": "example.com"}, {"PATH": "/app"}]


@pytest.mark.parametrize("change", BAD_COOKIES)
def test_a_session_cookie_that_others_could_set_is_refused(change: dict[str, Any]) -> None:
    assert found(**{f"SESSION_COOKIE_{key}": value for key, value in change.items()}) == ["authdemo.E005"]


@pytest.mark.parametrize("change", BAD_COOKIES)
def test_a_csrf_cookie_that_others_could_set_is_refused(change: dict[str, Any]) -> None:
    assert found(**{f"CSRF_COOKIE_{key}": value for key, value in change.items()}) == ["authdemo.E006"]


@pytest.mark.parametrize(
    ("engine", "atomic", "ids"),
    [
        ("django.db.backends.sqlite3", True, ["authdemo.W001"]),
        ("django.db.backends.sqlite3", False, []),
        ("django.db.backends.postgresql", True, []),
    ],
)
def test_sqlite_warns_of_transactions_around_requests(
    engine: str, atomic: bool, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not by override_settings, which warns that open connections do not follow.
    monkeypatch.setattr(settings, "DATABASES", {"default": {"ENGINE": engine, "ATOMIC_REQUESTS": atomic}})

    assert [message.id for message in checks.check_atomic_requests()] == ids


@pytest.mark.django_db
def test_the_command_fails_for_a_deployment_and_not_for_a_developer() -> None:
    with override_settings(**{**GOOD, "DEBUG": True}):
        call_command("check")
        with pytest.raises(CommandError, match=r"authdemo\.E001"):
            call_command("check", deploy=True)


def test_the_warning_is_for_developers_too() -> None:
    assert checks.check_atomic_requests in registry.get_checks()
