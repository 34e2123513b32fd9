"""What must hold in this project; `tests/foreign/test_foreign.py` runs it in a process of its own."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from accounts.models import Login
from accounts.testing import PASSWORD, FlowContract, alice, bob

FOREIGN = ("sessions_stateful", "django.contrib.sessions", "django.contrib.admin", "django.contrib.messages")


class TestTokenFlow(FlowContract):
    """Through the flow's own door, to a view of this project."""

    flow = "token"

    def sign_in(self, email: str, password: str = PASSWORD) -> dict[str, str] | None:
        answer = post("/api/token/", email=email, password=password)
        return answer.json() if answer.status_code == 200 else None

    def call(self, held: Any) -> Any:
        return get("/hello/", held)

    def renew(self, held: Any) -> Any:
        answer = post("/api/token/refresh/", refresh=held["refresh"])
        return {**held, **answer.json()} if answer.status_code == 200 else held


def post(path: str, **data: str) -> Any:
    return Client().post(path, data, content_type="application/json")


def get(path: str, held: Any) -> Any:
    return Client(headers={"Authorization": f"Bearer {held['access']}"}).get(path)


def sign_in(email: str) -> Any:
    return post("/api/token/", email=email, password=PASSWORD).json()


def test_no_answer_sets_a_cookie() -> None:
    alice()

    answers = [post("/api/token/", email="alice@example.com", password=PASSWORD), Client().get("/hello/")]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert not any(answer.cookies for answer in answers)


def test_a_refresh_goes_on_and_a_revoked_token_does_not() -> None:
    held = sign_in(alice().email)
    fresh = post("/api/token/refresh/", refresh=held["refresh"]).json()
    assert get("/hello/", fresh).status_code == 200

    Client().post(
        "/api/token/revoke/", f"token={fresh['refresh']}", content_type="application/x-www-form-urlencoded"
    )

    assert [get("/hello/", each).status_code for each in (held, fresh)] == [401, 401]
    assert post("/api/token/refresh/", refresh=fresh["refresh"]).status_code == 401


def test_the_shared_endpoints_list_and_end_own_logins_alone() -> None:
    mine, other, stranger = sign_in(alice().email), sign_in("alice@example.com"), sign_in(bob().email)
    chosen = Login.objects.filter(user__email="alice@example.com").latest("started_at").pk

    told = get("/api/logins/", mine).json()["results"]
    answers = [
        Client(headers={"Authorization": f"Bearer {held['access']}"}).delete(f"/api/logins/{chosen}/")
        for held in (stranger, mine)
    ]

    assert [each["current"] for each in told] == [False, True]
    assert [answer.status_code for answer in answers] == [404, 204]
    assert [get("/hello/", held).status_code for held in (mine, other, stranger)] == [200, 401, 200]


def test_the_keys_are_published() -> None:
    sign_in(alice().email)

    assert len(Client().get("/.well-known/jwks.json").json()["keys"]) == 1


def test_sessions_and_the_admin_are_not_here() -> None:
    assert not any(apps.is_installed(name) for name in FOREIGN)
    assert not any(name.startswith("sessions_stateful") for name in sys.modules)
    assert settings.MIDDLEWARE == []


def test_the_migrations_are_in_step_and_the_checks_are_content() -> None:
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    call_command("check", fail_level="WARNING", stderr=StringIO())
