"""The page that a run leaves: whole by itself, each drawing with the same numbers in a table beside it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is installed by `make measure`")

from authdemo.lab import report
from authdemo.lab.dial import Dial, Point
from authdemo.lab.run import Run
from tests.authdemo import findings

pytestmark = pytest.mark.nodb
LOADS = re.compile(r"<(script|link|img|iframe)|url\((?!#)|@import|\bon\w+=")


def a_point(name: str, *, added: float, worst: float) -> Point:
    """One way to be signed in."""
    return Point(
        name=name, kind="peer", added=added, low=added, high=added, seconds=worst, worst=worst, stated=False,
        ended="logout",
    )  # fmt: skip


def a_run() -> Run:
    """One that was asked for tokens, the dial and third parties."""
    points = [
        a_point("asks <b>each</b> time", added=911, worst=0),
        a_point("never asks", added=119, worst=300),
    ]
    dial = Dial(points=points, looked_up=900, remembered=100, rate=1, budget=5)
    done = dict.fromkeys(("tokens", "dial", "parties"), 1.0)
    began = datetime(2026, 11, 23, 13, 0, tzinfo=timezone.utc)
    return Run(**vars(findings.everything()), dial=dial, seconds=done, began_at=began)


class Reader(HTMLParser):
    """What can be read, and what leads where."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Each with its attributes."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """What stands between them."""
        self.texts.append(data.strip())


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = report.page(a_run())

    assert not LOADS.search(page)
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page)


def test_it_says_what_to_take_shows_the_dial_and_ends_with_the_ledger_and_the_targets() -> None:
    read = Reader(report.page(a_run()))

    for heading in ("Which to take", "The ledger of claims", "Targets", "What was measured"):
        assert heading in read.texts
    assert "Take the access token." in read.texts
    assert len([tag for tag, _attrs in read.tags if tag == "svg"]) == 2
    assert {"911.0 (911.0 to 911.0)", "5 min", "asks <b>each</b> time"} <= set(read.texts)


def test_each_dot_of_the_dial_has_the_number_of_its_row() -> None:
    dial = a_run().dial
    assert dial

    dots = report.dots(dial)

    assert [(dot.number, dot.name, dot.seconds) for dot in dots] == [
        (1, "asks <b>each</b> time", 0),
        (2, "never asks", 300),
    ]


def test_each_address_on_the_page_leads_to_one_place() -> None:
    read = Reader(report.page(a_run()))

    ids = [attrs["id"] for _tag, attrs in read.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    led = {href for _tag, attrs in read.tags if (href := attrs.get("href")) and href.startswith("#")}
    assert {f"#{name}" for name in ids} >= led
