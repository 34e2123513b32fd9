"""The two panes: each is a client of one flow, with a cookie jar or tokens of its own, and what it has met.

They go through the public doors as any client would, and hold what a client holds. What is shown of it is
made by `shown`, without the secrets.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from authdemo.demo import PASSWORD, PEOPLE
from authdemo.lab.page import client, shown
from authdemo.lab.page.client import Answer, Request
from authdemo.lab.page.shown import Exchange

PERSON = PEOPLE[0]
CREDENTIALS = {"email": PERSON, "password": PASSWORD}
ME = "/api/me/"
# The steps of the flows, as the page counts them (words.STEPS).
SIGN_IN, CALL, SIGN_OUT, ASKED_AGAIN = (1, 2, 3, 4, 5), (6, 7), (8,), (9,)
REFRESH = (4, 5)
# How far it comes when it is refused, if not to its last step.
REFUSED = {SIGN_IN: (1, 2), REFRESH: ASKED_AGAIN}
AT_ONCE = 4


class Pane(ABC):
    """What both flows' clients have in common."""

    flow = ""

    def __init__(self, held: dict[str, Any] | None = None, *, agent: str = client.AGENT) -> None:
        held = held or {}
        self.agent = agent
        self.login: str = held.get("login", "")
        # As far as it knows: nobody has told it yet that its Login has ended.
        self.is_in: bool = held.get("is_in", False)
        self.heard: list[Exchange] = []

    def held(self) -> dict[str, Any]:
        """What it must remember; holds secrets."""
        return {"login": self.login, "is_in": self.is_in}

    @abstractmethod
    def request(self, method: str, path: str, value: Any = None) -> Request:
        """What it sends, with what it holds."""

    @abstractmethod
    def take(self, answer: Answer) -> None:
        """Keep what an answer gives it to hold."""

    def send(
        self,
        request: Request,
        *,
        steps: Sequence[int] = (),
        by: str = "",
        lost: bool = False,
        quiet: bool = False,
    ) -> Answer:
        """Send, keep what comes back unless that is `lost`, and show it unless `quiet`."""
        answer = client.send(request)
        if not lost:
            self.take(answer)
        if answer.status >= 400:
            steps = REFUSED.get(tuple(steps), steps)
        if not quiet:
            self.heard.append(shown.exchange(request, [answer], steps=steps, by=by, lost=lost))
        return answer

    def call(self, *, by: str = "") -> Answer:
        """Ask who it is: the view that both panes ask."""
        return self.send(self.request("GET", ME), steps=CALL, by=by)

    def many(
        self, request: Request, number: int, *, steps: Sequence[int], at_once: int = AT_ONCE
    ) -> list[Answer]:
        """The same request so often, some at once; shown as one."""
        with ThreadPoolExecutor(at_once) as pool:
            answers = list(pool.map(client.send, [request] * number))
        self.heard.append(shown.exchange(request, answers, steps=steps))
        return answers

    def until(self, done: Callable[[Answer], bool], *, seconds: float = 6) -> tuple[Answer, float]:
        """Call until an answer is as wanted, or for so long; what came before it is shown as one.

        Returns the last answer, and after how many milliseconds it was asked for.
        """
        request, before, began = self.request("GET", ME), [], client.now_ms()
        while True:
            after = client.now_ms() - began
            answer = client.send(request)
            if done(answer) or after > seconds * 1000:
                break
            before.append(answer)
            time.sleep(0.02)
        if before:
            self.heard.append(shown.exchange(request, before, steps=CALL))
        self.take(answer)
        self.heard.append(shown.exchange(request, [answer], steps=CALL))
        return answer, after

    def _signed_in(self, answer: Answer, me: dict[str, Any]) -> Answer:
        self.is_in = answer.status == 200
        self.login = str(me.get("login") or "") if self.is_in else self.login
        return answer


class SessionPane(Pane):
    """A browser: a jar of cookies, and the proof against forged forms that goes with it."""

    flow = "session"

    def __init__(self, held: dict[str, Any] | None = None, *, agent: str = client.AGENT) -> None:
        super().__init__(held, agent=agent)
        self.cookies: dict[str, str] = dict((held or {}).get("cookies", {}))
        self.csrf_token: str = (held or {}).get("csrf_token", "")

    def held(self) -> dict[str, Any]:
        return {**super().held(), "cookies": self.cookies, "csrf_token": self.csrf_token}

    @property
    def key(self) -> str:
        """Its session key."""
        return self.cookies.get(settings.SESSION_COOKIE_NAME, "")

    def request(self, method: str, path: str, value: Any = None) -> Request:
        headers = {"User-Agent": self.agent}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={content}" for name, content in self.cookies.items())
        if method != "GET":
            headers |= {"Origin": client.origin(), "X-CSRFToken": self.csrf_token}
        return client.json_request(method, path, value, **headers)

    def take(self, answer: Answer) -> None:
        for line in answer.all("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        self.csrf_token = str(answer.json.get("csrf_token") or self.csrf_token)

    def sign_in(self) -> Answer:
        """Begin anew, with an empty jar."""
        self.cookies, self.csrf_token = {}, ""
        self.send(self.request("GET", "/api/session/"))
        answer = self.send(self.request("POST", "/api/session/", CREDENTIALS), steps=SIGN_IN)
        return self._signed_in(answer, answer.json.get("me") or {})

    def again(self, *, lost: bool = False) -> Answer:
        """Give the password again, at the page for that: the server replaces the session key."""
        body = urlencode({"csrfmiddlewaretoken": self.csrf_token, "password": PASSWORD}).encode()
        plain = self.request("POST", "/login/again/")
        headers = {**plain.headers, "Content-Type": "application/x-www-form-urlencoded"}
        request = Request(method="POST", path="/login/again/", headers=headers, body=body)
        return self.send(request, steps=(1, 2, 5), lost=lost)

    def sign_out(self) -> Answer:
        """Say goodbye."""
        answer = self.send(self.request("DELETE", "/api/session/"), steps=SIGN_OUT)
        self.is_in = False
        return answer


class TokenPane(Pane):
    """A program: an access token, and the refresh token that brings the next one."""

    flow = "token"

    def __init__(self, held: dict[str, Any] | None = None, *, agent: str = client.AGENT) -> None:
        super().__init__(held, agent=agent)
        self.access: str = (held or {}).get("access", "")
        self.refresh_token: str = (held or {}).get("refresh", "")

    def held(self) -> dict[str, Any]:
        return {**super().held(), "access": self.access, "refresh": self.refresh_token}

    @property
    def has_expired(self) -> bool:
        """Whether its access token is over, by the date that it bears."""
        return bool(shown.decoded(self.access).get("exp", 0) <= time.time())

    def request(self, method: str, path: str, value: Any = None) -> Request:
        headers = {"User-Agent": self.agent}
        if self.access:
            headers["Authorization"] = f"Bearer {self.access}"
        return client.json_request(method, path, value, **headers)

    def take(self, answer: Answer) -> None:
        told = answer.json
        self.access = str(told.get("access") or self.access)
        self.refresh_token = str(told.get("refresh") or self.refresh_token)

    def sign_in(self, *, quiet: bool = False) -> Answer:
        """Begin anew."""
        self.access = self.refresh_token = ""
        answer = self.send(self.request("POST", "/api/token/", CREDENTIALS), steps=SIGN_IN, quiet=quiet)
        said = shown.decoded(self.access)
        return self._signed_in(answer, {"login": said.get("sid")})

    def asks_for_refresh(self) -> Request:
        """The request for the next access token; it carries the refresh token alone."""
        value = {"refresh": self.refresh_token}
        return client.json_request("POST", "/api/token/refresh/", value, **{"User-Agent": self.agent})

    def refresh(self, *, by: str = "", lost: bool = False) -> Answer:
        """Have the next access token."""
        answer = self.send(self.asks_for_refresh(), steps=REFRESH, by=by, lost=lost)
        if not by and answer.status == 401:
            self.is_in = False
        return answer

    def call_on(self) -> Answer:
        """Call as a client does that wants to go on: where the token is refused, refresh once and repeat."""
        answer = self.call()
        if answer.status != 401 or not self.refresh_token:
            return answer
        refreshed = self.refresh()
        return self.call() if refreshed.status == 200 else refreshed

    def sign_out(self, *, quiet: bool = False) -> Answer:
        """Say goodbye, and clear what it holds."""
        body = urlencode({"token": self.refresh_token or self.access}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": self.agent}
        request = Request(method="POST", path="/api/token/revoke/", headers=kind, body=body)
        answer = self.send(request, steps=SIGN_OUT, quiet=quiet)
        self.access, self.refresh_token, self.is_in = "", "", False
        return answer
