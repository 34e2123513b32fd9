"""Whether two variants can be told apart, so that a second run says the same.

An interval of 99 % covers what differs from round to round, but not what differs from process to process:
where things lie in memory, what else the machine does that minute. Two runs of the same code differ by up to
a fifth in time, so a smaller difference is no difference here, and neither is one of less than 2 µs, which is
what the clock and the loop around it are good for. (Instructions hardly move, and tell smaller ones.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from authdemo.lab.measure import Result

WORTH = 1.2
WORTH_MICROSECONDS = 2.0
ANY_NUMBER = 1_000
LESS, MORE, ALIKE = "adds less", "adds more", "cannot be told from it"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a peer adds beside one that is ours: `verdict`, and from how many to how many times as much."""

    mine: str
    peer: str
    verdict: str
    least: float
    most: float


def compare(mine: Result, peer: Result) -> Comparison:
    """No winner where the intervals overlap, or where the difference is too small to come again."""
    fewer, greater = sorted((mine, peer), key=lambda one: one.added)
    is_apart = (
        fewer.high < greater.low
        and greater.added - fewer.added >= WORTH_MICROSECONDS
        and greater.added >= WORTH * max(fewer.added, 0.0)
    )
    return Comparison(
        mine=mine.name,
        peer=peer.name,
        verdict=ALIKE if not is_apart else MORE if greater is peer else LESS,
        least=peer.low / max(mine.high, 0.1),
        most=peer.high / max(mine.low, 0.1),
    )


def is_told_apart(control: Result) -> bool:
    """Whether a floor that ran twice seems to be two: then nothing else of that run can be believed."""
    floor = control.microseconds - control.added
    difference = abs(control.added)
    excludes_none = control.low > 0 or control.high < 0
    return excludes_none and difference >= WORTH_MICROSECONDS and difference >= (WORTH - 1) * floor


def is_share_apart(share: float, low: float, high: float) -> bool:
    """As `is_told_apart`, of a throughput as a share of what should be the same."""
    return not low <= 1 <= high and not 1 / WORTH < share < WORTH


def against(mine: Result, peers: Sequence[Result]) -> list[str]:
    """How much each peer adds for one that is ours, a sentence each."""
    return [_said(compare(mine, peer)) for peer in peers]


def controls(results: Sequence[Result]) -> list[str]:
    """Whether each floor could be told from itself, a sentence each."""
    return [
        f"{one.floor}, against itself: {one.added:+.1f} µs ({one.low:+.1f} to {one.high:+.1f}), "
        + ("told apart, so believe nothing of this." if is_told_apart(one) else "no difference.")
        for one in results
        if one.is_control
    ]


def _said(one: Comparison) -> str:
    if one.verdict == ALIKE:
        return f"{one.peer} cannot be told from {one.mine}."
    # What hardly anything is added to can be any number of times as much.
    most = f" to {_times(one.most)}" if one.most < ANY_NUMBER else " or more"
    return f"{one.peer} adds {_times(one.least)}{most} times as much as {one.mine}."


def _times(number: float) -> str:
    return f"{number:.0f}" if number >= 20 else f"{number:.2g}"
