"""Third parties as they call: a client with its secret, and a page of our own with its session."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from django.test import Client as Browser

from accounts.testing import PASSWORD
from tests.tokens_stateless.doors import FORM
from tokens_stateless import clients
from tokens_stateless.clients import Client

API, OTHER = "https://api.example.com", "https://other.example.com"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
EVERYTHING: dict[str, Any] = dict.fromkeys(clients.RIGHTS, True)


def post(name: str, form: dict[str, str] | str, browser: Browser | None = None, **headers: str) -> Any:
    """POST a form to /api/token/<name>/."""
    body = form if isinstance(form, str) else urlencode(form)
    return (browser or Browser()).post(f"/api/token/{name}/", body, FORM, headers=headers)


def basic(client_id: str, secret: str) -> str:
    """The Authorization header of a client (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {b64encode(pair.encode()).decode()}"


@dataclass(frozen=True, kw_only=True)
class Party:
    """A client and its secret."""

    client: Client
    secret: str

    @property
    def named(self) -> dict[str, str]:
        """What stands in the body, where it stands there."""
        return {"client_id": self.client.pk, "client_secret": self.secret}

    def post(self, name: str, **form: str) -> Any:
        """POST as this client, by Basic; a parameter that is empty is left out."""
        form = {key: value for key, value in form.items() if value}
        return post(name, form, Authorization=basic(self.client.pk, self.secret))

    def introspect(self, token: str) -> Any:
        """POST /api/token/introspect/"""
        return self.post("introspect", token=token)

    def revoke(self, token: str, **more: str) -> Any:
        """POST /api/token/revoke/"""
        return self.post("revoke", token=token, **more)

    def exchange(self, access: str, **changes: str) -> Any:
        """POST /api/token/exchange/, for its first audience unless told otherwise."""
        asked = {
            "grant_type": GRANT,
            "audience": API,
            "subject_token": access,
            "subject_token_type": ACCESS_TOKEN,
        }
        return self.post("exchange", **{**asked, **changes})

    def child(self, access: str) -> str:
        """A token for its audience."""
        token: str = self.exchange(access).json()["access_token"]
        return token


def party(*, audiences: tuple[str, ...] = (API,), scopes: str = "read write", **rights: Any) -> Party:
    """A new client; with no rights named it has all."""
    client, secret = clients.make(
        name="Reports", audiences=audiences, scopes=scopes.split(), **(rights or EVERYTHING)
    )
    return Party(client=client, secret=secret)


def page(email: str = "alice@example.com") -> Browser:
    """A browser in which this person has signed in, and whose requests are checked as a real one's are."""
    browser = Browser(enforce_csrf_checks=True)
    first = browser.get("/api/session/").json()["csrf_token"]
    told = browser.post(
        "/api/session/",
        {"email": email, "password": PASSWORD},
        "application/json",
        headers={"X-CSRFToken": first},
    )
    browser.defaults["HTTP_X_CSRFTOKEN"] = told.json()["csrf_token"]
    return browser


def ask(browser: Browser, **changes: str) -> Any:
    """What a page's script asks for."""
    form = {"grant_type": GRANT, "audience": API, **changes}
    return post("exchange", {key: value for key, value in form.items() if value}, browser)
