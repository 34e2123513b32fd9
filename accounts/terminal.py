"""What a command writes: tables and lines for a terminal, tabs or JSON for whatever reads a pipe.

Whoever signs in chooses words that are written here, so nothing of it reaches a terminal that would move its
cursor, change its colours or turn its text round.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import chain, islice
from typing import Any, NamedTuple
from uuid import UUID

from django.core.management.base import OutputWrapper

from accounts import logs

GAP = "  "
# By so many rows it is decided how wide a column is.
FIRST_ROWS = 50
# As of a program that a broken pipe has ended.
BROKEN_PIPE = 141


class Column(NamedTuple):
    """One of a table: `least` cells wide, and no wider than `most`; of a high `rank` it is left out first."""

    title: str
    least: int
    most: int
    rank: int = 0


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """Whoever reads what we write may stop to (`| head`): that ends the command, without a word."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would try once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE) from None


def width() -> int:
    """How many cells a line of the terminal has; COLUMNS goes before what it says itself."""
    return shutil.get_terminal_size().columns


def put(out: OutputWrapper, line: str) -> None:
    """Write a line that has been made harmless; what the terminal's encoding does not have, as an escape."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    out.write(line.encode(encoding, "backslashreplace").decode(encoding))


def put_json(out: OutputWrapper, value: Mapping[str, Any]) -> None:
    """Write a JSON object in one line of ASCII; instants in UTC."""
    out.write(json.dumps(value, default=_plain))


def put_tabs(out: OutputWrapper, values: Iterable[Any]) -> None:
    """Write values with a tab between; in none of them is another."""
    put(out, "\t".join(logs.visible(written(value)) for value in values))


def put_table(out: OutputWrapper, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> int:
    """Write rows as a table that fits the terminal, each as it comes; returns how many there were."""
    texts = ([logs.visible(written(value)) for value in row] for row in rows)
    first = list(islice(texts, FIRST_ROWS))
    room = width()
    widths = _widths(columns, first, room)
    count = 0
    for row in chain([[column.title for column in columns]] if first else [], first, texts):
        cut_row = [fit(text, wide) for text, wide in zip(row, widths, strict=True) if wide]
        put(out, fit(GAP.join(cut_row), room).rstrip())
        count += 1
    return max(0, count - 1)


def put_line(out: OutputWrapper, line: str) -> None:
    """Write a text in one line; on a terminal only as much of it as fits."""
    line = logs.visible(line)
    put(out, fit(line, width()).rstrip() if out.isatty() else line)


def written(value: Any) -> str:
    """A value as text: instants to the second in UTC, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"
    return str(value)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    # Lazy texts of translations; what else there is has a text, too.
    return str(value)


def cells(text: str) -> int:
    """How many cells of a terminal a harmless text takes."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def fit(text: str, wide: int) -> str:
    """Just so many cells: filled up with spaces, or cut, and then with an ellipsis at the end."""
    taken = cells(text)
    if taken > wide:
        kept, taken = "", 0
        for character in text:
            if taken + _cell(character) > wide - 1:
                break
            kept, taken = kept + character, taken + _cell(character)
        text, taken = kept + "…", taken + 1
    return text + " " * (wide - taken)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """The width of each column, 0 for one that is left out; all of them at their least if need be."""
    wanted = [
        min(column.most, max([cells(column.title), *(cells(row[number]) for row in rows)]))
        for number, column in enumerate(columns)
    ]
    least = [min(column.least, wide) for column, wide in zip(columns, wanted, strict=True)]
    for number in sorted(range(len(columns)), key=lambda each: -columns[each].rank):
        if _taken(least) <= room or columns[number].rank == 0:
            break
        least[number] = wanted[number] = 0
    # What is left goes to what was seen to need it, and to what may come, if more may.
    most = [column.most if wide else 0 for column, wide in zip(columns, wanted, strict=True)]
    for aims in (wanted, most) if len(rows) == FIRST_ROWS else (wanted,):
        for number, wide in enumerate(aims):
            least[number] += max(0, min(wide - least[number], room - _taken(least)))
    return least


def _taken(widths: Iterable[int]) -> int:
    shown = [wide for wide in widths if wide]
    return sum(shown) + len(GAP) * (len(shown) - 1)
