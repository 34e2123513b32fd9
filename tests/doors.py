"""Every address that takes something in, with what it wants; and all that the database holds, to compare."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as field_of
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from django.apps import apps
from django.core import mail
from django.test import Client

from accounts import links
from accounts.testing import PASSWORD
from authdemo.codes import CODES
from authdemo.problems import OAUTH_PREFIXES
from tokens_stateless import clients

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def nobody(**options: Any) -> Client:
    """A browser in which nobody has signed in."""
    return Client(raise_request_exception=False, **options)


def with_cookie(email: str = "alice@example.com", **options: Any) -> Client:
    """A browser in which this person has signed in."""
    client, signed_in = nobody(**options), nobody()
    answer = signed_in.post("/login/", {"email": email, "password": PASSWORD})
    assert answer.status_code == 302
    client.cookies = signed_in.cookies
    return client


def pair(email: str = "alice@example.com") -> dict[str, str]:
    """Both tokens of a new sign-in."""
    answer = nobody().post("/api/token/", {"email": email, "password": PASSWORD}, content_type=JSON)
    assert answer.status_code == 200
    told: dict[str, str] = answer.json()
    return told


def with_token(email: str = "alice@example.com", **options: Any) -> Client:
    """A program in which this person has signed in."""
    return nobody(headers={"Authorization": f"Bearer {pair(email)['access']}"}, **options)


def with_secret(**options: Any) -> Client:
    """A program of a third party that may call everything."""
    rights: dict[str, Any] = dict.fromkeys(clients.RIGHTS, True)
    client, secret = clients.make(name="Reports", audiences=["https://api.example.com"], **rights)
    known = b64encode(f"{client.pk}:{secret}".encode()).decode()
    return nobody(headers={"Authorization": f"Basic {known}"}, **options)


def _mailed(send: Callable[[str], None], address: str) -> str:
    """The path of the link that this mails to an address."""
    send(address)
    found = re.search(r"http://[^/]+(/(?:signup|password/reset)/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def with_signup_link(**options: Any) -> Client:
    """The browser of whoever has followed the link of a sign-up."""
    client = nobody(**options)
    client.get(_mailed(links.mail_signup, "new@example.com"))
    return client


def with_reset_link(**options: Any) -> Client:
    """The browser in which Alice has followed her link for a new password."""
    client = nobody(**options)
    client.get(_mailed(links.mail_reset, "alice@example.com"))
    return client


def reset_path() -> str:
    """Where such a link leads in the end."""
    return re.sub("[^/]+/$", "choose/", _mailed(links.mail_reset, "alice@example.com"))


@dataclass(frozen=True, kw_only=True)
class Door:
    """One address with a method; `fields` are what it needs, each with a value of the right type."""

    path: str | Callable[[], str]
    who: Callable[..., Client] = nobody
    method: str = "POST"
    fields: dict[str, str] = field_of(default_factory=dict)
    content: str = FORM

    def send(self, client: Client, body: bytes, content: str | None = None, **headers: Any) -> Any:
        """Send a body as it is."""
        path = self.path if isinstance(self.path, str) else self.path()
        return client.generic(self.method, path, body, content or self.content, headers=headers)

    @property
    def is_api(self) -> bool:
        """Whether it answers with problems instead of pages."""
        return isinstance(self.path, str) and self.path.startswith("/api/")


CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "audience": "https://api.example.com",
    "subject_token": "x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
}
TWICE = {"password": "some long new password", "password_again": "some long new password"}
DOORS = {
    "sign in": Door(path="/login/", fields=CREDENTIALS),
    "sign up": Door(path="/signup/", fields={"email": "new@example.com"}),
    "sign up, by the link": Door(path="/signup/choose/", who=with_signup_link, fields=TWICE),
    "reset": Door(path="/password/reset/", fields={"email": "alice@example.com"}),
    "reset, by the link": Door(path=reset_path, who=with_reset_link, fields=TWICE),
    "change the password": Door(
        path="/password/change/", who=with_cookie, fields={"old_password": PASSWORD, **TWICE}
    ),
    "the password again": Door(path="/login/again/", who=with_cookie, fields={"password": PASSWORD}),
    "the password again, for a token": Door(
        path="/api/token/again/", who=with_token, fields={"password": PASSWORD}, content=JSON
    ),
    "session": Door(path="/api/session/", fields=CREDENTIALS, content=JSON),
    "token": Door(path="/api/token/", fields=CREDENTIALS, content=JSON),
    "refresh": Door(path="/api/token/refresh/", fields={"refresh": "x"}, content=JSON),
    "verify": Door(path="/api/token/verify/", fields={"token": "x"}, content=JSON),
    "revoke": Door(path="/api/token/revoke/", fields={"token": "x"}),
    "introspect": Door(path="/api/token/introspect/", who=with_secret, fields={"token": "x"}),
    "exchange": Door(path="/api/token/exchange/", who=with_secret, fields=EXCHANGE),
}
# These change something and want no field.
BARE = {
    "sign out": Door(path="/logout/", who=with_cookie),
    "end others": Door(path="/logins/end-others/", who=with_cookie),
    "leave everywhere": Door(path="/logins/leave/", who=with_cookie),
    "session, end": Door(path="/api/session/", method="DELETE", who=with_cookie, content=JSON),
    "others, by cookie": Door(path="/api/logins/end-others/", who=with_cookie, content=JSON),
}


def form(fields: dict[str, Any]) -> bytes:
    """A form; bytes are sent as they are, percent-encoded."""
    return "&".join(
        f"{name}={quote_from_bytes(value)}" if isinstance(value, bytes) else urlencode({name: value})
        for name, value in fields.items()
    ).encode()


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables but the counters of attempts, which are there to change."""
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.label != "accounts.Attempts" and model._meta.managed
    }


def unnamed(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an answer without the id of its request: what tells the same is equal."""
    headers = dict(answer.headers)
    name = headers.pop("X-Request-ID").encode()
    return answer.status_code, answer.content.replace(name, b""), headers


def complaint(answer: Any, *, is_api: bool) -> str | None:
    """What is wrong with this refusal: it must be a 4xx, and on the API a problem with a known code.

    At OAuth's doors it is OAuth's error instead.
    """
    kind = "application/problem+json"
    if answer.wsgi_request.path_info.startswith(OAUTH_PREFIXES):
        kind = "application/json"
    if not 400 <= answer.status_code < 500:
        return f"{answer.status_code}"
    if is_api and answer.headers["Content-Type"] != kind:
        return f"{answer.status_code} as {answer.headers['Content-Type']}"
    if is_api and answer.json()["code"] not in CODES:
        return f"{answer.status_code} with {answer.json()['code']}"
    return None
