"""People are told what they should know of, and nothing that could be used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client, override_settings

from accounts import credentials, mail
from accounts.conf import Accounts
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from tokens_stateless.models import Family

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sign_in(user_agent: str) -> Any:
    body = {"email": "alice@example.com", "password": PASSWORD}
    return Client().post("/api/token/", body, "application/json", headers={"User-Agent": user_agent}).json()


def told() -> list[tuple[str, list[str]]]:
    mail.wait()
    return [(str(one.subject), one.to) for one in outbox.outbox]


def test_a_sign_in_from_a_new_device_is_told_and_the_first_and_a_known_one_are_not() -> None:
    alice()

    sign_in("curl/8.5.0")
    sign_in("curl/8.6.0")
    assert told() == []
    sign_in(FIREFOX)

    assert told() == [("A sign-in from a new device", ["alice@example.com"])]
    assert "Firefox" in outbox.outbox[0].body


def test_a_new_password_is_told() -> None:
    credentials.change_password(alice(), OTHER_PASSWORD)

    assert told() == [("Your password was changed", ["alice@example.com"])]


def test_another_address_is_told_to_the_old_one() -> None:
    person = alice()

    person.email = "alice.new@example.org"
    person.save()

    assert told() == [("Your account has another address", ["alice@example.com"])]
    assert "alice.new" not in outbox.outbox[0].body


def test_a_refresh_token_that_comes_back_is_told_and_not_shown() -> None:
    alice()
    spent = sign_in("curl/8.5.0")["refresh"]
    Client().post("/api/token/refresh/", {"refresh": spent}, "application/json")
    family = Family.objects.get()
    Family.objects.update(rotated_at=family.rotated_at - timedelta(minutes=1))  # type: ignore[operator]

    Client().post("/api/token/refresh/", {"refresh": spent}, "application/json")

    assert told() == [("A sign-in was ended to be safe", ["alice@example.com"])]
    assert spent not in outbox.outbox[0].body


@pytest.mark.parametrize("act", ["save", "update"])
def test_what_changes_nothing_is_not_told(act: str) -> None:
    person = alice()

    person.save() if act == "save" else type(person).objects.update(is_staff=True)

    assert told() == []


@override_settings(ACCOUNTS=Accounts(mail_notices=False))
def test_a_project_without_the_templates_is_not_troubled() -> None:
    credentials.change_password(alice(), OTHER_PASSWORD)

    assert told() == []
