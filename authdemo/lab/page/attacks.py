"""What others do, and what the network does: tamper, steal, ask all at once, lose an answer."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

from authdemo.lab.page import inside, shown
from authdemo.lab.page.bench import UNEXPECTED, Bench, Outcome, Said
from authdemo.lab.page.panes import CALL, ME, REFRESH, SessionPane, TokenPane

TABS = 20
THIEF = "somebody-else/1"


def tamper(bench: Bench) -> Outcome:
    """One character of the cookie, and two claims of the token, are changed on the way."""
    bench.ready()
    forged = SessionPane(bench.session.held(), agent=THIEF)
    forged.cookies = {
        name: _other(value) if value == forged.key else value for name, value in forged.cookies.items()
    }
    elevated = TokenPane(bench.token.held(), agent=THIEF)
    elevated.access = _elevated(bench.token.access)
    said = []
    for pane, false in ((bench.session, forged), (bench.token, elevated)):
        refused = false.call(by="thief")
        pane.heard += false.heard
        good = (refused.status, pane.call().status) == (401, 200)
        said.append(Said(f"tamper.{pane.flow}") if good else UNEXPECTED)
    return said[0], said[1]


def _other(key: str) -> str:
    return ("B" if key[0] == "A" else "A") + key[1:]


def _elevated(token: str) -> str:
    """The same token, saying that its person is staff; under the signature that it had."""
    header, claims, signature = token.split(".")
    said = json.dumps(
        {**shown.part_of(claims), "is_staff": True, "is_superuser": True}, separators=(",", ":")
    )
    return ".".join((header, urlsafe_b64encode(said.encode()).rstrip(b"=").decode(), signature))


def replay(bench: Bench) -> Outcome:
    """A thief has copied what each client holds, and uses it after the owner has gone on."""
    bench.ready()
    return _replay_session(bench), _replay_token(bench)


def _replay_session(bench: Bench) -> Said:
    thief = SessionPane(bench.session.held(), agent=THIEF)
    bench.session.call()
    taken = thief.call(by="thief")
    bench.session.heard += thief.heard
    return Said("replay.session") if taken.status == 200 else UNEXPECTED


def _replay_token(bench: Bench) -> Said:
    mine = bench.token
    inside.age_rotation(mine.login)
    thief = TokenPane(mine.held(), agent=THIEF)
    gone_on = mine.refresh()
    inside.age_rotation(mine.login)
    taken = thief.refresh(by="thief")
    mine.heard += thief.heard
    refused, _after = mine.until(lambda answer: answer.status == 401)
    mine.is_in = False
    good = (gone_on.status, taken.status, refused.status) == (200, 401, 401)
    return Said("replay.token") if good else UNEXPECTED


def tabs(bench: Bench) -> Outcome:
    """Twenty tabs of one browser ask at once with what they share."""
    bench.ready()
    calls = bench.session.many(bench.session.request("GET", ME), TABS, steps=CALL, at_once=TABS)
    working = sum(answer.status == 200 for answer in calls)
    inside.age_rotation(bench.token.login)
    answers = bench.token.many(bench.token.asks_for_refresh(), TABS, steps=REFRESH, at_once=TABS)
    good = [answer for answer in answers if answer.status == 200]
    successors = {answer.json.get("refresh") for answer in good}
    if good:
        bench.token.take(good[-1])
    fits = len(good) == TABS and len(successors) == 1 and bench.token.call().status == 200
    figures = {"tabs": TABS}
    return (
        Said("tabs.session", figures) if working == TABS else UNEXPECTED,
        Said("tabs.token", figures) if fits else UNEXPECTED,
    )


def drop(bench: Bench) -> Outcome:
    """The answer that brings a new key, and the one that brings new tokens, are lost on the way."""
    bench.ready()
    lost = bench.session.again(lost=True)
    refused = bench.session.call()
    bench.session.is_in = refused.status == 200
    inside.age_rotation(bench.token.login)
    answers = bench.token.refresh(lost=True), bench.token.refresh(), bench.token.call()
    return (
        Said("drop.session") if (lost.status, refused.status) == (302, 401) else UNEXPECTED,
        Said("drop.token") if {answer.status for answer in answers} == {200} else UNEXPECTED,
    )
