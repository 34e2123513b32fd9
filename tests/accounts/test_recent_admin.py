"""What an operator does only with a password entered lately, and what is not lost by being asked for it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import PASSWORD, alice
from tests.accounts.aged import three_minutes_on
from tests.accounts.rows import a_person, some_logins
from tests.accounts.staff import GROUPS, LOGINS, PEOPLE, act, operator
from tokens_stateless import clients, keyring
from tokens_stateless.models import Client as ThirdParty
from tokens_stateless.models import KeyState, SigningKey

KEYS = "/admin/tokens_stateless/signingkey/"
CLIENTS = "/admin/tokens_stateless/client/"
ASKED = "needs a password that was entered lately"


def step_up(client: Client) -> None:
    """Enter the password at the page."""
    assert client.post("/login/again/", {"password": PASSWORD}).status_code == 302


def person_form(person: User, **fields: Any) -> dict[str, Any]:
    """The form of somebody as it stands, with these fields changed."""
    return {"email": person.email, "is_active": "on", **fields}


CHANGES: dict[str, dict[str, Any]] = {
    "an operator": {"is_staff": "on"},
    "a superuser": {"is_superuser": "on"},
    "another address": {"email": "mallory@example.com"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_rights_and_addresses_want_a_recent_password_and_the_form_stays(change: str) -> None:
    """ASVS 7.5.1"""
    client, person = operator(), alice()
    where, sent = f"{PEOPLE}{person.pk}/change/", person_form(person, **CHANGES[change])

    with three_minutes_on():
        asked = client.post(where, sent)
        unchanged = User.objects.get(pk=person.pk)
        step_up(client)
        saved = client.post(where, sent)

    page = asked.content.decode()
    assert (asked.status_code, saved.status_code) == (200, 302)
    assert ASKED in page
    assert 'href="/login/again/" target="_blank"' in page
    assert all(f'name="{name}"' in page for name in CHANGES[change])
    assert (unchanged.is_staff, unchanged.is_superuser, unchanged.email) == (False, False, person.email)
    assert User.objects.get(pk=person.pk).version == 2


def test_groups_and_permissions_want_one_too() -> None:
    client, person, group = operator(), alice(), Group.objects.create(name="support")
    right = Permission.objects.get(codename="end_login")

    with three_minutes_on():
        asked = [
            client.post(f"{PEOPLE}{person.pk}/change/", person_form(person, groups=[group.pk])),
            client.post(f"{PEOPLE}{person.pk}/change/", person_form(person, user_permissions=[right.pk])),
            client.post(f"{GROUPS}{group.pk}/change/", {"name": "support", "permissions": [right.pk]}),
            client.post(f"{GROUPS}add/", {"name": "more", "permissions": [right.pk]}),
        ]

    assert [ASKED in answer.content.decode() for answer in asked] == [True] * 4
    assert not any(held.exists() for held in (person.groups, person.user_permissions, group.permissions))


def test_a_new_operator_wants_one_and_a_new_person_does_not() -> None:
    client = operator()

    with three_minutes_on():
        asked = client.post(
            f"{PEOPLE}add/", {"email": "eve@example.com", "is_active": "on", "is_staff": "on"}
        )
        made = client.post(f"{PEOPLE}add/", {"email": "fred@example.com", "is_active": "on"})

    assert (ASKED in asked.content.decode(), made.status_code) == (True, 302)
    assert set(User.objects.values_list("email", flat=True)) == {"olga@example.com", "fred@example.com"}


def test_what_must_be_quick_asks_for_nothing() -> None:
    client, person, (login,) = operator(), alice(), some_logins(1)
    party, _secret = clients.make(name="Reports", audiences=["https://api.example.com"])

    with three_minutes_on():
        act(client, "end_selected", login)
        act(client, "switch_off_selected", party, at=CLIENTS)
        client.post(f"{PEOPLE}{person.pk}/change/", {"email": person.email})
        looked = [client.get(f"{place}").status_code for place in (PEOPLE, KEYS, CLIENTS, f"{CLIENTS}add/")]

    assert Login.objects.get(pk=login.pk).end_reason == EndReason.REVOKED_BY_OPERATOR
    assert not ThirdParty.objects.get().is_active
    assert not User.objects.get(pk=person.pk).is_active
    assert looked == [200] * 4


def test_ending_all_of_people_wants_a_recent_password() -> None:
    """ASVS 7.5.3, 8.4.2"""
    client, person = operator(), a_person()
    login, *_more = some_logins(2, person)

    with three_minutes_on():
        asked = [
            act(client, "end_all_of_these_people", login, at=f"{LOGINS}?state=live"),
            act(client, "end_all_logins", person, at=PEOPLE),
        ]
        spared = Login.objects.live().filter(user=person).count()
        step_up(client)
        act(client, "end_all_logins", person, at=PEOPLE)

    assert [answer.status_code for answer in asked] == [302, 302]
    assert asked[0].headers["Location"] == (
        "/login/again/?next=%2Fadmin%2Faccounts%2Flogin%2F%3Fstate%3Dlive&undone=1"
    )
    assert (spared, Login.objects.live().filter(user=person).count()) == (2, 0)


def test_keys_are_rotated_and_revoked_with_a_recent_password() -> None:
    keyring.ensure()
    SigningKey.objects.update(created_at="2026-01-01T00:00:00Z")
    client, standby = operator(), SigningKey.objects.get(state=KeyState.STANDBY)

    with three_minutes_on():
        asked = [
            client.post(f"{KEYS}rotate/"),
            act(client, "revoke_selected", standby, at=KEYS),
            client.post(
                KEYS, {"action": "revoke_selected", "_selected_action": standby.pk, "confirmed": "yes"}
            ),
        ]
        unchanged = SigningKey.objects.get(pk=standby.pk).state
        step_up(client)
        client.post(f"{KEYS}rotate/")

    assert [answer.headers.get("Location") for answer in asked] == [
        "/login/again/?next=%2Fadmin%2Ftokens_stateless%2Fsigningkey%2F&undone=1"
    ] * 3
    assert (unchanged, SigningKey.objects.get(pk=standby.pk).state) == (KeyState.STANDBY, KeyState.CURRENT)


def test_a_client_is_made_changed_and_given_a_secret_with_a_recent_password() -> None:
    client = operator()
    party, _secret = clients.make(name="Reports", audiences=["https://api.example.com"])
    new = {"name": "Other", "audiences": "https://other.example.com", "is_active": "on"}

    with three_minutes_on():
        asked = [
            client.post(f"{CLIENTS}add/", new),
            client.post(f"{CLIENTS}{party.pk}/change/", {**new, "name": "Renamed", "may_revoke": "on"}),
        ]
        renewed = act(client, "renew_selected", party, at=CLIENTS)
        unchanged = list(ThirdParty.objects.values_list("name", "may_revoke"))
        step_up(client)
        made = client.post(f"{CLIENTS}add/", new)

    assert [ASKED in answer.content.decode() for answer in asked] == [True, True]
    assert "https://other.example.com" in asked[0].content.decode()
    assert (renewed.status_code, unchanged) == (302, [("Reports", False)])
    assert (made.status_code, ThirdParty.objects.count()) == (200, 2)


def test_what_is_typed_survives_the_page_in_another_tab() -> None:
    """The session's key is new, the CSRF token of the form that stands open is not."""
    olga = operator()
    browser, person = Client(enforce_csrf_checks=True), alice()
    browser.cookies = olga.cookies
    where = f"{PEOPLE}{person.pk}/change/"

    def csrf(page: Any) -> dict[str, str]:
        found = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
        return {"csrfmiddlewaretoken": found[0]}

    with three_minutes_on():
        opened = browser.get(where)
        asked = browser.post(where, {**person_form(person, is_staff="on"), **csrf(opened)})
        tab = browser.get("/login/again/")
        browser.post("/login/again/", {"password": PASSWORD, **csrf(tab)})
        saved = browser.post(where, {**person_form(person, is_staff="on"), **csrf(asked)})

    assert (saved.status_code, User.objects.get(pk=person.pk).is_staff) == (302, True)
    assert Event.objects.filter(name="authn_step_up").count() == 1
