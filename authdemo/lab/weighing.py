"""How each row of the ledger (`claims`) is weighed: its figures, and the verdict that they alone lead to.

A row that speaks for a way is "kept" or "lost"; one that speaks against it is "removed" or "still true".
Either is "priced: …" when it is so but something is paid for that, or "too close to tell" by the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from authdemo.lab import adoption, doors, effect, peers, phrases, variants, ways
from authdemo.lab.adoption import Adopted
from authdemo.lab.crowded import Crowd
from authdemo.lab.effect import Effects
from authdemo.lab.judge import TOO_CLOSE
from authdemo.lab.measure import Result
from authdemo.lab.parties import Parties
from authdemo.lab.scaling import Scaling

KEPT, LOST = "kept", "lost"
REMOVED, STILL_TRUE, PRICED = "removed", "still true", "priced"
# What grows with the crowd is many times as much with a hundred times as many; two measurements of the same
# that are minutes apart differ by a fourth.
GROWN = 1.5
# What is known everywhere within so many milliseconds, nobody has to wait for. Far from what is found with a
# feed (some) and without one (some hundred), so that the verdict is the same in each run.
AT_ONCE_MS = 100.0
# More lines than so many times the usual are no price but the fault itself.
MANY_LINES = 2.0


class Measured(Protocol):
    """What a run has found; what was left out is None, or empty."""

    tokens: Sequence[Result]
    sessions: Sequence[Result]
    effect: Effects | None
    scaling: Scaling | None
    crowded: Crowd | None
    parties: Parties | None
    adoption: Sequence[Adopted]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The usual way, here, what it still costs, and what follows of it."""

    usual: str
    here: str
    cost: str
    verdict: str


Judge = Callable[[Measured], Figures | None]


def at_any_time(changes: Sequence[str]) -> Judge:
    """For state: kept if our session is changed at any time; told, too, whether our token is."""

    def judge(run: Measured) -> Figures | None:
        if (found := run.effect) is None:
            return None
        verdict = KEPT if phrases.noticed(found, doors.SESSION, changes) else LOST
        if verdict == KEPT and phrases.noticed(found, doors.TOKEN, changes):
            verdict = f"{KEPT}, and true of our token as well"
        return Figures(
            usual=phrases.within(found, doors.DB, changes),
            here="; ".join(phrases.within(found, door, changes) for door in (doors.SESSION, doors.TOKEN)),
            cost=phrases.added(run.sessions, variants.SESSION),
            verdict=verdict,
        )

    return judge


def not_before_it_expires(changes: Sequence[str]) -> Judge:
    """Against tokens: removed if every process noticed each change at once, priced if later."""

    def judge(run: Measured) -> Figures | None:
        if (found := run.effect) is None:
            return None
        renews = effect.ROLE in changes
        slowest = phrases.slowest(found, doors.TOKEN, changes)
        verdict = STILL_TRUE
        if slowest is not None and phrases.noticed(found, doors.TOKEN, changes):
            verdict = REMOVED if slowest <= AT_ONCE_MS else f"{PRICED}: known after {slowest:.0f} ms"
        if renews and found.refreshed_right < found.refreshed:
            verdict = STILL_TRUE
        renewed = f"; {found.refreshed_right} of {found.refreshed} refreshed into what is true now"
        return Figures(
            usual="; ".join(
                phrases.within(found, door, changes) for door in (doors.STATELESS, doors.DEFAULT)
            ),
            here=phrases.within(found, doors.TOKEN, changes) + (renewed if renews else ""),
            cost=phrases.added(run.tokens, ways.BEFORE),
            verdict=verdict,
        )

    return judge


def little_to_write(mine: str) -> Judge:
    """For state: kept if ours is no more to write than Django's, else with the price, lost beyond that."""
    return _to_write(mine, [adoption.DJANGO_SESSIONS], good=KEPT, bad=LOST)


def much_to_write(mine: str) -> Judge:
    """Against tokens: removed if ours is no more to write than Django's sessions, else priced."""
    return _to_write(mine, [adoption.SIMPLEJWT, adoption.DJANGO_SESSIONS], good=REMOVED, bad=STILL_TRUE)


def a_growing_crowd(run: Measured) -> Figures | None:
    """Against state: it cannot be gone, since each Login is a row; priced if a request costs the same."""
    if run.crowded is None:
        return None
    mine, usual = run.crowded.of(variants.SESSION), run.crowded.of(variants.DB_SESSIONS)
    if not mine:
        return None
    verdict = STILL_TRUE
    size = f"{(mine[-1].redis or 0) + (mine[-1].database or 0):.0f} B for each"
    if mine[-1].added <= GROWN * mine[0].added:
        verdict = f"{PRICED}: {size}, and no time"
    elif mine[-1].low <= GROWN * mine[0].high:
        verdict = TOO_CLOSE
    return Figures(
        usual=phrases.grown(usual),
        here=phrases.grown(mine),
        cost=f"{size} who is signed in",
        verdict=verdict,
    )


def any_process_knows(run: Measured) -> Figures | None:
    """Against state: removed if no process refused anybody whom another had signed in."""
    if run.scaling is None:
        return None
    asked, refused = phrases.strangers(run.scaling, doors.SESSION)
    dropped = sum(one.dropped for one in run.scaling.strangers if one.door == doors.MEMORY)
    return Figures(
        usual=f"{phrases.refused(run.scaling, doors.MEMORY)}, and the browser told {dropped} times to forget "
        f"its cookie; {phrases.refused(run.scaling, doors.DB)}",
        here=phrases.refused(run.scaling, doors.SESSION),
        cost=f"a store that all share: {phrases.added(run.sessions, variants.SESSION)}; "
        f"{phrases.rate(run.scaling, doors.SESSION)}",
        verdict=REMOVED if asked and not refused else STILL_TRUE,
    )


def a_cookie_elsewhere(run: Measured) -> Figures | None:
    """Against state: priced if a session is exchanged for what others take, and its cookie is of no use."""
    if (found := run.parties) is None:
        return None
    works = found.exchanged_cookies.accepted == found.exchanged_cookies.sent > 0
    is_safe = not found.cross_site.accepted and not found.elsewhere.accepted
    return Figures(
        usual=f"taken there: {phrases.of(found.usual_cookies)}; a browser sends it to its own host alone: "
        f"{phrases.yes(found.usual_cookie.host_only)}, SameSite={found.usual_cookie.same_site}",
        here=f"exchanged by our page and taken there: {phrases.of(found.exchanged_cookies)}; the cookie from "
        f"a page of theirs: {phrases.of(found.cross_site)}",
        cost=f"a request to us for each token, which is good for {found.lives:.0f} s",
        verdict=f"{PRICED}: an exchange for each token" if works and is_safe else STILL_TRUE,
    )


def less_to_do(run: Measured) -> Figures | None:
    """For tokens: kept if ours asks nobody and adds no more than one that is only verified."""
    found = {one.name: one for one in run.tokens}
    mine, usual = found.get(ways.BEFORE), found.get(ways.STATELESS)
    if mine is None or usual is None:
        return None
    verdict = KEPT if mine.added <= usual.added else TOO_CLOSE
    if mine.low > usual.high:
        verdict = f"{PRICED}: {mine.added / usual.added:.1f} × simplejwt stateless"
    if mine.statements:
        verdict = LOST
    first = phrases.added(run.tokens, ways.FIRST)
    return Figures(
        usual="; ".join(phrases.added(run.tokens, name) for name in (ways.STATELESS, peers.DEFAULT)),
        here=f"{phrases.added(run.tokens, ways.BEFORE)}; {first}",
        cost=f"instead of {phrases.added(run.sessions, variants.SESSION)}",
        verdict=verdict,
    )


def more_processes(run: Measured) -> Figures | None:
    """For tokens: kept if every process takes them."""
    if run.scaling is None:
        return None
    asked, refused = phrases.strangers(run.scaling, doors.TOKEN)
    return Figures(
        usual=f"{phrases.refused(run.scaling, doors.DEFAULT)}; {phrases.rate(run.scaling, doors.DEFAULT)}",
        here=f"{phrases.refused(run.scaling, doors.TOKEN)}; {phrases.rate(run.scaling, doors.TOKEN)}",
        cost=f"measured on {run.scaling.cores} cores",
        verdict=KEPT if asked and not refused else LOST,
    )


def a_token_elsewhere(run: Measured) -> Figures | None:
    """For tokens: kept if a service takes them without asking us each time, and can do nothing else."""
    if (found := run.parties) is None:
        return None
    taken = found.verified.accepted == found.verified.sent > found.verified_cost
    ends = found.ended_introspected.sent and not found.ended_introspected.accepted
    each = 1000 * found.verified_cost / found.verified.sent if found.verified.sent else 0.0
    return Figures(
        usual=f"simplejwt (HS256): taken from them by its issuer: {phrases.of(found.usual_elsewhere)}; made "
        f"by who can verify it, and taken: {phrases.of(found.usual_forged)}",
        here=f"verified with our keys alone: {phrases.of(found.verified)}, for {each:.0f} requests to us in "
        f"a thousand; taken elsewhere: {phrases.of(found.elsewhere)}; introspected after its end: "
        f"{phrases.of(found.ended_introspected)}",
        cost=f"verified with our keys alone, it outlives its Login by up to {found.lives:.0f} s; "
        f"introspected, it costs {found.introspected_cost} requests to us for {found.introspected.sent}",
        verdict=KEPT if taken and ends and not found.elsewhere.accepted else LOST,
    )


def _to_write(mine: str, usual: Sequence[str], *, good: str, bad: str) -> Judge:
    """Beside the last of the usual ones."""

    def judge(run: Measured) -> Figures | None:
        found = {one.name: one for one in run.adoption}
        if mine not in found or not found.keys() >= set(usual):
            return None
        ours, least = found[mine], found[usual[-1]]
        lines, chosen = ours.lines - least.lines, ours.settings - least.settings
        if ours.after_sign_out or ours.refreshes or ours.lines > MANY_LINES * least.lines:
            verdict = bad
        elif lines <= 0 and chosen <= 0:
            verdict = good
        else:
            verdict = f"{PRICED}: {lines:+d} lines and {chosen:+d} settings to {adoption.NAMES[least.name]}"
        return Figures(
            usual="; ".join(phrases.written(found[name]) for name in usual),
            here=phrases.written(ours),
            cost=f"{ours.brought:,} lines of this project come along, {ours.statements} schema statements "
            f"instead of {least.statements}",
            verdict=verdict,
        )

    return judge
