"""What happens to the server: it forgets, loses its Redis and gets it back, has a new key to sign with."""

from __future__ import annotations

from authdemo.lab.page import inside, switch
from authdemo.lab.page.bench import UNEXPECTED, Bench, Outcome, Said
from authdemo.lab.page.panes import Pane
from tokens_stateless.keyring import CurrentNotOurs, StandbyTooYoung


def forget(bench: Bench) -> Outcome:
    """What the server has stored for each client is deleted; the clients keep what they hold."""
    bench.ready()
    session, token = bench.panes
    before = session.call()
    inside.forget_session(session.key, login=session.login)
    refused, _after = session.until(lambda answer: answer.status == 401)
    session.is_in = False
    inside.forget_family(token.login)
    kept, no_more = token.call(), token.refresh()
    # What it was told is that there is no next one; this one opens as before.
    token.is_in = kept.status == 200
    return (
        Said("forget.session") if (before.status, refused.status) == (200, 401) else UNEXPECTED,
        Said("forget.token") if (kept.status, no_more.status) == (200, 401) else UNEXPECTED,
    )


def stop_redis(bench: Bench) -> Outcome:
    """Redis stops; both call before and after."""
    return _switched(bench, "stop")


def start_redis(bench: Bench) -> Outcome:
    """Redis starts, empty; both call until it is made use of again."""
    return _switched(bench, "start")


def _switched(bench: Bench, verb: str) -> Outcome:
    bench.ready()
    for pane in bench.panes:
        pane.call()
    switch.turn(verb)
    said = []
    for pane in bench.panes:
        good = _goes_on(pane, is_back=verb == "start")
        said.append(Said(f"{verb}_redis.{pane.flow}") if good else UNEXPECTED)
    return said[0], said[1]


def _goes_on(pane: Pane, *, is_back: bool) -> bool:
    """Whether it is answered; where Redis is back, after a second of doubt it is asked again."""
    if not is_back or pane.flow == "token":
        return all(pane.call().status == 200 for _time in range(2))
    answer, _after = pane.until(lambda answer: bool(answer.cost and not answer.cost.statements))
    return answer.status == 200


def rotate(bench: Bench) -> Outcome:
    """The next key signs; what the last one has signed is still good."""
    bench.ready()
    session, token = bench.panes
    before = token.call()
    try:
        inside.rotate_key()
    except StandbyTooYoung as error:
        return Said("rotate.early", {"at": f"{error.ready_at:%H:%M:%S} UTC"}), Said("rotate.early.token")
    except CurrentNotOurs:
        return UNEXPECTED, UNEXPECTED
    answers = before, token.call(), token.refresh(), token.call()
    good = {answer.status for answer in answers} == {200}
    return (
        Said("rotate.session") if session.call().status == 200 else UNEXPECTED,
        Said("rotate.token") if good else UNEXPECTED,
    )
