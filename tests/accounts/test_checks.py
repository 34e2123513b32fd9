"""Each numbered finding of accounts, and the silence when all is well."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.backends import ModelBackend, RemoteUserBackend
from django.core.checks import run_checks
from django.core.checks.registry import registry
from django.test import override_settings

from accounts import checks
from accounts.backends import ThrottledBackend
from accounts.conf import Accounts

pytestmark = pytest.mark.nodb

OURS = "accounts.backends.ThrottledBackend"


class OwnBackend(ThrottledBackend):
    """What a project may add to ours."""


class OpenBackend(ModelBackend):
    """Checks passwords as Django does, and counts nothing."""


def path(backend: type) -> str:
    """How AUTHENTICATION_BACKENDS names a class of this module or of Django."""
    return f"{backend.__module__}.{backend.__qualname__}"


def found() -> list[str]:
    """The ids of what `manage.py check` finds in accounts."""
    return [str(message.id) for message in run_checks() if str(message.id).startswith("accounts.")]


def test_nothing_is_found_in_the_project() -> None:
    assert found() == []


@pytest.mark.parametrize("value", [{"site_name": "x"}, None, Accounts])
def test_e001_a_setting_that_is_no_instance(value: object) -> None:
    with override_settings(ACCOUNTS=value):
        assert [message.id for message in checks.check_setting()] == ["accounts.E001"]


def test_e001_is_silent_where_nothing_is_set() -> None:
    with override_settings():
        del settings.ACCOUNTS

        assert checks.check_setting() == []


def test_e002_a_person_without_stamp_and_version() -> None:
    with override_settings(AUTH_USER_MODEL="auth.User"):
        assert [message.id for message in checks.check_user_model()] == ["accounts.E002"]


@pytest.mark.parametrize("backends", [[], [path(RemoteUserBackend)]])
def test_e003_no_door_is_throttled(backends: list[str]) -> None:
    with override_settings(AUTHENTICATION_BACKENDS=backends):
        assert found() == ["accounts.E003"]


@pytest.mark.parametrize("backends", [[path(OwnBackend)], [path(RemoteUserBackend), OURS]])
def test_e003_is_silent_where_ours_or_a_subclass_is_among_them(backends: list[str]) -> None:
    with override_settings(AUTHENTICATION_BACKENDS=backends):
        assert found() == []


@pytest.mark.parametrize("open_one", [ModelBackend, OpenBackend])
def test_e005_a_backend_beside_ours_checks_passwords_without_counting(open_one: type) -> None:
    with override_settings(AUTHENTICATION_BACKENDS=[OURS, path(open_one)]):
        messages = checks.check_open_backends()

    assert [(message.id, path(open_one) in message.msg) for message in messages] == [("accounts.E005", True)]


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("django.db.backends.mysql", ["accounts.E004"]),
        ("django.db.backends.oracle", ["accounts.E004"]),
        ("django.db.backends.postgresql", []),
        ("django.db.backends.sqlite3", []),
    ],
)
def test_e004_a_database_that_the_reader_does_not_know(
    engine: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", engine)

    assert [message.id for message in checks.check_database()] == expected


def test_all_of_them_are_asked_by_manage_py_check() -> None:
    registered = set(registry.get_checks(include_deployment_checks=True))

    assert registered >= {check for name, check in vars(checks).items() if name.startswith("check_")}


def test_a_trusted_proxy_that_is_no_address_is_found() -> None:
    with override_settings(ACCOUNTS=Accounts(trusted_proxies=("10.0.0.0/8", "nonsense"))):
        messages = checks.check_trusted_proxies()

    assert [message.id for message in messages] == ["accounts.E006"]


def test_trusted_proxies_may_be_addresses_networks_and_sockets() -> None:
    with override_settings(ACCOUNTS=Accounts(trusted_proxies=("10.0.0.1", "fd00::/8", "unix"))):
        assert checks.check_trusted_proxies() == []
