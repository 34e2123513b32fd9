"""End: at sign-out the Login ends, then its session; a Login ended elsewhere takes its session along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from accounts import logins
from accounts.logins import EndReason
from sessions_stateful import fast
from sessions_stateful.store import SessionStore, front

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser


def kill(login_ids: Sequence[UUID]) -> None:
    """The flow's `end`: kill what is stored for these Logins, inside the transaction that ends them."""
    front().delete_of(login_ids)


def renew(login_ids: Sequence[UUID]) -> None:
    """The flow's `seen`: copies of sessions that are in use vouch for another while."""
    if front() is fast:
        fast.renew(login_ids)


def horizon() -> timedelta:
    """The flow's horizon. A session read from the database is no copy, and vouches for no time."""
    return fast.horizon() if front() is fast else timedelta(0)


def end_login(*, request: HttpRequest | None, user: AbstractUser | None, **_kwargs: Any) -> None:
    """Receives `user_logged_out`, which Django sends before it flushes the session."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore) and session.user() is not None and session.login_id:
        logins.end([session.login_id], reason=EndReason.LOGOUT, by=user, request=request)
        session.unbind()
