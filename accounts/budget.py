"""How old the knowledge may be on which a view relies, where that is less than the project's budget."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from accounts import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

View = TypeVar("View", bound=Callable[..., Any])


def within(budget: timedelta) -> Callable[[View], View]:
    """Decorate a view, function or class, Django's or DRF's: beyond `budget` its requests ask the ledger.

    `timedelta(0)` asks every time: one statement a request, and no end is ever missed. Never more than the
    project's `standing_budget`.
    """

    def mark(view: View) -> View:
        view.standing_budget = budget  # type: ignore[attr-defined]
        return view

    return mark


def seconds_of(request: HttpRequest) -> float:
    """The budget of the view that this request was routed to; the project's before that is known."""
    chosen = conf.current().standing_budget_seconds
    match = request.resolver_match
    if match is None:
        return chosen
    view = match.func
    own: timedelta | None = getattr(view, "standing_budget", None)
    if own is None:
        # Django names the class of a view by one name, DRF's view sets by another alone.
        own = getattr(
            getattr(view, "view_class", None) or getattr(view, "cls", None), "standing_budget", None
        )
    return chosen if own is None else min(own.total_seconds(), chosen)
