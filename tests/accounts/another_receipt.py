"""What the second process of a test can be told about receipts: who it is, and whose statement it makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts import conf, receipt, standing, statements, stream
from accounts.witness import Witness
from tests.accounts import another
from tests.servers import wait_until


def _witness() -> Witness:
    found = standing.here()._witness
    assert found
    return found


def announce() -> dict[str, Any]:
    """Serve a request, and return once the process has said that it is there."""
    standing.freshen()
    key, field = conf.current().feed_key, _witness()._field
    question = ("HEXISTS", statements.name_of_processes(key), field)
    nodes = stream.nodes(conf.current().feed_url)
    wait_until(lambda: nodes.at(key, lambda link: link.ask(*question))[0], what="Redis has heard of it")
    return {"field": field.hex(), "name": str(statements.this_process())}


def said() -> None:
    """Return once it has said something again."""
    before = _witness().moment
    wait_until(lambda: _witness().moment != before, what="the next statement")


def end(*ids: str) -> str:
    """End these here; the token of the receipt."""
    with receipt.wanted() as mine:
        another.end(*ids)
    return mine.token


def look(token: str) -> int:
    """How many know, as it is told here."""
    found = receipt.of(token)
    assert found
    return found.look().knowing


VERBS: dict[str, Callable[..., object]] = {"announce": announce, "said": said, "end": end, "look": look}
