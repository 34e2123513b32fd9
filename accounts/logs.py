"""How a line of the log looks; not in `events`, because logging is set up before models may be imported."""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

# Of the request that is being answered (accounts/present.py); empty behind the requests and in commands.
request_id: ContextVar[str] = ContextVar("request_id", default="")

LONGEST_TEXT, LONGEST_TRACE, MOST_PARTS = 500, 20_000, 50


class JSONFormatter(logging.Formatter):
    """One JSON object per line, UTC, in ASCII; whatever a visitor typed can neither break nor swell the line.

    `event` is the name of an event; of other lines it is missing, and `message` and `logger` say the rest.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, tz=timezone.utc).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at, "level": record.levelname}
        fields = getattr(record, "event", None)
        if isinstance(fields, Mapping):
            line["event"] = record.getMessage()
        else:
            line |= {"logger": record.name, "message": _short(record.getMessage())}
            fields = {}
        line |= {"request": request_id.get()} if request_id.get() else {}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)[-LONGEST_TRACE:]
        # Ours last: no field of an event can pass for its name or its time; and first, to be read.
        return json.dumps({**line, **_small(fields), **line}, default=_text)


class LineFormatter(logging.Formatter):
    """For the eyes of a developer: a line of text that stays one, with the id of the request."""

    def format(self, record: logging.LogRecord) -> str:
        name = f" [{request_id.get()}]" if request_id.get() else ""
        line = f"{record.levelname} {record.name}{name} {visible(_short(record.getMessage()))}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class LinkFilter(logging.Filter):
    """Takes the tokens of mailed links out of what Django logs about a request, such as its path.

    And whatever in it is as long as a session key, a token's signature or a secret: somebody may have put one
    into an address.
    """

    LINK = re.compile(r"/(signup|password/reset)/[^\s?\"']+")
    LONG = re.compile(r"[A-Za-z0-9_-]{40,}")

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the link."""
        said = record.getMessage()
        told = self.LONG.sub("…", self.LINK.sub(r"/\1/…", said))
        if told != said:
            record.msg, record.args = told, ()
        return True


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _text(value: object) -> str:
    return _short(str(value))


def _small(value: Any, depth: int = 0) -> Any:
    """The same, with nothing in it that is long, wide or deep."""
    if isinstance(value, Mapping):
        if depth > 3:
            return "…"
        return {_text(key): _small(one, depth + 1) for key, one in list(value.items())[:MOST_PARTS]}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_small(one, depth + 1) for one in list(value)[:MOST_PARTS]] if depth <= 3 else "…"
    if isinstance(value, int):
        # Python itself refuses to write a number of some thousand digits.
        return value if abs(value) < 2**63 else "…"
    return value if value is None or isinstance(value, float) else _text(value)


def visible(text: str) -> str:
    """Control characters, line ends and marks of direction as they are written in a program."""
    return "".join(
        character
        if unicodedata.category(character)[0] != "C" and character not in "\u2028\u2029"
        else character.encode("unicode_escape").decode()
        for character in text
    )
