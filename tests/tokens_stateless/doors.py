"""The doors of the token flow as a client sees them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.test import Client

from accounts.testing import PASSWORD
from tokens_stateless import conf

FORM = "application/x-www-form-urlencoded"
REFUSED = 'Bearer realm="api", error="invalid_token"'


def post(path: str, body: object, **extra: Any) -> Any:
    """What the API answers to a JSON body."""
    return Client().post(path, body, "application/json", **extra)


def sign_in(email: str = "alice@example.com", password: str = PASSWORD, **extra: Any) -> Any:
    """POST /api/token/"""
    return post("/api/token/", {"email": email, "password": password}, **extra)


def me(access: str, client: Client | None = None) -> Any:
    """GET /api/me/ with an access token."""
    return (client or Client()).get("/api/me/", headers={"Authorization": f"Bearer {access}"})


def logins(access: str) -> Any:
    """GET /api/logins/ with an access token."""
    return Client().get("/api/logins/", headers={"Authorization": f"Bearer {access}"})


def again(access: str, password: str = PASSWORD, **extra: Any) -> Any:
    """POST /api/token/again/"""
    bearer = {"Authorization": f"Bearer {access}", **extra.pop("headers", {})}
    return post("/api/token/again/", {"password": password}, headers=bearer, **extra)


def verify(token: str) -> Any:
    """POST /api/token/verify/"""
    return post("/api/token/verify/", {"token": token})


def refresh(token: str, **extra: Any) -> Any:
    """POST /api/token/refresh/"""
    return post("/api/token/refresh/", {"refresh": token}, **extra)


def revoke(token: str, **more: str) -> Any:
    """POST /api/token/revoke/, a form as RFC 7009 has it."""
    return Client().post("/api/token/revoke/", urlencode({"token": token, **more}), FORM)


def by_cookie(path: str, token: str) -> Any:
    """What a browser is answered whose refresh cookie is this."""
    return post(path, {}, headers={"Cookie": f"{conf.current().refresh_cookie}={token}"})
