"""People are told what they should know of, and nothing that could be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client, override_settings
from django.utils import timezone, translation

from accounts import conf, credentials, mail, notices
from accounts.conf import Accounts
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from tests.accounts.rows import a_login, a_person, start
from tokens_stateless.models import Family

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW_DEVICE = "A sign-in from a new device"


def sign_in(user_agent: str) -> Any:
    body = {"email": "alice@example.com", "password": PASSWORD}
    return Client().post("/api/token/", body, "application/json", headers={"User-Agent": user_agent}).json()


def told() -> list[tuple[str, list[str]]]:
    mail.wait()
    return [(str(one.subject), one.to) for one in outbox.outbox]


def body() -> str:
    """What the only mail says."""
    mail.wait()
    (message,) = outbox.outbox
    return str(message.body)


def devices_told() -> list[str]:
    """The devices that mail has told of, in order of their sign-ins."""
    mail.wait()
    found = [re.search(r"^(device \d+),", str(one.body), re.MULTILINE) for one in outbox.outbox]
    return sorted(one[1] for one in found if one)


def signed_in_with(device: str, *, at: datetime | None = None, **fields: Any) -> Login:
    """A Login from this device of which its person is told, or not."""
    at = at or timezone.now()
    login = a_login(device=device, started_at=at, seen_at=at, **fields)
    notices.login_started(login.pk)
    mail.wait()
    return login


def test_a_sign_in_from_a_new_device_is_told_and_the_first_and_a_known_one_are_not() -> None:
    alice()

    sign_in("curl/8.5.0")
    sign_in("curl/8.6.0")
    assert told() == []
    sign_in(FIREFOX)

    assert told() == [(NEW_DEVICE, ["alice@example.com"])]
    assert "Firefox on Linux, 127.0.0.1\n" in body()


def test_a_device_is_as_new_as_it_is_to_this_person() -> None:
    start(bob())
    a_login(alice(), device="Firefox")

    sign_in("curl/8.5.0")

    assert told() == [(NEW_DEVICE, ["alice@example.com"])]


def test_a_sign_in_after_the_ledger_has_forgotten_all_others_is_told() -> None:
    person = alice()
    User.objects.filter(pk=person.pk).update(date_joined=timezone.now() - timedelta(days=91))

    sign_in("curl/8.5.0")

    assert told() == [(NEW_DEVICE, ["alice@example.com"])]


def test_a_flood_of_new_devices_is_no_flood_of_mails() -> None:
    now = timezone.now()
    signed_in_with("a known one", at=now - timedelta(days=10))

    for number in range(20):
        signed_in_with(f"device {number}", at=now - timedelta(minutes=20 - number))

    assert devices_told() == [f"device {number}" for number in range(notices.MOST_A_DAY)]
    assert ["until tomorrow" in str(one.body) for one in outbox.outbox] == [False] * 4 + [True]


def test_the_next_day_new_devices_are_told_again() -> None:
    now = timezone.now()
    signed_in_with("a known one", at=now - timedelta(days=10))
    for number in range(20):
        signed_in_with(f"device {number}", at=now - timedelta(hours=25))

    signed_in_with("device 20", at=now)

    assert "device 20" in devices_told()


def test_known_devices_that_are_used_today_hide_no_new_one() -> None:
    now = timezone.now()
    for hours in (50, 2):
        for number in range(notices.MOST_A_DAY + 1):
            signed_in_with(f"known {number}", at=now - timedelta(hours=hours))

    outbox.outbox.clear()
    signed_in_with("device 1")

    assert devices_told() == ["device 1"]


def test_a_new_password_is_told() -> None:
    credentials.change_password(alice(), OTHER_PASSWORD)

    assert told() == [("Your password was changed", ["alice@example.com"])]


def test_another_address_is_told_to_the_old_one_and_to_the_new_one() -> None:
    person = alice()

    person.email = "alice.new@example.org"
    person.save()

    assert sorted(told()) == [
        ("Your account has another address", ["alice@example.com"]),
        ("Your account signs in with this address now", ["alice.new@example.org"]),
    ]
    (to_the_old,) = (str(one.body) for one in outbox.outbox if one.to == ["alice@example.com"])
    assert "(…@example.org)" in to_the_old
    assert "alice.new" not in to_the_old


def test_a_refresh_token_that_comes_back_is_told_and_not_shown() -> None:
    alice()
    spent = sign_in("curl/8.5.0")["refresh"]
    Client().post("/api/token/refresh/", {"refresh": spent}, "application/json")
    family = Family.objects.get()
    Family.objects.update(rotated_at=family.rotated_at - timedelta(minutes=1))  # type: ignore[operator]

    Client().post("/api/token/refresh/", {"refresh": spent}, "application/json")

    assert told() == [("A sign-in was ended to be safe", ["alice@example.com"])]
    assert spent not in body()


def test_a_program_that_loses_its_tokens_all_day_is_no_flood_of_mails() -> None:
    now = timezone.now()
    for minutes in range(20, 0, -1):
        at = now - timedelta(minutes=minutes)
        notices.token_reused(a_login(ended_at=at, end_reason=EndReason.REFRESH_REUSED))
        mail.wait()

    assert len(told()) == notices.MOST_A_DAY


@pytest.mark.parametrize("act", ["save", "update"])
def test_what_changes_nothing_is_not_told(act: str) -> None:
    person = alice()

    person.save() if act == "save" else type(person).objects.update(is_staff=True)

    assert told() == []


ACTS: dict[str, Callable[[User], object]] = {
    "device": lambda person: signed_in_with("device 1", user=person),
    "password": notices.password_changed,
    "address": lambda person: notices.address_changed(person, old="old@example.com", new="new@example.com"),
    "reuse": lambda person: notices.token_reused(a_login(person, ended_at=timezone.now())),
}


@pytest.fixture
def person() -> User:
    """Alice, who has signed in before with something else."""
    found = a_person()
    a_login(found, device="a known one", started_at=timezone.now() - timedelta(days=1))
    return found


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_disabled_are_told_nothing(person: User, act: Callable[[User], object]) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)

    act(person)

    assert told() == []


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_each_mail_leads_to_pages_that_are_there(
    person: User, act: Callable[[User], object], settings: Any
) -> None:
    settings.ACCOUNTS = replace(conf.current(), public_origin="https://auth.example.com/")

    act(person)

    mail.wait()
    assert outbox.outbox
    for message in outbox.outbox:
        text, plain = str(message.body), message.message().get_content_type()
        links = re.findall(r"^https://auth\.example\.com(/\S+)$", text, re.MULTILINE)
        assert plain == "text/plain"
        assert links
        assert not [path for path in links if path.startswith("//")]
        assert {Client().get(path).status_code for path in links} <= {200, 302}
        assert "http" not in re.sub(r"https://auth\.example\.com\b", "", text)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_mail_is_in_the_persons_language_whoever_caused_it(
    person: User, act: Callable[[User], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[str | None] = []
    monkeypatch.setattr(mail, "send", lambda *_what: spoken.append(translation.get_language()))

    with translation.override("fr"):
        act(person)
        mail.wait()
        monkeypatch.setattr(User, "language", "de")
        act(person) if act is not ACTS["device"] else signed_in_with("device 2", user=person)
        mail.wait()

    half = len(spoken) // 2
    assert spoken == ["fr"] * half + ["de"] * half
    assert half


@pytest.mark.parametrize("address", ["a@example.com\nBcc: eve@example.com", "a@example.com\r\nX: y"])
def test_an_address_cannot_write_headers(address: str, caplog: pytest.LogCaptureFixture) -> None:
    notices.address_changed(a_person(), old="old@example.com", new=address)

    assert told() == [("Your account has another address", ["old@example.com"])]
    assert "A mail was not sent" in caplog.text
    assert "eve" not in caplog.text


def test_a_device_cannot_write_headers_or_lines() -> None:
    a_login(alice(), device="a known one")

    sign_in("evil\r\nBcc: eve@example.com\r\n\r\nVisit http://evil.example")

    assert told() == [(NEW_DEVICE, ["alice@example.com"])]
    assert "evil.example" not in body()
    assert "Bcc" not in outbox.outbox[0].message().as_string()


@override_settings(ACCOUNTS=Accounts(mail_notices=False))
def test_a_project_without_the_templates_is_not_troubled() -> None:
    credentials.change_password(alice(), OTHER_PASSWORD)

    assert told() == []
