"""What a request carries: which Login, through which flow, and when its person last proved who they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from django.http import HttpRequest


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Set on the HttpRequest by the flow that authenticated it."""

    login_id: UUID
    flow: str
    authenticated_at: datetime


def put(request: HttpRequest, carried: Carried | None) -> None:
    """Set `request.carried` and `request.login_id`."""
    request.carried = carried  # type: ignore[attr-defined]
    request.login_id = carried.login_id if carried else None  # type: ignore[attr-defined]


def get(request: HttpRequest) -> Carried | None:
    """What the request carries once `request.user` was resolved, or None."""
    return getattr(request, "carried", None)


def login_id(request: HttpRequest) -> Any:
    """The id of the Login that the request is carried by (a UUID), or None."""
    carried = get(request)
    return carried.login_id if carried else None
