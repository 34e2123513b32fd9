"""A visitor over real HTTP: keeps cookies like a browser, and follows no redirect by itself."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests import leaks

COOKIES = {"sid": "session key", "refresh": "refresh token"}
FIELDS = {"access": "access token", "access_token": "access token", "refresh": "refresh token"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def field(self, name: str) -> str:
        """The value of a hidden field of the page."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, f"no field {name}"
        return found.group(1)


def _remember(kind: str, secret: str) -> None:
    for watch in (leaks.now[0], leaks.served[0]):
        watch.remember(kind, secret)


class Visitor:
    """One browser or program; `origin` is where it goes unless a call names another process."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookies: dict[str, str] = {}

    def get(self, path: str, *, at: str | None = None, **headers: str) -> Answer:
        """GET."""
        return self._send("GET", path, None, at=at, headers=headers)

    def post(self, path: str, form: dict[str, Any], *, at: str | None = None) -> Answer:
        """POST a form of our own pages, with the CSRF token that a browser has from the page."""
        if "csrf" not in self.cookies:
            self.get("/login/", at=at)
        form = {"csrfmiddlewaretoken": self.cookies["csrf"], **form}
        body = urlencode(form, doseq=True).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": at or self.origin}
        return self._send("POST", path, body, at=at, headers=headers)

    def send(self, method: str, path: str, value: Any, *, at: str | None = None, **headers: str) -> Answer:
        """Send JSON."""
        body = None if value is None else json.dumps(value).encode()
        return self._send(method, path, body, at=at, headers={"Content-Type": "application/json", **headers})

    def bearer(self, token: str, path: str = "/api/me/", *, at: str | None = None) -> Answer:
        """GET with an access token."""
        return self.get(path, at=at, Authorization=f"Bearer {token}")

    def heard(self, answer: Answer, method: str, path: str) -> None:
        """Remember what was handed out, and have the rest of the answer searched for it (tests/leaks.py)."""
        watch = leaks.now[0]
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                cookie, _equals, rest = value.partition("=")
                kind = COOKIES.get(cookie.removeprefix("__Host-").removeprefix("__Secure-"))
                if kind:
                    _remember(kind, rest.partition(";")[0])
            else:
                watch.look(f"header of the answer to {method} {path}", value)
        by_right = leaks.handed_out_at(path, method)
        if by_right:
            with contextlib.suppress(ValueError, AttributeError):
                for name, value in answer.json().items():
                    if kind := FIELDS.get(name):
                        _remember(kind, str(value))
        watch.look(f"answer to {method} {path}", answer.body, by_right=by_right)

    def _send(
        self, method: str, path: str, body: bytes | None, *, at: str | None, headers: dict[str, str]
    ) -> Answer:
        parts = urlsplit(at or self.origin)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers = {**headers, "Cookie": pairs}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        self.heard(answer, method, path)
        connection.close()
        self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                key, _equals, content = value.partition(";")[0].partition("=")
                if "Max-Age=0" in value:
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = content
