"""What a visitor does in good faith: sign in, call, end from elsewhere, change a role, wait, sign out.

An act moves both panes and returns why each met what it met: a sentence that is chosen after the fact.
"""

from __future__ import annotations

from authdemo.lab.page import inside
from authdemo.lab.page.bench import UNEXPECTED, Bench, Outcome, Said
from authdemo.lab.page.client import Answer
from authdemo.lab.page.panes import CALL, ME, Pane, TokenPane
from authdemo.lab.page.shown import Exchange

HUNDRED = 100


def sign_in(bench: Bench) -> Outcome:
    """The same person, through either door."""
    answers = bench.sign_in()
    session, token = (
        Said(f"sign_in.{pane.flow}") if answer.status == 200 else _refused_door(answer)
        for pane, answer in zip(bench.panes, answers, strict=True)
    )
    return session, token


def _refused_door(answer: Answer) -> Said:
    return Said("sign_in.throttled" if answer.status == 429 else "sign_in.nobody")


def sign_out(bench: Bench) -> Outcome:
    """Both say goodbye; what they held is of no use afterwards."""
    bench.ready()
    kept = bench.token.held()
    answers = bench.session.sign_out(), bench.token.sign_out()
    old = TokenPane(kept)
    answer, _after = old.until(lambda answer: answer.status == 401)
    bench.token.heard += old.heard
    if [answers[0].status, answers[1].status, answer.status] != [204, 200, 401]:
        return UNEXPECTED, UNEXPECTED
    return Said("sign_out.session"), Said("sign_out.token")


def call(bench: Bench) -> Outcome:
    """One call each, as an ordinary client makes it."""
    session, token = bench.session.call(), bench.token.call_on()
    return _called(bench.session, session), _called(bench.token, token)


def _called(pane: Pane, answer: Answer) -> Said:
    last = pane.heard[-1]
    if answer.status == 200 and len(pane.heard) > 1:
        return Said("call.token.refreshed")
    if answer.status == 200:
        return Said(f"call.{pane.flow}.{_price(last)}")
    if answer.status != 401:
        return Said("unavailable") if answer.status == 503 else UNEXPECTED
    was_in = bool(pane.login)
    pane.is_in = False
    return Said(f"call.{pane.flow}.ended" if was_in else "call.nobody")


def _price(exchange: Exchange) -> str:
    if exchange.statements is None:
        return "untold"
    if exchange.statements:
        return "sql"
    return "redis" if exchange.trips else "free"


def hundred(bench: Bench) -> Outcome:
    """A hundred calls each, four at once, over connections of their own."""
    bench.ready()
    said = []
    for pane in bench.panes:
        answers = pane.many(pane.request("GET", ME), HUNDRED, steps=CALL)
        last = pane.heard[-1]
        figures = {"statements": last.statements, "trips": last.trips, "workers": len(last.workers)}
        good = all(answer.status == 200 for answer in answers) and last.statements is not None
        said.append(Said(f"hundred.{pane.flow}", figures) if good else UNEXPECTED)
    return said[0], said[1]


def end(bench: Bench) -> Outcome:
    """Somebody signs in at another device and ends both Logins from there."""
    bench.ready()
    other = TokenPane(agent="another-device/1")
    other.sign_in(quiet=True)
    said = []
    try:
        for pane in bench.panes:
            answer = other.send(
                other.request("DELETE", f"/api/logins/{pane.login}/"), steps=(8,), by="device"
            )
            pane.heard.append(other.heard.pop())
            refused, after = pane.until(lambda answer: answer.status == 401)
            pane.is_in = False
            good = (answer.status, refused.status) == (204, 401)
            said.append(Said(f"end.{pane.flow}", {"ms": _whole(after)}) if good else UNEXPECTED)
    finally:
        other.sign_out(quiet=True)
    if bench.token.refresh().status != 401:
        return said[0], UNEXPECTED
    return said[0], said[1]


def _whole(ms: float) -> int:
    return max(1, round(ms))


def role(bench: Bench) -> Outcome:
    """The person becomes staff and is staff no more; each pane says when it has heard of either."""
    bench.ready()
    news = []
    try:
        for wanted in (True, False):
            inside.set_staff(wanted)
            news += [_hear_of(pane, wanted) for pane in bench.panes]
    finally:
        inside.set_staff(False)
    session, token = (all(heard for heard in news[at::2]) for at in (0, 1))
    return Said("role.session") if session else UNEXPECTED, Said("role.token") if token else UNEXPECTED


def _hear_of(pane: Pane, wanted: bool) -> bool:
    answer, _after = pane.until(lambda answer: answer.status != 200 or answer.json.get("is_staff") is wanted)
    if isinstance(pane, TokenPane) and answer.json.get("code") == "token_stale":
        pane.refresh()
        answer = pane.call()
    return answer.json.get("is_staff") is wanted


def wait(bench: Bench) -> Outcome:
    """The program gets an access token that lives for some seconds; the page counts them down."""
    bench.ready()
    bench.token.access = inside.short_token(bench.token.login)
    session, token = bench.session.call(), bench.token.call()
    if (session.status, token.status) != (200, 200):
        return UNEXPECTED, UNEXPECTED
    return Said("wait.session"), Said("wait.token", {"seconds": inside.SHORT_SECONDS})
