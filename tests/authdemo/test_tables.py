"""What was measured, as tables."""

from __future__ import annotations

import pytest

from authdemo.lab.tables import Table, markdown

pytestmark = pytest.mark.nodb


def test_words_stand_on_the_left_and_figures_on_the_right() -> None:
    table = Table(title="Tokens", columns=("variant", "µs"), rows=[("a | b", "1.5")], notes=["It was cold."])

    assert markdown(table).splitlines() == [
        "## Tokens",
        "",
        "| variant | µs |",
        "|---|---:|",
        "| a \\| b | 1.5 |",
        "",
        "- It was cold.",
    ]
