"""The cookie flow passes what every flow must pass."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.testing import PASSWORD, FlowContract


class TestSessionFlow(FlowContract):
    """Signed in at the page, called through the API."""

    flow = "session"

    def sign_in(self, email: str, password: str = PASSWORD) -> Client | None:
        client = Client()
        answer = client.post("/login/", {"email": email, "password": password})
        return client if answer.status_code == 302 else None

    def call(self, held: Any) -> Any:
        return held.get("/api/me/")
