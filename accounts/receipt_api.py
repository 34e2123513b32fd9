"""Receipts over the API: with the answer for whoever prefers one (RFC 7240), and later at an address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.http import Http404
from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import receipt
from accounts.serializers import ReceiptSerializer

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from rest_framework.request import Request

    from accounts.models import AbstractUser
    from accounts.receipt import Receipt
    from accounts.tally import Tally

T = TypeVar("T")

WANTED = "return=representation"
WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.3, 1.0

PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description=f"`{WANTED}` asks for a receipt; `wait=` waits for that, so many seconds, 1 at most.",
)


def ended(request: Request, end: Callable[[], T], *, plain: Callable[[T], Response]) -> Response:
    """End some Logins, and answer the receipt to whoever prefers one; `plain` answers anybody else."""
    seconds = _preferred(request.headers.get("Prefer", ""))
    if seconds is None:
        return plain(end())
    # Who it is: whoever has ended this very session is nobody afterwards.
    user = request.user
    with receipt.wanted() as mine:
        end()
    told = _told(user, mine, mine.wait(seconds))
    return Response(told, headers={"Preference-Applied": WANTED})


def _preferred(header: str) -> float | None:
    """How long somebody would wait for a receipt; None for whoever wants none."""
    said = dict(_preference(one) for one in reversed(header.lower().split(",")))
    if said.get("return") != "representation":
        return None
    wait = said.get("wait", "")
    return min(float(wait), LONGEST_WAIT_SECONDS) if wait.isascii() and wait.isdigit() else WAIT_SECONDS


def _preference(text: str) -> tuple[str, str]:
    name, _equals, value = text.partition(";")[0].partition("=")
    return name.strip(), value.strip().strip('"')


def _told(user: AbstractUser | AnonymousUser, mine: Receipt, tally: Tally) -> dict[str, Any]:
    is_operator = user.has_perm("accounts.end_login")
    # Hosts and process ids are the operators' business.
    shown = tally if is_operator else replace(tally, silent=())
    return {
        "ended": tally.ended,
        "known": tally.knowing,
        "processes": tally.processes,
        "slowest_ms": None if tally.slowest is None else tally.slowest.total_seconds() * 1000,
        "silent": [str(one) for one in tally.silent] if is_operator else None,
        "bound_seconds": tally.bound.total_seconds(),
        "at_most_seconds": tally.at_most.total_seconds(),
        "settled": tally.is_settled,
        "text": shown.knowledge,
        "receipt": reverse("api-receipt", args=[mine.token]),
    }


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class ReceiptView(APIView):
    """GET /api/receipts/<token>/"""

    @extend_schema(operation_id="receipts_read", responses=ReceiptSerializer, tags=["logins"])
    def get(self, request: Request, token: str) -> Response:
        """How many processes know of what I have ended, and after how long; kept for two minutes."""
        mine = receipt.of(token)
        if mine is None:
            raise Http404
        return Response(_told(request.user, mine, mine.look()))
