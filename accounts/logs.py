"""How an event looks in the log; not in `events`, because logging is set up before models may be imported."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timezone


class JSONFormatter(logging.Formatter):
    """One JSON object per line, UTC; whatever a visitor typed cannot break the line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, tz=timezone.utc).isoformat(timespec="milliseconds")
        fields = getattr(record, "event", {})
        return json.dumps(
            {"at": at, "level": record.levelname, "event": record.getMessage(), **fields}, default=str
        )


class LinkFilter(logging.Filter):
    """Takes the tokens of mailed links out of what Django logs about a request, such as its path."""

    LINK = re.compile(r"/(signup|password/reset)/[^\s?\"']+")

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the link."""
        if self.LINK.search(record.getMessage()):
            record.msg, record.args = self.LINK.sub(r"/\1/…", record.getMessage()), ()
        return True
