"""The doors at which a password is looked at, the places where one is chosen, the links that lead there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail as outbox
from django.test import Client, RequestFactory

from accounts import mail
from accounts.models import User
from accounts.testing import PASSWORD, alice
from tokens_stateless import issue

ALICE, OLGA = "alice@example.com", "olga@example.com"
NEW = "whatever comes to her mind"
JSON: Any = {"content_type": "application/json"}


class CountingHasher(MD5PasswordHasher):
    """A quick hasher that keeps a tally of its work."""

    algorithm = "counted"
    work: ClassVar[list[int]] = []

    def encode(self, password: str, salt: str) -> str:
        self.work.append(len(password))
        return super().encode(password, salt)


def at_the_page(email: str, password: str, **extra: Any) -> Any:
    return Client().post("/login/", {"email": email, "password": password}, **extra)


def at_the_admin(email: str, password: str, **extra: Any) -> Any:
    typed = {"username": email, "password": password, "next": "/admin/"}
    return Client().post("/admin/login/", typed, **extra)


def at_the_session_api(email: str, password: str, **extra: Any) -> Any:
    return Client().post("/api/session/", {"email": email, "password": password}, **JSON, **extra)


def at_the_token_api(email: str, password: str, **extra: Any) -> Any:
    return Client().post("/api/token/", {"email": email, "password": password}, **JSON, **extra)


def at_the_change(email: str, password: str, **extra: Any) -> Any:
    typed = {"old_password": password, "password": NEW, "password_again": NEW}
    return signed_in(email).post("/password/change/", typed, **extra)


def at_the_step_up(email: str, password: str, **extra: Any) -> Any:
    return signed_in(email).post("/login/again/", {"password": password}, **extra)


def at_the_token_step_up(email: str, password: str, **extra: Any) -> Any:
    return program(email).post("/api/token/again/", {"password": password}, **JSON, **extra)


SIGN_IN_DOORS: dict[str, Callable[..., Any]] = {
    "/login/": at_the_page,
    "/admin/login/": at_the_admin,
    "/api/session/": at_the_session_api,
    "/api/token/": at_the_token_api,
}
DOORS = {
    **SIGN_IN_DOORS,
    "/password/change/": at_the_change,
    "/login/again/": at_the_step_up,
    "/api/token/again/": at_the_token_step_up,
}
# Django's admin shows its form again with 200; our own pages and the API say what has happened.
REFUSED = {
    "/login/": 400,
    "/admin/login/": 200,
    "/api/session/": 401,
    "/api/token/": 401,
    "/password/change/": 400,
    "/login/again/": 400,
    "/api/token/again/": 401,
}


def knock(door: str, password: str, *, email: str = OLGA, **extra: Any) -> Any:
    """What a door answers to an address and a password; Olga's, whom every door knows."""
    return DOORS[door](email, password, **extra)


def opened(door: str, answer: Any) -> bool:
    """Whether the password was the right one."""
    return bool(answer.status_code == (200 if door.startswith("/api/") else 302))


def refused(door: str, answer: Any) -> bool:
    """Whether the password was looked at and was a wrong one."""
    return bool(answer.status_code == REFUSED[door])


def signed_in(email: str) -> Client:
    """A browser in which somebody signed in without a password being looked at."""
    browser = Client()
    browser.force_login(User.objects.get(email=email))
    return browser


def program(email: str) -> Client:
    """As `signed_in`, a program that holds a token."""
    pair = issue.sign_in(RequestFactory().post("/api/token/"), User.objects.get(email=email))
    return Client(headers={"Authorization": f"Bearer {pair.access}"})


def bearer(email: str, password: str = PASSWORD) -> dict[str, str]:
    """The headers of a program that signed in at the token door."""
    return {"Authorization": f"Bearer {at_the_token_api(email, password).json()['access']}"}


def mailed_path() -> str:
    """Where the link in the latest mail leads on this site."""
    mail.wait()
    found = re.search(r"http://[^/\s]+(/\S+)", str(outbox.outbox[-1].body))
    assert found, "no link"
    return found[1]


def link(page: str, email: str = ALICE) -> str:
    """The path that is mailed to whoever asks at this page."""
    assert Client().post(page, {"email": email}).status_code == 302
    return mailed_path()


def works(path: str) -> bool:
    """Whether a mailed link still leads to a form for a password."""
    return 'name="password"' in Client().get(path, follow=True).content.decode()


@dataclass(frozen=True)
class Form:
    """A form that asks for a new password, in the browser that has it open."""

    browser: Client
    path: str
    more: dict[str, str] = field(default_factory=dict)

    def choose(self, new: str) -> Any:
        """What it answers; it may be asked again until it accepts one."""
        return self.browser.post(self.path, {**self.more, "password": new, "password_again": new})


def follow(path: str, browser: Client | None = None) -> Form:
    """The form to which a mailed link leads."""
    visitor = browser or Client()
    return Form(visitor, visitor.get(path).headers["Location"])


def by_sign_up() -> Form:
    return follow(link("/signup/"))


def by_reset() -> Form:
    alice()
    return follow(link("/password/reset/"))


def by_change() -> Form:
    return Form(signed_in(alice().email), "/password/change/", {"old_password": PASSWORD})


# Where Alice chooses a password.
PLACES: dict[str, Callable[[], Form]] = {"sign-up": by_sign_up, "reset": by_reset, "change": by_change}
