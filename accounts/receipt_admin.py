"""Receipts in the admin: said with the page after an act, and going on while somebody has not answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import admin, messages
from django.db import connection
from django.http import HttpRequest, HttpResponse

from accounts import receipt
from accounts.receipt import Receipt
from accounts.tally import Tally

# The act waits for so long, and so does the page after it.
WAIT_SECONDS = 0.2
KEPT = "_receipt"


class ReceiptMixin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Says, after whatever an operator has sent here, which processes know of what that has ended."""

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """An action."""
        with _told(request):
            return super().changelist_view(request, *args, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Somebody was disabled, say."""
        with _told(request):
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Somebody was deleted."""
        with _told(request):
            return super().delete_view(request, *args, **kwargs)


@contextmanager
def _told(request: HttpRequest) -> Iterator[None]:
    if request.method != "POST":
        yield
        return
    with receipt.wanted() as mine:
        yield
    if mine.ended:
        tell(request, mine)


def tell(request: HttpRequest, mine: Receipt) -> None:
    """Have the next page say what is known, and go on saying it until nothing more will come.

    In a transaction around the request it cannot be known yet.
    """
    tally = mine.wait(WAIT_SECONDS)
    will_come = connection.in_atomic_block and receipt.processes_tell()
    # Whoever has ended their own Login sees no further page of the admin.
    if not request.user.is_authenticated or (tally.is_settled and not will_come):
        messages.success(request, str(tally))
    else:
        messages.success(request, tally.said)
        request.session[KEPT] = mine.token


def kept(request: HttpRequest) -> tuple[Receipt, Tally] | None:
    """The receipt that this operator waits for, and what is known now; None when there is none."""
    if not request.user.is_authenticated or KEPT not in request.session:
        return None
    mine = receipt.of(str(request.session[KEPT]))
    tally = mine.wait(WAIT_SECONDS) if mine else None
    if tally is None or tally.is_settled:
        del request.session[KEPT]
    return (mine, tally) if mine and tally else None
