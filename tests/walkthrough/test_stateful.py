"""The cookie flow step by step, against the server of `make run`; steps are named after their source."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from authdemo.demo import PASSWORD
from tests.visitor import Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb]


@pytest.fixture(scope="module")
def server(serve: Callable[..., WebServer]) -> WebServer:
    return serve(workers=2)


@pytest.fixture(scope="module")
def alice(server: WebServer) -> Visitor:
    return Visitor(server.origin)


class TestStateful:
    """Each step goes on where the one before has ended."""

    def test_1_user_submits_login_credentials_e_g_email_and_password(self, alice: Visitor) -> None:
        page = alice.get("/login/")

        assert page.status == 200
        assert 'name="email"' in page.text
        assert 'name="password"' in page.text

    def test_2_server_verifies_the_credentials_against_the_database(self, alice: Visitor) -> None:
        wrong = alice.post("/login/", {"email": "alice@example.com", "password": "not her password at all"})

        assert wrong.status == 400
        assert "sid" not in alice.cookies

    def test_3_server_creates_a_temporary_user_session(self, alice: Visitor) -> None:
        answer = alice.post("/login/", {"email": "alice@example.com", "password": PASSWORD})

        assert (answer.status, answer.header("Location")) == (302, "/logins/")

    def test_4_server_stores_the_session_in_the_database(self, alice: Visitor, server: WebServer) -> None:
        counted = server.manage(
            "shell",
            "-v0",
            "-c",
            "from sessions_stateful.models import Session; print(Session.objects.count())",
        )

        assert counted.strip() == "1"

    def test_5_server_issues_a_cookie_with_a_session_id(self, alice: Visitor) -> None:
        assert re.fullmatch(r"[A-Za-z0-9_-]{54}", alice.cookies["sid"])

    def test_6_user_sends_the_cookie_with_each_request(self, alice: Visitor) -> None:
        answer = alice.get("/api/me/")

        assert answer.json()["email"] == "alice@example.com"
        assert answer.json()["flow"] == "session"

    def test_7_server_validates_it_against_the_session_store_and_grants_access(self, alice: Visitor) -> None:
        stranger = Visitor(alice.origin)
        key = alice.cookies["sid"]
        stranger.cookies["sid"] = key[:-1] + ("B" if key.endswith("A") else "A")

        assert alice.get("/logins/").status == 200
        assert stranger.get("/logins/").status == 302

    def test_8_when_user_logs_out_server_destroys_the_session_and_clears_the_cookie(
        self, alice: Visitor
    ) -> None:
        stolen = Visitor(alice.origin)
        stolen.cookies["sid"] = alice.cookies["sid"]

        answer = alice.post("/logout/", {})

        assert answer.status == 302
        assert "sid" not in alice.cookies
        assert stolen.get("/api/me/").status == 401


def test_ended_by_an_operator_the_next_request_is_refused_by_every_process(server: WebServer) -> None:
    alice, olga = Visitor(server.origin), Visitor(server.origin)
    alice.post("/login/", {"email": "alice@example.com", "password": PASSWORD})
    login = alice.get("/api/me/").json()["login"]
    with server.another("session-second") as second:
        assert alice.get("/api/me/", at=second.origin).status == 200
        olga.post("/login/", {"email": "olga@example.com", "password": PASSWORD})

        olga.post("/admin/accounts/login/", {"action": "end_selected", "_selected_action": login})

        refused = [alice.get("/api/me/", at=at).status for at in (second.origin, *[server.origin] * 8)]
    assert refused == [401] * 9
