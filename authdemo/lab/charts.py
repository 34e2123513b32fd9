"""The charts of a run, as SVG that is legible on a light page and on a dark one.

Drawn by matplotlib in stand-in colours, which then become the style sheet's: text stays text, and a reader's
choice of light or dark goes before ours. Whatever they show stands in a table beside them, too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

# What matplotlib draws in, and the style sheet's name for it with its colour on light and on dark.
INK, FAINT, OURS, PEER, BETWEEN = "#010101", "#020202", "#030303", "#040404", "#050505"
COLOURS = {
    INK: ("ink", "#1b1f24", "#e8eaed"),
    FAINT: ("faint", "#c9ced6", "#454c56"),
    OURS: ("ours", "#0b6b3a", "#5fd394"),
    PEER: ("peer", "#8a3ffc", "#be95ff"),
    BETWEEN: ("between", "#5c6670", "#aab2bd"),
}
STYLE = {
    # It comes with matplotlib, is as wide as any, and makes way for the page's own in `_svg`.
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "svg.fonttype": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
}
MARKS = {"ours": ("D", OURS), "peer": ("o", PEER), "compromise": ("s", BETWEEN)}
# An end that is effective at the next request has no place on a logarithmic axis; this is the left edge.
AT_ONCE_SECONDS = 1e-4
TIMES: Mapping[float, str] = {
    AT_ONCE_SECONDS: "the next\nrequest", 1e-3: "1 ms", 1e-2: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s",
    60: "1 min", 300: "5 min", 3600: "1 h", 86_400: "1 day", 1_209_600: "14 days",
}  # fmt: skip
# Labels closer than this, as a factor on the axis of costs, would lie on each other.
APART = 1.17


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One way to sign people in: what a request costs (µs), and how soon an end is effective (seconds)."""

    number: int
    name: str
    kind: str
    microseconds: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One figure between its bounds."""

    name: str
    kind: str
    value: float
    low: float
    high: float


def dial(dots: Sequence[Dot], *, title: str) -> str:
    """The cost of a request against the time until an end is effective, both logarithmic, by number."""
    with _figure(width=9, height=6) as (figure, axes):
        axes.set(xscale="log", yscale="log", title=title)
        axes.set_xlabel("until an end is effective")
        axes.set_ylabel("added to a request, µs")
        placed = [(max(dot.seconds, AT_ONCE_SECONDS), dot) for dot in dots]
        for kind, (mark, colour) in MARKS.items():
            here = sorted((at, dot.microseconds) for at, dot in placed if dot.kind == kind)
            if here:
                line = "-" if kind == "compromise" else ""
                axes.plot(*zip(*here, strict=True), mark, linestyle=line, color=colour, label=kind, ms=7)
        labels = list(_spread(placed))
        for at, dot, height in labels:
            axes.annotate(
                str(dot.number),
                (at, dot.microseconds),
                xytext=(at * 1.35, height),
                color=MARKS[dot.kind][1],
                fontweight="bold",
                va="center",
            )
        axes.xaxis.set_major_locator(FixedLocator(list(TIMES)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _place: TIMES.get(at, "")))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda cost, _place: f"{cost:,g}"))
        axes.set_xlim(AT_ONCE_SECONDS / 2, max(TIMES) * 4)
        lowest = min((dot.microseconds for dot in dots), default=1)
        axes.set_ylim(lowest / 1.6, max((height for _at, _dot, height in labels), default=100) * 1.2)
        axes.grid(visible=True)
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3)
        return _svg(figure, title=title)


def bars(rows: Sequence[Bar], *, title: str, unit: str) -> str:
    """Figures with their intervals, one below the other, from nought."""
    with _figure(width=9, height=0.9 + 0.36 * len(rows)) as (figure, axes):
        axes.set(title=title, xlabel=unit)
        places = range(len(rows))
        errors = [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
        colours = [MARKS[row.kind][1] for row in rows]
        axes.barh(places, [row.value for row in rows], color=colours, height=0.62)
        axes.errorbar(
            [row.value for row in rows], places, xerr=errors, fmt="none", ecolor=INK, elinewidth=1, capsize=3
        )
        most = max((row.high for row in rows), default=1)
        for place, row in zip(places, rows, strict=True):
            axes.text(row.high + most * 0.015, place, f"{row.value:,.4g}", va="center")
        axes.set_yticks(places, [row.name for row in rows])
        axes.set_xlim(0, most * 1.12)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="x")
        axes.set_axisbelow(True)
        return _svg(figure, title=title)


def _spread(placed: Sequence[tuple[float, Dot]]) -> Iterator[tuple[float, Dot, float]]:
    """Heights for the labels of dots, so that of those side by side none lies on another."""
    last: dict[int, float] = {}
    for at, dot in sorted(placed, key=lambda one: one[1].microseconds):
        column = list(TIMES).index(min(TIMES, key=lambda time: abs(time / at - 1)))
        height = max(dot.microseconds, last.get(column, 0) * APART)
        last[column] = height
        yield at, dot, height


@contextmanager
def _figure(*, width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def _svg(figure: Figure, *, title: str) -> str:
    """The drawing alone, to stand in a page or in a file of its own."""
    written = io.StringIO()
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    # The names of its marks: the same each time, and no other drawing's.
    mpl.rcParams["svg.hashsalt"] = title
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    drawn = written.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    # Beside a metadata block, matplotlib gives a size in points; a page gives it the room there is.
    drawn = re.sub(r"\s*<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' (?:width|height)="[\d.]+pt"', "", drawn, count=2)
    # Its groups are numbered in each drawing from one; nothing refers to them, and a page has several.
    drawn = re.sub(r' id="[a-zA-Z0-9.]+_\d+"', "", drawn)
    drawn = drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
    for colour, (name, _light, _dark) in COLOURS.items():
        drawn = drawn.replace(colour, f"var(--{name})")
    drawn = drawn.replace("'DejaVu Sans'", "system-ui, sans-serif")
    return drawn.replace("<defs>", f"<style>{_sheet()}</style>\n <defs>", 1)


def _sheet() -> str:
    light = " ".join(f"--{name}: {colour};" for name, colour, _dark in COLOURS.values())
    dark = " ".join(f"--{name}: {colour};" for name, _light, colour in COLOURS.values())
    return f"svg {{ {light} }} @media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}"
