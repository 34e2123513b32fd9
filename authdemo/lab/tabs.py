"""Many tabs of one browser that find their access token expired at the same moment, and refresh at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from threading import Barrier

from authdemo.lab import adoption
from authdemo.lab.setup import Setup
from authdemo.lab.tables import Table
from authdemo.lab.visiting import Visitor

TABS = 20
# What simplejwt offers against a stolen refresh token, each being good for one use; and the database as ours.
ROTATING = """
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
DATABASES["default"]["OPTIONS"] = {
    "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"
}
"""


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """So many tabs got an answer that lets them in, and so many different next refresh tokens among them."""

    answered: int
    lineages: int


@dataclass(frozen=True, kw_only=True)
class Tabs:
    """All of them with one refresh token, here and with simplejwt, rotating and with its blacklist."""

    tabs: int
    here: Refreshed
    usual: Refreshed


def measure(setup: Setup, *, tabs: int = TABS) -> Tabs:
    """Start the smallest project with each, and have all tabs refresh at once. About 8 s."""
    return Tabs(
        tabs=tabs,
        here=_refreshed(setup, adoption.OUR_TOKENS, tabs),
        usual=_refreshed(setup, adoption.SIMPLEJWT, tabs, more=ROTATING),
    )


def tables(found: Tabs) -> list[Table]:
    """Both in a line."""
    names = ((adoption.OUR_TOKENS, found.here), (adoption.SIMPLEJWT, found.usual))
    return [
        Table(
            title=f"{found.tabs} tabs that refresh at once with one refresh token",
            columns=("tokens of", "tabs that go on", "next refresh tokens"),
            rows=[(adoption.NAMES[name], str(one.answered), str(one.lineages)) for name, one in names],
            notes=[
                "One refresh token should have one successor: with more of them, a thief's is not told from "
                "one's own. Tabs that do not go on send their person to sign in again."
            ],
        )
    ]


def _refreshed(setup: Setup, name: str, tabs: int, *, more: str = "") -> Refreshed:
    with adoption.started(name, setup.directory / f"tabs-{name}", more=more) as (visitor, _files, _told):
        person = {"email": adoption.EMAIL, "username": adoption.EMAIL, "password": adoption.PASSWORD}
        held = visitor.post("/api/token/", data=person).json()["refresh"]
        answers = _at_once(visitor, held, tabs)
        let_in = [
            refresh
            for access, refresh in answers
            if visitor.get("/hello/", {"Authorization": f"Bearer {access}"}).status == 200
        ]
    return Refreshed(answered=len(let_in), lineages=len(set(let_in)))


def _at_once(visitor: Visitor, held: str, tabs: int) -> Sequence[tuple[str, str]]:
    """What those got that were answered: an access and a refresh token."""
    together = Barrier(tabs)

    def refresh() -> tuple[str, str] | None:
        together.wait()
        try:
            answer = visitor.post("/api/token/refresh/", data={"refresh": held})
        except (OSError, HTTPException):
            return None
        return (answer.json()["access"], answer.json()["refresh"]) if answer.status == 200 else None

    with ThreadPoolExecutor(tabs) as pool:
        got = [future.result() for future in [pool.submit(refresh) for _tab in range(tabs)]]
    return [each for each in got if each is not None]
