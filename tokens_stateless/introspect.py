"""Introspect: whether a token is good at this very moment, for callers that must not wait for any bound."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.views.decorators.debug import sensitive_variables

from accounts import events, standing
from accounts.errors import StandingUnknown
from accounts.standing import Answer
from tokens_stateless import exchange
from tokens_stateless.errors import TokenNotValid

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tokens_stateless.clients import Client

INACTIVE = {"active": False}
TOLD = ("iss", "sub", "aud", "client_id", "scope", "act", "exp", "iat", "auth_time", "jti", "sid")


@sensitive_variables()
def tell(request: HttpRequest, client: Client, text: str) -> dict[str, Any]:
    """What a client is told of a token (RFC 7662 section 2.2); `{"active": False}` unless it is good.

    That is: for one of the client's audiences, valid, of a Login that has not ended, and of a person who has
    not changed since. The ledger is asked each time, in one statement; StandingUnknown when it cannot be.
    """
    standing.freshen()
    try:
        found, answer = _judged(text.encode("utf-8", "replace"), client)
    except TokenNotValid as error:
        events.note("authn_token_refused", request=request, reason=error.reason, client=client.pk)
        return INACTIVE
    except (DatabaseError, InterfaceError) as error:
        raise StandingUnknown from error
    if answer is Answer.STALE:
        return INACTIVE
    told = {name: found[name] for name in TOLD if name in found}
    return {"active": True, **told, "token_type": "Bearer"}


def _judged(token: bytes, client: Client) -> tuple[dict[str, Any], Answer]:
    found = exchange.read(token, audiences=client.audience_set)
    sid, sub = UUID(found["sid"]), UUID(found["sub"])
    answer = standing.check(sid, user=sub, version=found["ver"], budget=timedelta(0))
    if answer is Answer.ENDED:
        raise TokenNotValid("ended")
    return found, answer
