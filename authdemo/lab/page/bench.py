"""Both panes side by side, what an act says of each, and where both are kept between two requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from authdemo.lab.page.client import Answer
from authdemo.lab.page.panes import SessionPane, TokenPane
from authdemo.lab.page.shown import Exchange

# Of the acts before the last one only a line each is kept.
EARLIER = 6


@dataclass(frozen=True)
class Said:
    """One sentence of words.WHY, chosen after the fact, and the figures in it."""

    code: str
    figures: Mapping[str, Any] = field(default_factory=dict)


UNEXPECTED = Said("unexpected")
Outcome = tuple[Said, Said]
Do = Callable[["Bench"], Outcome]


class NoDemoPerson(Exception):
    """There is no Alice with the demo's password, or she was asked for too often: signing in was refused."""


class Bench:
    """Two clients of one visitor's, and what the last act has shown."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.session = SessionPane(state.get("session"))
        self.token = TokenPane(state.get("token"))
        self.last: dict[str, Any] = state.get("last", {})
        self.earlier: list[dict[str, Any]] = state.get("earlier", [])

    @property
    def panes(self) -> tuple[SessionPane, TokenPane]:
        """Left and right."""
        return self.session, self.token

    def state(self) -> dict[str, Any]:
        """What is to be kept; holds secrets."""
        held = {pane.flow: pane.held() for pane in self.panes}
        return {**held, "last": self.last, "earlier": self.earlier}

    def run(self, name: str, do: Do) -> None:
        """Have an act done, and remember what it has shown; its exceptions pass."""
        said = do(self)
        if self.last:
            self.earlier = [_short(self.last), *self.earlier][:EARLIER]
        self.last = {"act": name} | {
            pane.flow: {"said": asdict(why), "exchanges": [asdict(one) for one in pane.heard]}
            for pane, why in zip(self.panes, said, strict=True)
        }

    def sign_in(self) -> tuple[Answer, Answer]:
        """Sign both in anew; what they held before ends, as nobody would use it again."""
        before = [pane.login for pane in self.panes if pane.login]
        answers = self.session.sign_in(), self.token.sign_in()
        if self.token.is_in:
            for login in before:
                self.token.send(self.token.request("DELETE", f"/api/logins/{login}/"), quiet=True)
        return answers

    def ready(self) -> None:
        """Sign both in if one of them is out, refresh a token that has expired; NoDemoPerson if refused."""
        are_in = self.session.is_in and self.token.is_in
        if are_in and (not self.token.has_expired or self.token.refresh().status == 200):
            return
        if any(answer.status != 200 for answer in self.sign_in()):
            raise NoDemoPerson


def _short(last: Mapping[str, Any]) -> dict[str, Any]:
    flows = [pane.flow for pane in (SessionPane, TokenPane)]
    return {"act": last["act"]} | {flow: _statuses(last[flow]["exchanges"]) for flow in flows}


def _statuses(exchanges: list[dict[str, Any]]) -> list[int]:
    return [Exchange(**one).status for one in exchanges]
