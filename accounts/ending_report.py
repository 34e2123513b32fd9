"""What a command says of what it has ended: the receipt, what is left, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from accounts import endings, receipt, terminal
from accounts.ending_run import Outcome
from accounts.tally import Tally

RECEIPT_SECONDS = 2.0


def tell(out: OutputWrapper, outcome: Outcome, options: Mapping[str, Any]) -> None:
    """Write the receipt; CommandError with the exit code when something is left."""
    tally = outcome.receipt.wait(RECEIPT_SECONDS)
    if options["json"]:
        terminal.put_json(out, _described(outcome, tally))
    elif options["verbosity"]:
        terminal.put(out, str(tally))
    if outcome.left:
        again = f" To go on: {outcome.again}" if outcome.again else ""
        raise CommandError(f"{outcome.left}{again}", returncode=outcome.code)


def nothing(out: OutputWrapper, options: Mapping[str, Any]) -> None:
    """Write that there is nothing to end."""
    with receipt.wanted() as mine:
        outcome = Outcome(wanted=0, ended=0, receipt=mine)
    if options["json"]:
        terminal.put_json(out, _described(outcome, mine.look()))
    elif options["verbosity"]:
        terminal.put(out, "There is nothing to end.")


def _described(outcome: Outcome, tally: Tally) -> dict[str, Any]:
    ending = outcome.ending
    return {
        "dry_run": False,
        "ending": ending.pk if ending else None,
        "search": ending.search if ending else None,
        "logins": outcome.wanted,
        "ended": outcome.ended,
        "is_done": not outcome.left,
        "resume": outcome.again or None,
        "receipt": {
            "known": tally.knowing,
            "processes": tally.processes,
            "slowest_ms": None if tally.slowest is None else tally.slowest.total_seconds() * 1000,
            "silent": [str(one) for one in tally.silent],
            "bound_seconds": tally.bound.total_seconds(),
            "at_most_seconds": tally.at_most.total_seconds(),
            "settled": tally.is_settled,
            "text": tally.knowledge,
        },
    }


def unfinished(out: OutputWrapper, options: Mapping[str, Any]) -> None:
    """Write each act of which something may be left: id, state, how far, begun when, by whom, why."""
    for ending in endings.unfinished().select_related("by"):
        state = "stopped" if ending.stopped_at else "broken off" if ending.is_abandoned else "at work"
        by = getattr(ending.by, "email", None)
        if options["json"]:
            told = {
                "ending": ending.pk,
                "begun_at": ending.begun_at,
                "state": state,
                "by": by,
                "why": ending.why,
            }
            counts = {"logins": ending.logins, "people": ending.people, "ended": ending.ended}
            terminal.put_json(out, {**told, **counts, "search": ending.search})
        else:
            so_far = f"{ending.ended:,} of {ending.logins:,}"
            terminal.put_tabs(out, [ending.pk, state, so_far, ending.begun_at, by, ending.why])
