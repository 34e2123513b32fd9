"""An error report shows the variables of each frame; none of them shows a password that was typed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.signals import got_request_exception
from django.db import connection
from django.test import override_settings
from django.views.debug import ExceptionReporter

from accounts import credentials
from accounts.models import User
from accounts.testing import PASSWORD
from tests.accounts.rows import a_person, a_request, type_at

HASHERS = ["accounts.passwords.Argon2Hasher", "django.contrib.auth.hashers.MD5PasswordHasher"]
DOORS = ("/login/", "/admin/login/", "/api/session/", "/api/token/")


class Broken(Exception):
    """A fault of ours, where nobody expects one."""


def break_writing(execute: Any, sql: str, *args: Any) -> Any:
    """Fail where a password's hash is written."""
    if sql.startswith("UPDATE") and '"password"' in sql:
        raise Broken
    return execute(sql, *args)


def break_reading(execute: Any, sql: str, *args: Any) -> Any:
    """Fail where the person is looked up."""
    if "accounts_user" in sql:
        raise Broken
    return execute(sql, *args)


@pytest.fixture(autouse=True)
def _as_in_production() -> Iterator[None]:
    with override_settings(DEBUG=False, PASSWORD_HASHERS=HASHERS):
        yield


def report(request: Any = None) -> str:
    """What would be mailed about the exception that is being handled."""
    made = ExceptionReporter(request, *sys.exc_info())
    return made.get_traceback_html() + made.get_traceback_text()


DEEDS: dict[str, Callable[[User], object]] = {
    "verify": lambda user: credentials.verify(a_request(), email=user.email, password=PASSWORD),
    "check": lambda user: credentials.check(a_request(), email=user.email, password=PASSWORD),
    "check_password": lambda user: user.check_password(PASSWORD),
    "change_password": lambda user: credentials.change_password(user, PASSWORD),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_fault_in_the_middle_of_it_shows_no_password(deed: str) -> None:
    a_person()
    User._base_manager.update(password=make_password(PASSWORD, hasher="md5"))

    with connection.execute_wrapper(break_writing):
        try:
            DEEDS[deed](User.objects.get())
        except Broken:
            shown = report()

    assert "Broken" in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize("door", DOORS)
def test_a_fault_behind_a_door_shows_no_password(door: str) -> None:
    shown: list[str] = []

    def hear(request: Any, **_kwargs: Any) -> None:
        shown.append(report(request))

    got_request_exception.connect(hear)
    with connection.execute_wrapper(break_reading):
        answer = type_at(door, PASSWORD)
    got_request_exception.disconnect(hear)

    assert (answer.status_code, len(shown)) == (500, 1)
    assert "Broken" in shown[0]
    assert PASSWORD not in shown[0]
