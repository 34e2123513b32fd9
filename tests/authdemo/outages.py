"""The project in two workers on servers that a test may take away, and people who use it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from authdemo.demo import PASSWORD
from tests.proxy import Proxy
from tests.servers import PostgresServer, RedisServer, wait_until
from tests.visitor import Answer, Visitor
from tests.web import WebServer

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}
# Of what is well below a second when nothing else runs.
FAR_TOO_LONG_SECONDS = 10.0


@dataclass(frozen=True)
class Site:
    """The project, its servers and the ways to them; `postgres` and its proxy are None on SQLite."""

    server: WebServer
    redis: RedisServer
    to_redis: Proxy
    postgres: PostgresServer | None
    to_postgres: Proxy | None

    def heal(self) -> None:
        """All is there again, and every worker says so."""
        for proxy in (self.to_redis, self.to_postgres):
            if proxy:
                proxy.passes()
        for server in (self.redis, self.postgres):
            if server and not server.process:
                server.start()
        with self.redis.client() as client:
            client.replicaof("NO", "ONE")
            client.config_set("maxmemory", 0)
        wait_until(self._is_well, what="ready, and the feed followed", seconds=30)

    def _is_well(self) -> bool:
        # Two workers answer by turns, more or less.
        told = [Visitor(self.server.origin).get("/readyz").json() for _ in range(8)]
        follows = [one["feed_followed"] is not False for one in told]
        return all(one["ready"] and one["redis"] for one in told) and all(follows)

    def faults(self) -> list[str]:
        """What the workers have written of faults so far."""
        lines = self.server.logged().splitlines()
        return [line for line in lines if "Internal Server Error" in line or line.startswith("Traceback")]


class People:
    """Alice in a browser, in another one, and in two programs; all of it known to both workers."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.page, self.other = browser(origin), browser(origin)
        self.program, self.another = (tokens(origin) for _ in range(2))
        self.other_login = str(self.other.get("/api/me/").json()["login"])
        for _ in range(12):
            assert (self.page.get("/api/me/").status, self.by_token().status) == (200, 200)

    def by_token(self, path: str = "/api/me/") -> Answer:
        """The first program asks."""
        return Visitor(self.origin).bearer(self.program["access"], path)

    def refresh(self) -> Answer:
        """The other program wants a new token."""
        refresh = {"refresh": self.another["refresh"]}
        return Visitor(self.origin).send("POST", "/api/token/refresh/", refresh)

    def end_other(self) -> Answer:
        """The first program ends the other browser's Login."""
        bearer = f"Bearer {self.program['access']}"
        path = f"/api/logins/{self.other_login}/"
        return Visitor(self.origin).send("DELETE", path, {}, Authorization=bearer)

    def sign_in(self) -> Answer:
        """One more browser."""
        return Visitor(self.origin).post("/login/", CREDENTIALS)

    def token(self) -> Answer:
        """One more program."""
        return Visitor(self.origin).send("POST", "/api/token/", CREDENTIALS)

    def sign_out(self) -> Answer:
        """The first browser."""
        return self.page.post("/logout/", {})

    def needing_the_database(self) -> dict[str, Callable[[], Answer]]:
        """What nobody can do without it."""
        return {
            "the list of logins": lambda: self.page.get("/logins/"),
            "the list by token": lambda: self.by_token("/api/logins/"),
            "a sign-in": self.sign_in,
            "the token door": self.token,
            "a refresh": self.refresh,
            "ending from elsewhere": self.end_other,
            "a sign-out": self.sign_out,
        }


def browser(origin: str) -> Visitor:
    """Somebody who has signed in on the page."""
    visitor = Visitor(origin)
    assert visitor.post("/login/", CREDENTIALS).status == 302
    return visitor


def tokens(origin: str) -> dict[str, str]:
    """What the token door gives."""
    answer = Visitor(origin).send("POST", "/api/token/", CREDENTIALS)
    assert answer.status == 200
    return answer.json()  # type: ignore[no-any-return]


def timed(act: Callable[[], Answer]) -> Answer:
    """The answer, which came within an order of magnitude of what an outage may cost."""
    began = time.monotonic()
    answer = act()
    assert time.monotonic() - began < FAR_TOO_LONG_SECONDS
    return answer


def touches_session(answer: Answer) -> bool:
    """Whether it sets or deletes the session cookie."""
    return any(name.lower() == "set-cookie" and value.startswith("sid=") for name, value in answer.headers)


def refuses_well(answer: Answer) -> bool:
    """503, to be tried again soon, in the house's look, and no word to the browser about its session."""
    kind = answer.header("Content-Type") or ""
    looks = "problem+json" in kind or "/static/authdemo/site.css" in answer.text
    return (answer.status, answer.header("Retry-After"), touches_session(answer), looks) == (
        503,
        "1",
        False,
        True,
    )
