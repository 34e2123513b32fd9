"""What must hold in this project; `tests/foreign/test_foreign.py` runs it in a process of its own."""

from __future__ import annotations

import sys
from base64 import b64encode
from io import StringIO
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from accounts.models import Login
from accounts.testing import PASSWORD, FlowContract, alice, bob
from tokens_stateless import clients

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
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


def test_a_browser_may_have_its_refresh_token_in_a_cookie_that_nobody_can_forge_a_use_of() -> None:
    """Without any middleware: the door checks by itself."""
    alice()
    browser = Client(enforce_csrf_checks=True)
    headers = {"X-CSRFToken": browser.get("/api/token/cookie/").json()["csrf_token"]}
    wanted = {"email": "alice@example.com", "password": PASSWORD, "transport": "cookie"}

    def ask(path: str, data: dict[str, str], **more: str) -> int:
        return browser.post(path, data, "application/json", headers={**headers, **more}).status_code

    assert ask("/api/token/", wanted) == 200
    assert browser.cookies["__Secure-refresh"]["path"] == "/api/token/"
    assert ask("/api/token/refresh/", {}, **{"X-CSRFToken": "x"}) == 403
    assert ask("/api/token/refresh/", {}, **{"Sec-Fetch-Site": "same-site"}) == 403
    assert browser.post("/api/token/refresh/", {}, headers=headers).status_code == 415
    assert [ask("/api/token/refresh/", {}), ask("/api/token/revoke/", {})] == [200, 200]
    assert (Login.objects.live().count(), browser.cookies["__Secure-refresh"].value) == (0, "")


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

    assert len(Client().get("/.well-known/jwks.json").json()["keys"]) == 2


def ask(name: str, client: clients.Client, secret: str, **form: str) -> Any:
    known = b64encode(f"{client.pk}:{secret}".encode()).decode()
    kind = "application/x-www-form-urlencoded"
    return Client().post(
        f"/api/token/{name}/", urlencode(form), kind, headers={"Authorization": f"Basic {known}"}
    )


def test_a_third_party_exchanges_introspects_and_ends() -> None:
    held = sign_in(alice().email)
    known = clients.make(
        name="Reports",
        audiences=["https://api.example.com"],
        scopes=["read"],
        may_introspect=True,
        may_exchange=True,
        may_revoke=True,
    )
    wanted = {
        "audience": "https://api.example.com",
        "subject_token": held["access"],
        "subject_token_type": ACCESS_TOKEN,
    }

    child = ask("exchange", *known, grant_type=GRANT, **wanted).json()["access_token"]
    before = ask("introspect", *known, token=child).json()
    ask("revoke", *known, token=child)

    assert (before["active"], before["iss"], before["scope"]) == (True, "https://tokens.example.com", "read")
    assert ask("introspect", *known, token=child).json() == {"active": False}
    assert get("/hello/", held).status_code == 401


def test_where_there_are_no_sessions_a_page_has_nothing_to_exchange() -> None:
    form = urlencode({"grant_type": GRANT, "audience": "https://api.example.com"})

    answer = Client().post("/api/token/exchange/", form, "application/x-www-form-urlencoded")

    assert (answer.status_code, answer.headers["Cache-Control"]) == (401, "no-store")


def test_the_metadata_is_this_issuers() -> None:
    told = Client().get("/.well-known/oauth-authorization-server").json()

    assert told["issuer"] == "https://tokens.example.com"
    assert told["token_endpoint"] == "https://tokens.example.com/api/token/exchange/"


def test_sessions_and_the_admin_are_not_here() -> None:
    assert not any(apps.is_installed(name) for name in FOREIGN)
    assert not any(name.startswith("sessions_stateful") for name in sys.modules)
    assert settings.MIDDLEWARE == []


def test_the_migrations_are_in_step_and_the_checks_are_content() -> None:
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    call_command("check", fail_level="WARNING", stderr=StringIO())
