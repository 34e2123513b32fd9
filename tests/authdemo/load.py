"""A site under load: four workers on the test's database, Logins that end, what became of each request."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from django.utils import timezone

from accounts import logins
from accounts.feed import News
from accounts.logins import EndReason, Login
from tests.accounts.rows import a_person, some_logins
from tests.crowd import Answer, Crowd, delays
from tests.proxy import Proxy
from tests.servers import RedisServer
from tests.web import WebServer
from tokens_stateless.claims import AccessToken

BUDGET_SECONDS = 5.0
PIECE = 50


class Site:
    """The project served by four processes on the test's database, and Logins with their tokens."""

    def __init__(self, server: WebServer, redis: RedisServer, proxy: Proxy, directory: Path) -> None:
        self.server, self.redis, self.proxy = server, redis, proxy
        self._directory = directory
        self.begun_at: dict[int, float] = {}
        self.ended_at: dict[int, float] = {}
        self.pushed_at: dict[int, float] = {}

    def crowd(self, *, ending: int, kept: int) -> Crowd:
        """One that carries the tokens of so many Logins that will end, and of so many that will not."""
        self._ids = {login.pk: number for number, login in enumerate(some_logins(ending + kept))}
        person, now = a_person(), timezone.now()
        rows = sorted(Login.objects.all(), key=lambda login: self._ids[login.pk])
        tokens = [str(AccessToken.for_login(row, person, read_at=now, authenticated_at=now)) for row in rows]
        self._names = list(self._ids)
        directory = self._directory / "crowd"
        return Crowd(directory, origin=self.server.origin, tokens=tokens, ending=ending)

    def end(self, first: int, count: int) -> None:
        """End so many, from this one on."""
        for start in range(first, first + count, PIECE):
            piece = range(start, min(start + PIECE, first + count))
            self.begun_at |= dict.fromkeys(piece, time.time())
            logins.end([self._names[number] for number in piece], reason=EndReason.REVOKED_BY_OPERATOR)

    def hear(self, news: News) -> None:
        """Note the instant of the commit."""
        self.ended_at |= self._now(news)

    def pushed(self, news: News) -> None:
        """Note the instant from which it was in Redis, if that was there."""
        self.pushed_at |= self._now(news)

    def _now(self, news: News) -> dict[int, float]:
        return {self._ids[login]: time.time() for login in news.ended if login in self._ids}

    def judge(self, answers: list[Answer]) -> None:
        """None accepted after the budget, none refused before its end, nothing but 200 and 401."""
        never = float("inf")
        late = [
            one for one in answers
            if one.status == 200 and one.sent_at > self.ended_at.get(one.token, never) + BUDGET_SECONDS
        ]  # fmt: skip
        early = [
            one for one in answers
            if one.status == 401 and one.answered_at < self.begun_at.get(one.token, never)
        ]  # fmt: skip
        assert (late, early) == ([], [])
        assert {one.status for one in answers} == {200, 401}

    def events(self) -> Counter[str]:
        """What the workers have written into their logs, by name."""
        lines = (json.loads(line) for line in self.server.logged().splitlines() if line.startswith('{"at"'))
        return Counter(line["event"] for line in lines if "event" in line)

    def told(self, answers: list[Answer]) -> str:
        """The figures."""
        after = [one for one in answers if one.sent_at > self.ended_at.get(one.token, float("inf"))]
        accepted = sum(one.status == 200 for one in after)
        feed = {name: count for name, count in self.events().items() if name.startswith("feed_")}
        return (
            f"{len(answers)} requests, {len(self.ended_at)} ends, {len(after)} requests after the end\n"
            f"accepted of those: {accepted}, for {delays(answers, self.ended_at)} after the commit,\n"
            f"for {delays(answers, self.pushed_at)} after the push; the workers noted {feed}"
        )
