"""The ledger of claims: what is said for and against each of the two ways, and what this run found of it.

Two ways, what each is said to be good and bad at, three lines each: twelve rows. Each has an experiment;
every figure is made of the numbers that it found, and so is the verdict (`weighing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from authdemo.lab import adoption, effect, weighing
from authdemo.lab.tables import Table
from authdemo.lab.weighing import Figures, Measured

STATEFUL, STATELESS = "stateful", "stateless"
ADVANTAGE, DISADVANTAGE = "advantage", "disadvantage"
REVOKING, SETUP, DATA, OVERHEAD, SCALING, PARTIES = (
    "revoking",
    "setting up",
    "changing data",
    "overhead",
    "scaling",
    "third parties",
)
NOT_MEASURED = "not measured"
ENDS, CHANGES = (effect.ENDED,), (effect.ROLE, effect.DISABLED, effect.ADDRESS)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of what is said: of which way, for or against it, what about; its experiment, its judge."""

    flow: str
    kind: str
    about: str
    claim: str
    experiment: str
    judge: Callable[[Measured], Figures | None]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A row and what this run says to it: no figures where its experiment was left out."""

    row: Row
    figures: Figures | None


def rows(run: Measured) -> list[Claim]:
    """The twelve, for and against state, then for and against none."""
    return [Claim(row=row, figures=row.judge(run)) for row in ROWS]


def as_json(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Each row as JSON has it: no figures where its experiment was left out."""
    return [
        {
            "flow": one.row.flow,
            "kind": one.row.kind,
            "about": one.row.about,
            "claim": one.row.claim,
            "experiment": one.row.experiment,
            "figures": asdict(one.figures) if one.figures else None,
        }
        for one in claims
    ]


def tables(claims: Sequence[Claim], *, is_whole: bool = True) -> list[Table]:
    """The ledger; of a part of a run, the rows that it measured."""
    columns = ["of", "said", "claim", "experiment", "the usual way", "here", "what it still costs"]
    return [
        Table(
            title="The ledger of claims",
            columns=[*columns, "the claim is"],
            rows=[_line(one) for one in claims if is_whole or one.figures],
            words=len(columns) + 1,
        )
    ]


def _line(one: Claim) -> list[str]:
    said = [one.row.flow, one.row.kind, one.row.claim, one.row.experiment]
    if (found := one.figures) is None:
        return [*said, "–", "–", "–", NOT_MEASURED]
    return [*said, found.usual, found.here, found.cost, found.verdict]


ROWS = (
    Row(
        flow=STATEFUL,
        kind=ADVANTAGE,
        about=REVOKING,
        claim="what the server holds, it can end at any moment",
        experiment="end what somebody holds, and ask every process again and again",
        judge=weighing.at_any_time(ENDS),
    ),
    Row(
        flow=STATEFUL,
        kind=ADVANTAGE,
        about=SETUP,
        claim="little to write and to run for a single server",
        experiment="the smallest project, from an empty directory to the first answer",
        judge=weighing.little_to_write(adoption.OUR_SESSIONS),
    ),
    Row(
        flow=STATEFUL,
        kind=ADVANTAGE,
        about=DATA,
        claim="what is known of somebody can be changed while they are signed in",
        experiment="take a role, disable, change the address, and ask every process again and again",
        judge=weighing.at_any_time(CHANGES),
    ),
    Row(
        flow=STATEFUL,
        kind=DISADVANTAGE,
        about=OVERHEAD,
        claim="the more people are signed in, the more it takes",
        experiment="the same request in a growing crowd, and the room that each takes",
        judge=weighing.a_growing_crowd,
    ),
    Row(
        flow=STATEFUL,
        kind=DISADVANTAGE,
        about=SCALING,
        claim="with several servers, each person must be led to the one that knows them",
        experiment="sign in at one of several processes, and ask all of them",
        judge=weighing.any_process_knows,
    ),
    Row(
        flow=STATEFUL,
        kind=DISADVANTAGE,
        about=PARTIES,
        claim="services of others can do little with it",
        experiment="use a session cookie at somebody else's service",
        judge=weighing.a_cookie_elsewhere,
    ),
    Row(
        flow=STATELESS,
        kind=ADVANTAGE,
        about=OVERHEAD,
        claim="the server has less to do",
        experiment="the same view behind each way, side by side",
        judge=weighing.less_to_do,
    ),
    Row(
        flow=STATELESS,
        kind=ADVANTAGE,
        about=SCALING,
        claim="more servers can simply be added",
        experiment="the same with more processes, none of which is preferred",
        judge=weighing.more_processes,
    ),
    Row(
        flow=STATELESS,
        kind=ADVANTAGE,
        about=PARTIES,
        claim="services of others can take it",
        experiment="a service that knows our keys alone, and what else it could do with what it is sent",
        judge=weighing.a_token_elsewhere,
    ),
    Row(
        flow=STATELESS,
        kind=DISADVANTAGE,
        about=REVOKING,
        claim="what was handed out cannot be taken back",
        experiment="end what somebody holds, and ask every process again and again",
        judge=weighing.not_before_it_expires(ENDS),
    ),
    Row(
        flow=STATELESS,
        kind=DISADVANTAGE,
        about=SETUP,
        claim="more to write and to run than it is worth for a single server",
        experiment="the smallest project, from an empty directory to the first answer",
        judge=weighing.much_to_write(adoption.OUR_TOKENS),
    ),
    Row(
        flow=STATELESS,
        kind=DISADVANTAGE,
        about=DATA,
        claim="what it says stays as it is until it expires",
        experiment="take a role, disable, change the address, and ask every process again and again",
        judge=weighing.not_before_it_expires(CHANGES),
    ),
)
