"""A run as one page that can be sent to somebody: no other file, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from authdemo.lab import advice, charts, claims, shown, targets
from authdemo.lab.charts import Bar, Dot
from authdemo.lab.dial import Dial
from authdemo.lab.measure import Result
from authdemo.lab.parts import PARTS, Part
from authdemo.lab.run import Run
from authdemo.lab.tables import Table

DIAL = "What a request costs, against the time until an end is effective"
ADDED = {
    "tokens": "Added to a request with a token, µs (99 %)",
    "sessions": "Added to a request with a session cookie, µs (99 %)",
}


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one part found: drawings first, and the same numbers in tables beside them."""

    name: str
    title: str
    tables: Sequence[Table]
    drawings: Sequence[SafeString] = ()


def page(run: Run) -> str:
    """The page, for what was done of the run, in HTML."""
    sections = {part.name: _section(run, part) for part in PARTS if part.name in run.seconds}
    first = [sections.pop(name) for name in ("dial",) if name in sections]
    context = {
        "run": run,
        "where": run.where().splitlines(),
        "cases": advice.given(run),
        "first": first,
        "claims": claims.tables(claims.rows(run)),
        "sections": list(sections.values()),
        "targets": targets.tables(run, is_whole=True),
    }
    return render_to_string("authdemo/report.html", context)


def _section(run: Run, part: Part) -> Section:
    found = getattr(run, part.name.replace("-", "_"))
    # Our own drawing, of our own names and figures; matplotlib escapes what it writes.
    drawings = [mark_safe(drawn) for drawn in _drawn(run, part.name)]  # noqa: S308
    return Section(name=part.name, title=part.title, tables=part.tables(found), drawings=drawings)


def _drawn(run: Run, name: str) -> Iterator[str]:
    if name == "dial" and run.dial:
        yield charts.dial(dots(run.dial), title=DIAL)
    if name in ADDED:
        yield charts.bars(list(_bars(getattr(run, name))), title=ADDED[name], unit="µs")


def dots(dial: Dial) -> list[Dot]:
    """The points of the dial, with the numbers that they have in its table."""
    return [
        Dot(
            number=number,
            name=point.name,
            kind=point.kind,
            microseconds=max(point.added, 1.0),
            seconds=point.worst,
        )
        for number, point in enumerate(dial.points, start=1)
    ]


def _bars(results: Sequence[Result]) -> Iterator[Bar]:
    peers = {one.name for one in shown.peers(results)}
    kinds: Mapping[bool, str] = {True: "peer", False: "compromise"}
    for one in results:
        if one.floor and not one.is_control:
            kind = "ours" if shown.OURS in one.name else kinds[one.name in peers]
            yield Bar(name=one.name, kind=kind, value=one.added, low=one.low, high=one.high)
