"""What must hold in this project; `tests/foreign/test_foreign.py` runs it in a process of its own."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from accounts.models import Login
from accounts.testing import PASSWORD, FlowContract, alice, bob, olga
from tests.foreign.sessions_only.models import Person


class TestSessionFlow(FlowContract):
    """Through Django's own sign-in view, to a view of this project."""

    flow = "session"

    def sign_in(self, email: str, password: str = PASSWORD) -> Client | None:
        client = Client()
        answer = client.post("/enter/", {"username": email, "password": password})
        return client if answer.status_code == 302 else None

    def call(self, held: Any) -> Any:
        return held.get("/hello/")


def enter(email: str, door: str = "/enter/") -> Client:
    client = Client()
    client.post(door, {"username": email, "password": PASSWORD})
    return client


def test_a_login_points_at_a_numbered_person_and_tells_the_uuid() -> None:
    """S17: any primary key type."""
    person = alice()

    enter(person.email)

    values: tuple[object, object] = Login.objects.values_list("user_id", "user_uuid").get()
    assert isinstance(person.pk, int)
    assert values == (person.pk, person.public_uuid)


def test_what_the_session_does_not_carry_is_fetched() -> None:
    alice()
    Person.objects.update(nickname="Al")

    assert enter("alice@example.com").get("/hello/").json()["nickname"] == "Al"


def test_the_admins_own_door_starts_a_login() -> None:
    """S17, where packages of this kind break first: the admin of a model with another key."""
    olga()

    operator = enter("olga@example.com", "/admin/login/")

    number = Login.objects.get().user_id
    pages = ["", "accounts/login/", "sessions_only/person/", f"sessions_only/person/{number}/change/"]
    assert [operator.get(f"/admin/{page}").status_code for page in pages] == [200] * 4


@pytest.mark.parametrize("action", ["end_selected", "end_all_of_these_people"])
def test_an_operator_ends_a_login_and_its_next_request_is_refused(action: str) -> None:
    person, operator = alice(), enter(olga().email, "/admin/login/")
    client = enter(person.email)
    chosen = str(Login.objects.get(user=person).pk)
    assert client.get("/hello/").status_code == 200

    operator.post("/admin/accounts/login/", {"action": action, "_selected_action": chosen})

    assert client.get("/hello/").status_code == 401
    assert Login.objects.get(pk=chosen).ended_by.email == "olga@example.com"  # type: ignore[union-attr]


@pytest.mark.parametrize("act", ["end-all", "disable"])
def test_a_numbered_persons_page_has_its_acts(act: str) -> None:
    person, operator = alice(), enter(olga().email, "/admin/login/")
    client = enter(person.email)

    answer = operator.post(f"/admin/sessions_only/person/{person.pk}/{act}/")

    assert answer.headers["Location"] == f"/admin/sessions_only/person/{person.pk}/change/"
    assert operator.get(answer.headers["Location"]).status_code == 200
    assert [each.get("/hello/").status_code for each in (client, operator)] == [401, 200]
    assert Person.objects.get(pk=person.pk).is_active is (act == "end-all")


def test_the_shared_endpoints_list_and_end_own_logins_alone() -> None:
    mine, other, stranger = enter(alice().email), enter("alice@example.com"), enter(bob().email)
    chosen = Login.objects.filter(user__email="alice@example.com").latest("started_at").pk

    told = mine.get("/api/logins/").json()["results"]
    refused = stranger.delete(f"/api/logins/{chosen}/").status_code
    mine.delete(f"/api/logins/{chosen}/")

    assert [each["current"] for each in told] == [False, True]
    assert refused == 404
    assert [client.get("/hello/").status_code for client in (mine, other, stranger)] == [200, 401, 200]


def test_whoever_leaves_is_nobody_and_an_old_cookie_stays_dead() -> None:
    alice()
    client, stolen = enter("alice@example.com"), Client()
    stolen.cookies["sessionid"] = client.cookies["sessionid"].value
    assert stolen.get("/hello/").status_code == 200

    client.post("/leave/")

    assert [each.get("/hello/").status_code for each in (client, stolen)] == [401, 401]
    assert Login.objects.get().end_reason == "logout"


def test_the_other_flow_is_not_here() -> None:
    assert not apps.is_installed("tokens_stateless")
    assert not [name for name in sys.modules if name.startswith("tokens_stateless")]


def test_the_migration_is_in_step_and_the_checks_are_content() -> None:
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    call_command("check", fail_level="WARNING", stderr=StringIO())
