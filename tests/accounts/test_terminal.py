"""What a command writes fits its terminal, and nothing in it moves the cursor or breaks the line."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.core.management.base import OutputWrapper

from accounts import terminal
from accounts.terminal import Column

pytestmark = pytest.mark.nodb

COLUMNS = (Column("id", 4, 4), Column("who", 6, 30), Column("more", 6, 10, rank=1))
EVIL = "a\x1b[31mred\x07\r\n\t\u202etxt\u2028\x9b\x7f"


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def table(width: int, rows: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    screen = Screen()
    terminal.put_table(OutputWrapper(screen), COLUMNS, rows)
    return screen.getvalue().splitlines()


@pytest.mark.parametrize("width", [1, 10, 14, 22, 40, 200])
def test_no_line_is_wider_than_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = table(width, [["1234", "w" * 50, "m" * 50], ["1", "漢字" * 20, "e\u0301" * 30]], monkeypatch)

    assert max(map(terminal.cells, lines)) <= width
    assert len(lines) == 3


def test_what_has_no_room_is_left_out_and_what_is_cut_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["1234", "alice@example.com", "Firefox"]]

    assert table(16, rows, monkeypatch) == ["id    who", "1234  alice@exa…"]
    assert table(27, rows, monkeypatch)[1] == "1234  alice@exampl…  Firef…"
    assert table(80, rows, monkeypatch) == [
        "id    who                more",
        "1234  alice@example.com  Firefox",
    ]


def test_a_row_that_comes_late_keeps_to_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = table(80, [["1", "bob", "x"]] * terminal.FIRST_ROWS + [["12345", "somebody", "y"]], monkeypatch)

    assert lines[0] == "id    who                             more"
    assert lines[-1] == "123…  somebody                        y"


def test_a_table_of_nothing_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert table(80, [], monkeypatch) == []


@pytest.mark.parametrize("put", ["tabs", "table", "line"])
def test_what_a_stranger_chose_stays_text_in_its_line(put: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    screen = Screen()
    out = OutputWrapper(screen)

    if put == "tabs":
        terminal.put_tabs(out, ["id", EVIL])
    elif put == "table":
        terminal.put_table(out, COLUMNS[:2], [["id", EVIL]])
    else:
        terminal.put_line(out, EVIL)

    written = screen.getvalue()
    assert not set("\x1b\x07\r\u202e\u2028\x9b\x7f") & set(written)
    assert (written.count("\n"), written.count("\t")) == (2 if put == "table" else 1, int(put == "tabs"))
    assert r"a\x1b[31mred" in written


def test_an_encoding_that_lacks_a_letter_gets_an_escape() -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii")

    terminal.put_tabs(OutputWrapper(narrow), ["Zoë…"])
    narrow.flush()

    assert raw.getvalue() == b"Zo\\xeb\\u2026\n"


def test_instants_are_written_in_utc() -> None:
    at = datetime(2026, 11, 23, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    screen = Screen()

    terminal.put_json(OutputWrapper(screen), {"at": at, "who": "Zoë\n"})

    assert screen.getvalue() == '{"at": "2026-11-22T23:00:30Z", "who": "Zo\\u00eb\\n"}\n'
    assert terminal.written(at) == "2026-11-22 23:00:30"
