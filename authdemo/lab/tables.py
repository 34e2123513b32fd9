"""What was measured, as tables: one form for the terminal, the report and the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under their columns, of which the first few are words and the rest figures; notes stand below.

    Every cell is text already: whoever measured knows how many digits of it mean something.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    notes: Sequence[str] = ()


def markdown(table: Table) -> str:
    """The table in Markdown, under a heading of its own."""
    lines = [f"## {table.title}", "", _line(table.columns)]
    lines.append(
        "|" + "|".join("---" if at < table.words else "---:" for at in range(len(table.columns))) + "|"
    )
    lines += [_line(row) for row in table.rows]
    lines += ["", *(f"- {note}" for note in table.notes)] if table.notes else []
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
