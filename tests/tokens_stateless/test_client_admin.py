"""Clients in the admin: a secret is shown once, on the very answer that made it, and is nowhere else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import Event, User
from tests.accounts.staff import act, colleague, enter, operator
from tests.doors import everything
from tests.tokens_stateless.callers import API, OTHER, Party, party
from tokens_stateless.models import Client

CLIENTS = "/admin/tokens_stateless/client/"
FIELDS = {
    "name": "Reports",
    "audiences": f"{API}\n{OTHER}",
    "scopes": "read",
    "may_introspect": "on",
    "is_active": "on",
}


def secrets_on(page: str) -> list[str]:
    """Whatever on this page has the form of a secret."""
    return re.findall(r'<code class="kid">([A-Za-z0-9_-]{43})</code>', page)


def test_a_new_clients_secret_is_on_the_answer_and_nowhere_else() -> None:
    """Not in the session, as a message would be, nor in the history, nor on any later page."""
    browser = operator()

    page = browser.post(f"{CLIENTS}add/", FIELDS)

    ((secret,), made) = secrets_on(page.text), Client.objects.get()
    assert (set(made.audience_set), made.may_introspect, made.may_revoke) == ({API, OTHER}, True, False)
    assert Party(client=made, secret=secret).introspect("x").status_code == 200
    later = [
        browser.get(path).text
        for path in (CLIENTS, f"{CLIENTS}{made.pk}/change/", f"{CLIENTS}{made.pk}/history/")
    ]
    assert not any(secret in text or made.secret_hash in text for text in later)
    assert secret not in str(everything())
    assert page.headers["Cache-Control"].find("no-store") >= 0


def test_a_new_secret_is_asked_about_and_then_shown_once() -> None:
    made, browser = party(), operator()

    asked = act(browser, "renew_selected", made.client, at=CLIENTS)
    unchanged = made.introspect("x").status_code
    page = browser.post(
        CLIENTS, {"action": "renew_selected", "_selected_action": [made.client.pk], "confirmed": "yes"}
    )

    (secret,) = secrets_on(page.text)
    assert (asked.status_code, unchanged, secrets_on(asked.text)) == (200, 200, [])
    assert [each.introspect("x").status_code for each in (made, replace(made, secret=secret))] == [401, 200]
    assert secret not in browser.get(CLIENTS).text + str(everything())


def test_switching_off_refuses_at_once_and_is_told() -> None:
    made = party()

    act(operator(), "switch_off_selected", made.client, at=CLIENTS)

    assert made.introspect("x").status_code == 401
    event = Event.objects.get(name="client_switched_off")
    assert event.actor_uuid == User.objects.get(email="olga@example.com").public_id
    assert LogEntry.objects.filter(object_id=made.client.pk).count() == 1


def test_a_change_keeps_the_secret_and_is_told_by_its_fields() -> None:
    made = party()

    answer = operator().post(f"{CLIENTS}{made.client.pk}/change/", {**FIELDS, "is_active": ""})

    assert answer.status_code == 302
    assert replace(made, client=Client.objects.get()).client.scope_set == {"read"}
    names = [event.name for event in Event.objects.filter(name__startswith="client_").order_by("pk")]
    assert names == ["client_made", "client_switched_off", "client_changed"]
    assert set(Event.objects.get(name="client_changed").detail["fields"]) >= {
        "audiences",
        "may_revoke",
        "scopes",
    }


@pytest.mark.parametrize(
    "changes", [{"audiences": ""}, {"audiences": "caf\u00e9"}, {"scopes": 'a"b'}, {"name": ""}], ids=str
)
def test_what_is_no_client_is_not_made(changes: dict[str, str]) -> None:
    page = operator().post(f"{CLIENTS}add/", {**FIELDS, **changes})

    assert (page.status_code, secrets_on(page.text), Client.objects.count()) == (200, [], 0)


@pytest.mark.parametrize(
    ("rights", "seen", "made"),
    [((), 403, 0), (("view_client",), 200, 0), (("view_client", "add_client"), 200, 1)],
    ids=["none", "view", "add"],
)
def test_rights_are_djangos(rights: tuple[str, ...], seen: int, made: int) -> None:
    browser = colleague(*rights)

    statuses = [browser.get(CLIENTS).status_code, browser.post(f"{CLIENTS}add/", FIELDS).status_code]

    assert (statuses[0], Client.objects.count()) == (seen, made)


def test_whoever_may_only_look_changes_nothing() -> None:
    made, browser = party(), colleague("view_client")

    for action in ("renew_selected", "switch_off_selected", "delete_selected"):
        browser.post(CLIENTS, {"action": action, "_selected_action": [made.client.pk], "confirmed": "yes"})
    browser.post(f"{CLIENTS}{made.client.pk}/change/", FIELDS)

    assert made.introspect("x").status_code == 200
    assert Client.objects.get().scope_set == {"read", "write"}


def test_nobody_deletes_a_client() -> None:
    """What was done in its name must stay its own."""
    made, browser = party(), operator()

    answers: list[Any] = [
        browser.post(f"{CLIENTS}{made.client.pk}/delete/", {"post": "yes"}),
        act(browser, "delete_selected", made.client, at=CLIENTS),
    ]

    assert answers[0].status_code == 403
    assert Client.objects.count() == 1


def test_an_empty_list_says_what_a_client_is_and_how_to_add_one() -> None:
    empty, without_right = operator().get(CLIENTS).text, colleague("view_client").get(CLIENTS).text
    party()

    assert "There are no clients yet." in empty
    assert "Add one:" in empty
    assert "Add one:" not in without_right
    assert "There are no clients yet." not in enter("olga@example.com").get(CLIENTS).text


def test_a_new_client_has_one_way_to_be_saved_since_the_answer_is_its_secret() -> None:
    browser, made = operator(), party()

    pages = [browser.get(f"{CLIENTS}{page}").text for page in ("add/", f"{made.client.pk}/change/")]

    assert ["_addanother" in page for page in pages] == [False, True]
