"""The token flow passes what every flow must pass."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.testing import PASSWORD, FlowContract


class TestTokenFlow(FlowContract):
    """Signed in at the API; a stale token is refreshed."""

    flow = "token"

    def sign_in(self, email: str, password: str = PASSWORD) -> dict[str, str] | None:
        answer = Client().post("/api/token/", {"email": email, "password": password}, "application/json")
        return answer.json() if answer.status_code == 200 else None

    def call(self, held: Any) -> Any:
        return Client().get("/api/me/", headers={"Authorization": f"Bearer {held['access']}"})

    def renew(self, held: Any) -> Any:
        answer = Client().post("/api/token/refresh/", {"refresh": held["refresh"]}, "application/json")
        return answer.json() if answer.status_code == 200 else held
