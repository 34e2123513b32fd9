"""Ways that stand between asking each time and never asking: the usual compromise, and our budget of nothing.

The compromise is simplejwt with its blacklist, where what was looked up of a token is remembered for a while.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError

from authdemo.lab import peers, ways
from authdemo.lab.way import Way
from tokens_stateless.authenticate import TokenAuthentication

ZERO = "this project, token, budget of 0"
# Every so many seconds; 0 is each time.
AGES = (0.0, 0.5, 1.0, 5.0, 60.0, 300.0)


def every(seconds: float) -> str:
    """The name of the compromise that looks up at most every so many seconds."""
    return f"simplejwt with blacklist, looked up every {seconds:g} s"


def remembering(seconds: float) -> Way:
    """Verify the signature each time; look the blacklist and the person up when that was so long ago."""
    known: dict[str, tuple[float, Any]] = {}
    plain, listed = peers.classes()

    def validated(_self: JWTAuthentication, raw: bytes) -> Any:
        try:
            return plain(raw)
        except TokenError as error:
            raise InvalidToken from error

    def user(self: JWTAuthentication, token: Any) -> Any:
        now = time.monotonic()
        good_until, person = known.get(token["jti"], (0.0, None))
        if now >= good_until:
            known.pop(token["jti"], None)
            try:
                listed.check_blacklist(token)
            except TokenError as error:
                raise InvalidToken from error
            person = JWTAuthentication.get_user(self, token)
            known[token["jti"]] = (now + seconds, person)
        return person

    kind = type("Remembering", (JWTAuthentication,), {"get_validated_token": validated, "get_user": user})
    name = every(seconds)
    return Way(slug=f"every-{seconds:g}", name=name, authentication=kind, header=_header)


def asking() -> Way:
    """Ours, with each request asking the ledger itself."""
    before = next(way for way in ways.ways() if way.name == ways.BEFORE)
    return Way(
        slug="budget-0",
        name=ZERO,
        authentication=TokenAuthentication,
        header=before.header,
        budget=timedelta(0),
    )


def _header(user: Any) -> str:
    return f"Bearer {peers.signed(user)}"
