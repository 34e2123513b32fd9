"""What a verifier says, and how a test brings it to vouch."""

from __future__ import annotations

from uuid import UUID

from verifier import FEED, CannotVouch, Refused, Verifier

from tests.servers import RedisServer, wait_until
from tests.third_parties.parties import Issuer

BUDGET = 1.5


def says(verifier: Verifier, token: str) -> str:
    """What it says of a token."""
    try:
        verifier.verify(token)
    except Refused:
        return "refused"
    except CannotVouch:
        return "unknown"
    return "good"


def vouched(verifier: Verifier, issuer: Issuer) -> str:
    """A token that it vouches for, of a new Login."""
    access = issuer.sign_in()
    tokens: list[str] = []

    def good() -> bool:
        tokens[:] = [issuer.exchanged(access)]
        return says(verifier, tokens[0]) == "good"

    wait_until(good, what="it vouches for what was issued since", seconds=6)
    return tokens[0]


def tell(redis: RedisServer, login: UUID) -> None:
    """Write into the stream that this Login has ended."""
    with redis.client() as client:
        client.xadd(FEED, {"ended": login.bytes})
