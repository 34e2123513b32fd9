"""The people around the admin's tests: who enters how, what they hold, and what a request of theirs gets."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from accounts.logins import Login
from accounts.models import User
from accounts.testing import PASSWORD, olga

LOGINS = "/admin/accounts/login/"
PEOPLE = "/admin/accounts/user/"
GROUPS = "/admin/auth/group/"


def enter(email: str) -> Client:
    """A browser in which this person has signed in; errors come as answers."""
    client = Client(raise_request_exception=False)
    client.post("/login/", {"email": email, "password": PASSWORD})
    return client


def operator() -> Client:
    """Olga's browser."""
    return enter(olga().email)


def colleague(*rights: str) -> Client:
    """The browser of somebody who may enter the admin, and has these rights of ours ("view_login") alone."""
    email = "carol@example.com"
    carol = User.objects.create_user(email, PASSWORD, is_staff=True)
    carol.user_permissions.set(Permission.objects.filter(codename__in=rights))
    assert carol.user_permissions.count() == len(rights)
    return enter(email)


def token(email: str) -> Client:
    """A program in which this person has signed in."""
    pair = Client().post(
        "/api/token/", {"email": email, "password": PASSWORD}, content_type="application/json"
    )
    return Client(headers={"Authorization": f"Bearer {pair.json()['access']}"})


def statuses(*clients: Client) -> list[int]:
    """What their next requests get."""
    return [client.get("/api/me/").status_code for client in clients]


def act(client: Client, action: str, *chosen: Any, at: str = LOGINS) -> Any:
    """Choose rows of a list and have something done with them."""
    return client.post(at, {"action": action, "_selected_action": [str(row.pk) for row in chosen]})


def the_login(email: str, flow: str) -> Login:
    """Somebody's only live Login of a flow."""
    return Login.objects.live().get(user__email=email, flow=flow)
