"""What the rows of the ledger (`claims`) say: figures that a run has found, and words around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from authdemo.lab import adoption, doors, effect
from authdemo.lab.adoption import Adopted
from authdemo.lab.crowded import Step
from authdemo.lab.effect import Effects
from authdemo.lab.measure import Result
from authdemo.lab.scaling import Scaling
from authdemo.lab.usual_parties import Count


def noticed(found: Effects, door: str, changes: Sequence[str]) -> bool:
    """Whether every process noticed each of these, at rest and busy; not so of what nobody tried."""
    wanted = [effect.of(found, door, change, busy=busy) for change in changes for busy in (False, True)]
    return all(one is not None and one.seen > 0 and one.never == 0 for one in wanted)


def slowest(found: Effects, door: str, changes: Sequence[str]) -> float | None:
    """Within how many milliseconds 99 % of the cases noticed, of that change where it took longest."""
    mine = [one for one in found.effects if one.door == door and one.change in changes]
    return max((one.ninety_nine for one in mine if one.ninety_nine is not None), default=None)


def within(found: Effects, door: str, changes: Sequence[str]) -> str:
    """How many noticed, and how soon; where some never did, for how long what was held lives on."""
    mine = [one for one in found.effects if one.door == door and one.change in changes]
    seen, never = sum(one.seen for one in mine), sum(one.never for one in mine)
    lives = [one.lives for one in mine if one.lives is not None]
    said = [f"noticed {seen - never} times of {seen}"]
    if (milliseconds := slowest(found, door, changes)) is not None:
        said.append(f"99 % within {milliseconds:.2f} ms" if milliseconds else "with the next request")
    if lives:
        said.append(f"else good for {min(lives):.0f} s more")
    return f"{doors.NAMES[door]}: {', '.join(said)}"


def added(results: Sequence[Result], name: str) -> str:
    """What a variant adds to a request, and what it asks for each."""
    for one in results:
        if one.name == name:
            trips = "" if one.round_trips is None else f", {one.round_trips:g} Redis"
            return f"{name}: {one.added:.0f} µs a request, {one.statements:g} SQL{trips}"
    return f"{name}: not measured"


def written(one: Adopted) -> str:
    """What one writes, what comes along, how soon it answers; and that it lets in who has signed out."""
    said = f"{adoption.NAMES[one.name]}: {one.files} files, {one.lines} lines, {one.settings} settings, "
    said += f"{one.packages} packages, {one.seconds:.1f} s"
    return said + (", and what was held gets in after the sign-out" if one.after_sign_out else "")


def grown(steps: Sequence[Step]) -> str:
    """What a request costs at each step, and what room each who is signed in takes."""
    if not steps:
        return "not measured"
    costs = ", ".join(f"{one.added:.0f} µs at {one.people:,}" for one in steps)
    last = steps[-1]
    rooms: Mapping[str, float | None] = {"Redis": last.redis, "the database": last.database}
    room = " and ".join(f"{size:.0f} B in {where}" for where, size in rooms.items() if size is not None)
    return f"{last.name}: {costs} ({last.added / steps[0].added:.2f} ×), {room} for each"


def strangers(found: Scaling, door: str) -> tuple[int, int]:
    """How many were asked who had not signed them in, and how many refused, home or not."""
    mine = [one for one in found.strangers if one.door == door]
    return sum(one.asked for one in mine), sum(one.refused + one.home_refused for one in mine)


def refused(found: Scaling, door: str) -> str:
    """How many of the others refused."""
    mine = [one for one in found.strangers if one.door == door]
    asked, refused = sum(one.asked for one in mine), sum(one.refused for one in mine)
    share = f" ({refused / asked:.0%})" if asked else ""
    return f"{doors.NAMES[door]}: {refused} of {asked}{share} refused by another process"


def rate(found: Scaling, door: str) -> str:
    """How many times as much more processes answer."""
    mine = [one for one in found.rates if one.door == door]
    return "requests a second: " + ", ".join(f"{one.times:.2f} × with {one.workers}" for one in mine)


def of(count: Count) -> str:
    """How many of how many."""
    return f"{count.accepted} of {count.sent}"


def yes(value: bool) -> str:
    """Yes or no."""
    return "yes" if value else "no"
