"""Every door that takes a token, in one place: `reasons` (conftest) sends what is forged to each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.tokens_stateless import doors
from tests.tokens_stateless.callers import Party


@dataclass(frozen=True, kw_only=True)
class Door:
    """How a token is sent to a door, and what is answered to one that is not good."""

    send: Callable[[str], Any]
    status: int = 401
    # The `code` of a problem, or else the whole body.
    code: str | None = "token_not_valid"
    body: object = None
    # Which tokens could be good there: of access, for refreshing, or both.
    takes: str = "access"


REFRESH = Door(send=doors.refresh, takes="refresh")


def every_door(caller: Party) -> dict[str, Door]:
    """By name; `caller` is the client at the doors where one must be."""
    nothing: dict[str, Any] = {"status": 200, "code": None, "body": {}}
    return {
        "a view of either flow": Door(send=doors.me),
        "a view": Door(send=doors.logins),
        "the password again": Door(send=doors.again),
        "verify": Door(send=doors.verify),
        "refresh": REFRESH,
        "refresh, by cookie": Door(send=partial(doors.by_cookie, "/api/token/refresh/"), takes="refresh"),
        "revoke": Door(send=doors.revoke, takes="both", **nothing),
        "revoke, by cookie": Door(
            send=partial(doors.by_cookie, "/api/token/revoke/"), takes="both", **nothing
        ),
        "revoke, by a client": Door(send=caller.revoke, **nothing),
        "introspect": Door(send=caller.introspect, **{**nothing, "body": {"active": False}}),
        "exchange": Door(send=caller.exchange, status=400),
    }
