"""The token flow step by step, against the server of `make run`; steps are named after their source."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest

from authdemo.demo import PASSWORD
from tests.stores import Stores
from tests.visitor import Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}


@pytest.fixture(scope="module")
def server(serve: Callable[..., WebServer]) -> WebServer:
    return serve(workers=2)


@pytest.fixture(scope="module")
def storage() -> dict[str, str]:
    """The client's storage."""
    return {}


@pytest.fixture
def client(server: WebServer) -> Visitor:
    return Visitor(server.origin)


class TestStateless:
    """Each step goes on where the one before has ended."""

    def test_1_user_submits_login_credentials_e_g_email_and_password(self, client: Visitor) -> None:
        assert client.send("POST", "/api/token/", {}).json()["errors"].keys() == {"email", "password"}

    def test_2_server_verifies_the_credentials_against_the_db(self, client: Visitor) -> None:
        wrong = client.send("POST", "/api/token/", {**CREDENTIALS, "password": "not her password at all"})

        assert (wrong.status, wrong.json()["code"]) == (401, "invalid_credentials")

    def test_3_server_generates_a_temporary_token_and_embeds_user_data(
        self, client: Visitor, storage: dict[str, str]
    ) -> None:
        storage.update(client.send("POST", "/api/token/", CREDENTIALS).json())

        body = storage["access"].split(".")[1]
        claims = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        assert claims["email"] == "alice@example.com"
        assert 270 <= claims["exp"] - claims["iat"] <= 300

    def test_4_server_responds_back_with_the_token(self, storage: dict[str, str]) -> None:
        assert storage["access"].count(".") == 2
        assert storage["refresh"].count(".") == 2

    def test_5_user_stores_the_token_in_client_storage(
        self, client: Visitor, storage: dict[str, str]
    ) -> None:
        assert client.cookies == {}
        assert set(storage) >= {"access", "refresh"}

    def test_6_user_sends_the_token_along_with_each_request(
        self, client: Visitor, storage: dict[str, str]
    ) -> None:
        answer = client.bearer(storage["access"])

        assert (answer.json()["email"], answer.json()["flow"]) == ("alice@example.com", "token")

    def test_7_server_verifies_the_token_and_grants_access(
        self, client: Visitor, storage: dict[str, str]
    ) -> None:
        forged = storage["access"][:-2] + ("AA" if storage["access"][-2:] != "AA" else "BA")

        assert client.bearer(storage["access"], "/api/logins/").status == 200
        assert client.bearer(forged, "/api/logins/").status == 401

    def test_8_when_user_logs_out_token_is_cleared_from_client_storage(
        self, client: Visitor, storage: dict[str, str]
    ) -> None:
        stolen = dict(storage)
        body = f"token={storage['refresh']}".encode()

        answer = client._send(
            "POST",
            "/api/token/revoke/",
            body,
            at=None,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        storage.clear()

        assert answer.status == 200
        assert client.send("POST", "/api/token/refresh/", {"refresh": stolen["refresh"]}).status == 401

    def test_9_server_verifies_the_credentials_against_the_database(
        self, client: Visitor, storage: dict[str, str]
    ) -> None:
        assert client.get("/api/me/").status == 401

        storage.update(client.send("POST", "/api/token/", CREDENTIALS).json())

        assert client.bearer(storage["access"]).status == 200


def test_ended_by_an_operator_the_token_is_refused_by_every_process(
    server: WebServer, client: Visitor, stores: Stores
) -> None:
    access = client.send("POST", "/api/token/", CREDENTIALS).json()["access"]
    login = client.bearer(access).json()["login"]
    olga = Visitor(server.origin)
    olga.post("/login/", {"email": "olga@example.com", "password": PASSWORD})
    with server.another("token-second") as second:
        assert client.bearer(access, at=second.origin).status == 200

        olga.post("/admin/accounts/login/", {"action": "end_selected", "_selected_action": login})
        if stores.postgres:
            # On SQLite the next request is refused; on PostgreSQL the promise is a second.
            time.sleep(1)

        refused = [client.bearer(access, at=at).status for at in (second.origin, *[server.origin] * 8)]
    assert refused == [401] * 9
