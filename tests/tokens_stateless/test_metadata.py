"""What third parties find at /.well-known/oauth-authorization-server (RFC 8414): only what is true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.tokens_stateless.callers import GRANT, party, post
from tests.tokens_stateless.conftest import Held

PATH = "/.well-known/oauth-authorization-server"


@pytest.mark.nodb
def test_the_issuer_is_the_settings_to_the_letter(settings: Any) -> None:
    """And every address is one of its origin's."""
    settings.TOKENS_STATELESS = replace(settings.TOKENS_STATELESS, issuer="https://auth.example.com")

    told = Client().get(PATH).json()

    assert told["issuer"] == "https://auth.example.com"
    addresses = [value for name, value in told.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(addresses) == 4
    assert {urlsplit(address)[:2] for address in addresses} == {("https", "auth.example.com")}


@pytest.mark.nodb
def test_it_promises_one_grant_and_no_password() -> None:
    told = Client().get(PATH).json()

    assert (told["grant_types_supported"], told["response_types_supported"]) == ([GRANT], [])
    assert "authorization_endpoint" not in told
    assert "password" not in str(told)


@pytest.mark.nodb
def test_it_may_be_kept_by_everybody() -> None:
    answer = Client().get(PATH)

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert Client().post(PATH).status_code == 405


def test_every_address_answers_as_promised(held: Held) -> None:
    told, made = Client().get(PATH).json(), party()
    child = made.exchange(held.access).json()["access_token"]

    at = {name: urlsplit(told[f"{name}_endpoint"]).path for name in ("token", "introspection", "revocation")}
    assert at == {
        "token": "/api/token/exchange/",
        "introspection": "/api/token/introspect/",
        "revocation": "/api/token/revoke/",
    }
    assert Client().get(urlsplit(told["jwks_uri"]).path).json()["keys"]
    assert made.introspect(child).json()["active"]
    assert made.revoke(child).status_code == 200


@pytest.mark.parametrize("name", ["token", "introspection", "revocation"])
def test_each_way_to_authenticate_that_is_promised_works(held: Held, name: str) -> None:
    told, made = Client().get(PATH).json(), party()
    path = urlsplit(told[f"{name}_endpoint"]).path.split("/")[-2]
    # Good credentials and nothing else: whatever is missing then, the client was known.
    ways = {
        "client_secret_basic": made.post(path),
        "client_secret_post": post(path, made.named),
        "none": post(path, {"client_id": "first-party"}),
    }

    known = {way for way, answer in ways.items() if answer.json()["error"] == "invalid_request"}

    assert known == set(told[f"{name}_endpoint_auth_methods_supported"])
