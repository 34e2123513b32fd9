"""The charts of a run: what is drawn is there as text, in colours that a page may change."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is installed by `make measure`")

from authdemo.lab import charts
from authdemo.lab.charts import Bar, Dot

pytestmark = pytest.mark.nodb


def a_dot(number: int, *, cost: float = 100, seconds: float = 0, kind: str = "peer") -> Dot:
    """One way to sign people in."""
    return Dot(number=number, name=f"way {number}", kind=kind, microseconds=cost, seconds=seconds)


def texts(drawn: str) -> list[str]:
    """What a reader can read, in order; the drawing is well-formed."""
    return [each.text or "" for each in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314


def test_every_dot_has_its_number_and_every_axis_its_unit() -> None:
    drawn = charts.dial([a_dot(41), a_dot(42, seconds=300, kind="ours")], title="The dial")

    assert {"41", "42", "The dial", "until an end is effective", "added to a request, µs"} <= set(
        texts(drawn)
    )


def test_the_colours_are_those_of_the_page_in_light_and_in_dark() -> None:
    drawn = charts.dial([a_dot(1), a_dot(2, kind="ours"), a_dot(3, kind="compromise")], title="The dial")

    assert not any(stand_in in drawn for stand_in in charts.COLOURS)
    assert set(re.findall(r"var\(--(\w+)\)", drawn)) == {"ink", "faint", "ours", "peer", "between"}
    assert "prefers-color-scheme: dark" in drawn


def test_the_same_figures_give_the_same_drawing() -> None:
    """So that a committed chart changes with its figures alone."""
    once, again = (charts.dial([a_dot(1), a_dot(2, cost=50)], title="The dial") for _time in range(2))

    assert once == again


def test_labels_of_like_costs_do_not_lie_on_each_other() -> None:
    dots = [(1.0, a_dot(number, cost=100 + number)) for number in range(5)]

    heights = [height for _at, _dot, height in charts._spread(dots)]

    assert all(high / low >= charts.APART * 0.999 for low, high in pairwise(heights))


def test_a_bar_says_its_figure() -> None:
    rows = [Bar(name="knox", kind="peer", value=1044.7, low=1022.3, high=1078.6)]

    drawn = charts.bars(rows, title="Added", unit="µs")

    assert {"knox", "1,045", "µs"} <= set(texts(drawn))
