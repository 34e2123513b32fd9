"""Variants that were measured side by side, as tables: what a request needs, and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

from authdemo.lab import compare, variants, ways
from authdemo.lab.measure import Result
from authdemo.lab.tables import Table

OURS = "this project"
# Neither ours nor a peer's: what there is without anybody to authenticate, and what Redis takes at least.
NO_PEERS = frozenset({ways.NOBODY, ways.OPEN, ways.CONSTANT, variants.PLAIN, variants.ROUND_TRIP})
NOTHING = "–"


def peers(results: Sequence[Result]) -> list[Result]:
    """Those that are not ours, and neither a floor nor its control."""
    return [one for one in results if _is_looked_at(one) and OURS not in one.name]


def _is_looked_at(one: Result) -> bool:
    """Whether what the request carries is looked at; where nobody is asked, it is not."""
    return bool(one.floor) and not one.is_control and one.name not in NO_PEERS


def tokens(results: Sequence[Result]) -> list[Table]:
    """Of token variants."""
    return tables("Token, on a DRF view", results, mine=(ways.BEFORE, ways.FIRST))


def sessions(results: Sequence[Result]) -> list[Table]:
    """Of session variants."""
    return tables("Session cookie, on a plain view", results, mine=(variants.SESSION,))


def sign_in(results: Sequence[Result]) -> list[Table]:
    """Of sign-ins."""
    return tables("Sign-in", results, mine=())


def tables(title: str, results: Sequence[Result], *, mine: Sequence[str]) -> list[Table]:
    """What each needs, and how long each takes; and what each peer adds beside each of `mine`."""
    by_name = {one.name: one for one in results}
    said = [
        line for name in mine if name in by_name for line in compare.against(by_name[name], peers(results))
    ]
    return [
        Table(
            title=f"{title}: what a request needs",
            columns=("variant", "statements", "Redis round trips", "bytes sent", "received"),
            rows=[_needs(one) for one in results],
        ),
        Table(
            title=f"{title}: how long it takes",
            columns=("variant", "median µs", "added µs (99 %)", "added CPU µs (99 %)", "p50", "p95", "p99"),
            rows=[_takes(one) for one in results],
            notes=[*compare.controls(results), *said],
        ),
    ]


def _needs(one: Result) -> list[str]:
    trips = NOTHING if one.round_trips is None else f"{one.round_trips:g}"
    wire = [str(one.sent) if _is_looked_at(one) else NOTHING, f"{one.received:+d}" if one.floor else NOTHING]
    return [one.name, f"{one.statements:g}", trips, *wire]


def _takes(one: Result) -> list[str]:
    cpu = one.cpu_added
    added = [
        f"{one.added:.1f} ({one.low:.1f} to {one.high:.1f})",
        f"{cpu.middle:.1f} ({cpu.low:.1f} to {cpu.high:.1f})",
    ]
    single = [f"{each:.0f}" for each in (one.p50, one.p95, one.p99)]
    return [one.name, f"{one.microseconds:.0f}", *(added if one.floor else [NOTHING, NOTHING]), *single]
