"""Which flow to take, for three who have to choose; every reason carries a figure of the same run.

What a case asks for decides (who keeps the credential, who verifies it, how many ask at once); the run says
what that costs. A reason whose figure was not measured is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from authdemo.lab import adoption, doors, effect, variants, ways
from authdemo.lab.delay import ENOUGH
from authdemo.lab.run import Run

# What a plain page of a shop takes to make, to hold the cost of a session against.
PAGE_MS = 20.0


@dataclass(frozen=True, kw_only=True)
class Advice:
    """A case, what to take, and why."""

    case: str
    take: str
    because: Sequence[str]


def given(run: Run) -> list[Advice]:
    """The three cases: a shop's pages, an API for partners, a page of one application with many tabs."""
    return [
        _advice(
            run,
            "A shop: pages that the server renders, for browsers, at one origin",
            "the session cookie",
            _kept_by_the_browser,
            _a_share_of_a_page,
            _soon_over,
            _beside_the_usual,
            _no_use_to_others,
            _brought(adoption.OUR_SESSIONS),
        ),
        _advice(
            run,
            "An API for partners, whose servers call ours, and whose services accept what we have issued",
            "the access token",
            _cheap_here,
            _over_here,
            _verified_by_them,
            _over_there,
            _brought(adoption.OUR_TOKENS),
        ),
        _advice(
            run,
            "A single-page application with many open tabs",
            "the session cookie, with the API at the page's own origin (or a back end there that holds it)",
            _one_cookie_for_all_tabs,
            _tabs_at_once,
            _the_price_of_a_trip,
            _both_end_alike,
        ),
    ]


def _advice(run: Run, case: str, take: str, *reasons: Callable[[Run], str | None]) -> Advice:
    return Advice(case=case, take=take, because=[said for reason in reasons if (said := reason(run))])


def _found(results: Sequence[Any], name: str) -> Any:
    return next((one for one in results if one.name == name), None)


def _session(run: Run) -> Any:
    return _found(run.sessions, variants.SESSION)


def _token(run: Run) -> Any:
    return _found(run.tokens, ways.BEFORE)


def _asks(one: Any) -> str:
    """What a variant asks of others for each request."""
    trips = one.round_trips or 0
    if not trips and not one.statements:
        return "nothing is asked of any server"
    parts = [f"{trips:g} round trip to Redis"] if trips else []
    parts += [f"{one.statements:g} statement"] if one.statements else []
    return f"it costs {' and '.join(parts)}"


def _refused(run: Run, door: str) -> str | None:
    """How soon an end is known everywhere, all busy: by the part that ends most, else by `effect`."""
    if door == doors.TOKEN and (most := run.delay) is not None and most.pairs >= ENOUGH:
        among = f"{most.ninety_nine:.1f} ms in 99 of 100 cases ({most.low:.1f} to {most.high:.1f})"
        return f"within {among}, of {most.pairs:,}"
    found = effect.of(run.effect, door, effect.ENDED, busy=True) if run.effect else None
    if found is None or found.never or found.longest is None:
        return None
    if found.longest == 0:
        return "at the next request"
    return f"within {found.longest:.1f} ms in all {found.seen} cases"


def _kept_by_the_browser(run: Run) -> str | None:
    cookie = run.parties.cookie if run.parties else None
    if cookie is None or not (cookie.hidden_from_scripts and cookie.host_only):
        return None
    return (
        "The browser keeps the cookie and sends it by itself; no script can read it, no other host gets it "
        f"(HttpOnly, host-only, SameSite={cookie.same_site}), and no script has to store or refresh anything."
    )


def _a_share_of_a_page(run: Run) -> str | None:
    if (one := _session(run)) is None:
        return None
    share = one.added / 1000 / PAGE_MS
    return (
        f"A session adds {one.added:.0f} µs to a request: {_asks(one)}. Of a page that takes {PAGE_MS:g} ms "
        f"that is {share:.1%}; a token would be cheaper by less than anybody notices there."
    )


def _soon_over(run: Run) -> str | None:
    if (said := _refused(run, doors.SESSION)) is None:
        return None
    return f"Who is signed out is refused {said}, by every process; the same goes for a changed right."


def _beside_the_usual(run: Run) -> str | None:
    mine = _session(run)
    usual = sorted(
        (one for one in run.sessions if one.name.endswith(variants.WITH_IDLE)), key=lambda one: one.added
    )
    if mine is None or not usual or usual[0].low <= mine.high:
        return None
    least, most = (
        f"{one.added / mine.added:.1f} times as much ({one.name.removesuffix(variants.WITH_IDLE)})"
        for one in (usual[0], usual[-1])
    )
    return f"Django's own engines with the same idle timeout add {least} to {most}."


def _no_use_to_others(run: Run) -> str | None:
    if not run.parties or run.parties.cross_site.accepted:
        return None
    sent = run.parties.cross_site.sent
    return f"A page of another site can do nothing with it: of {sent} requests from there none was let in."


def _brought(name: str) -> Callable[[Run], str | None]:
    def reason(run: Run) -> str | None:
        found = {one.name: one for one in run.adoption}
        if name not in found or adoption.DJANGO_SESSIONS not in found:
            return None
        mine, usual = found[name], found[adoption.DJANGO_SESSIONS]
        more = mine.packages - usual.packages
        return (
            f"What it takes: {mine.brought:,} lines of this project, {more} packages more than Django's own "
            f"sessions, and {mine.lines} lines of yours instead of {usual.lines}."
        )

    return reason


def _verified_by_them(run: Run) -> str | None:
    if not (found := run.parties):
        return None
    return (
        f"Their services verify one that was exchanged for them with the published keys: of "
        f"{found.verified.sent:,} requests {found.verified.accepted:,} were let in, and we were asked "
        f"{found.verified_cost} times in all."
    )


def _cheap_here(run: Run) -> str | None:
    if (one := _token(run)) is None:
        return None
    return f"At our own doors a token adds {one.added:.0f} µs once a process has seen it, and {_asks(one)}."


def _over_here(run: Run) -> str | None:
    if (here := _refused(run, doors.TOKEN)) is None:
        return None
    return f"Once its Login has ended, our own doors refuse it {here}, in every process."


def _over_there(run: Run) -> str | None:
    if not run.parties:
        return None
    lives, asked = run.parties.lives, run.parties.ended_introspected
    return (
        f"A service of theirs that only verifies goes on until it expires: {lives:.0f} s, and what it allows "
        f"for clocks. One that must know asks us for each request: of {asked.sent} ended ones introspection "
        f"let {asked.accepted} in."
    )


def _one_cookie_for_all_tabs(_run: Run) -> str | None:
    return (
        "All tabs share one cookie, and there is no refresh that they could race for. A page of another "
        "origin reads none of our answers, since no CORS header is sent."
    )


def _tabs_at_once(run: Run) -> str | None:
    if not (found := run.tabs):
        return None
    return (
        f"With tokens, {found.here.answered} of {found.tabs} tabs that refreshed at once got an answer that "
        "works; with simplejwt's rotation and blacklist, which are off by default, "
        f"{found.usual.answered} did."
    )


def _the_price_of_a_trip(run: Run) -> str | None:
    mine, token = _session(run), _token(run)
    if mine is None or token is None or token.high >= mine.low:
        return None
    busy = mine.cpu_added.middle - token.cpu_added.middle
    return (
        f"The price: a session adds {mine.added:.0f} µs where a token adds {token.added:.0f}. With a hundred "
        f"requests a second that is {busy * 100 / 1e6:.1%} of one core."
    )


def _both_end_alike(run: Run) -> str | None:
    session, token = _refused(run, doors.SESSION), _refused(run, doors.TOKEN)
    if not (session and token):
        return None
    return f"An end need not decide it: every process refuses the session {session}, and the token {token}."
