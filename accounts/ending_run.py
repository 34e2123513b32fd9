"""Ends what an operator has chosen, for a command: shows how far it is, and stops when it is told to.

Logins that were named are ended by their ids. What a search finds is an act of accounts/endings.py, which
anybody may take up again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.core.management.base import CommandError
from django.db import Error

from accounts import endings, logins, logs, receipt
from accounts.batches import Pace
from accounts.endings import Counted, Ending
from accounts.logins import EndReason, Login, LoginQuerySet
from accounts.progress import Line, Told
from accounts.receipt import Receipt
from accounts.search import Search

if TYPE_CHECKING:
    from accounts.models import AbstractUser

STEP_SECONDS = 0.2
PIECE = 500
INTERRUPTED = 130
RESUME = "manage.py logins end --resume"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of it: `wanted` Logins were to end, of which `ended` have by now.

    `left` says why something may be left, and `again` how to go on; both are empty when all is done.
    """

    wanted: int
    ended: int
    receipt: Receipt
    ending: Ending | None = None
    left: str = ""
    again: str = ""
    code: int = 0


class Named:
    """Logins by their ids."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        self._ids = sorted(set(ids))
        self.search: Search | None = None

    def unknown(self) -> list[UUID]:
        """The ids that no Login has."""
        known = {pk for rows in self._pieces() for pk in rows.values_list("pk", flat=True)}
        return [pk for pk in self._ids if pk not in known]

    def words(self) -> str:
        """What was chosen, for people."""
        return f"{len(self._ids):,} named"

    def count(self) -> Counted:
        """What has not ended of it."""
        found = [row for rows in self._left() for row in rows.values_list("pk", "user_uuid")]
        return Counted(len(found), len({who for _pk, who in found}))

    def first(self, number: int) -> list[Login]:
        """Some that would end, the newest first."""
        found = [login for rows in self._left() for login in _newest(rows, number)]
        return sorted(found, key=lambda login: login.started_at, reverse=True)[:number]

    def end(self, counted: Counted, *, why: str, by: AbstractUser | None, line: Line, told: Told) -> Outcome:
        """End them, a batch at a time."""
        pace, done = Pace(most_each_second=endings.MOST_ENDS_EACH_SECOND), 0
        with receipt.wanted() as mine:
            while done < len(self._ids) and not told.signal:
                began, piece = time.monotonic(), self._ids[done : done + pace.size]
                with _failures(lambda: f"{mine.ended:,} logins have ended. Run it again to go on."):
                    logins.end(piece, reason=EndReason.REVOKED_BY_OPERATOR, by=by, why=why)
                done += len(piece)
                pace.took(time.monotonic() - began, rows=len(piece))
                line.show(_so_far(mine.ended, counted), count=done, share=done / len(self._ids))
                if done < len(self._ids):
                    pace.rest()
        left = f"Stopped when {_so_far(mine.ended, counted)}." if done < len(self._ids) else ""
        return Outcome(
            wanted=counted.logins, ended=mine.ended, receipt=mine, left=left,
            again="run it again" if left else "", code=128 + (told.signal or 0) if left else 0,
        )  # fmt: skip

    def _pieces(self) -> list[LoginQuerySet]:
        pieces = (self._ids[at : at + PIECE] for at in range(0, len(self._ids), PIECE))
        return [Login.objects.filter(pk__in=piece) for piece in pieces]

    def _left(self) -> list[LoginQuerySet]:
        return [rows.filter(ended_at__isnull=True) for rows in self._pieces()]


class Found:
    """Everything that a search finds."""

    def __init__(self, search: Search) -> None:
        self.search: Search | None = search
        self._search = search

    def unknown(self) -> list[UUID]:
        """Nothing was named."""
        return []

    def words(self) -> str:
        """What was chosen, for people."""
        return self._search.words()

    def count(self) -> Counted:
        """What has not ended of it."""
        return endings.count(self._search)

    def first(self, number: int) -> list[Login]:
        """Some that would end, the newest first."""
        left = self._search.matching().filter(ended_at__isnull=True, started_at__lte=self._search.at)
        return _newest(left, number)

    def end(self, counted: Counted, *, why: str, by: AbstractUser | None, line: Line, told: Told) -> Outcome:
        """Begin the act, and work on it."""
        ending = endings.begin(self._search, why=why, by=by, spared=None, counted=counted)
        return work(ending, by=by, line=line, told=told)


def work(ending: Ending, *, by: AbstractUser | None, line: Line, told: Told) -> Outcome:
    """Work on an act until it is over, or somebody stops it, here or elsewhere."""
    again, before = f"{RESUME} {ending.pk}", ending.ended
    with _failures(lambda: f"What has ended stays so; to go on: {again}"):
        while ending.goes_on:
            ending = endings.work(ending, seconds=STEP_SECONDS)
            line.show(_of(ending), count=ending.ended - before, share=ending.share)
            if told.signal and ending.goes_on:
                ending = endings.stop(ending, by=by)
                return _outcome(ending, left="Stopped", again=again, code=128 + told.signal)
    if ending.dropped_at is not None:
        return _outcome(ending, left="Somebody has left the rest alone", code=1)
    if ending.finished_at is None:
        return _outcome(ending, left="Somebody else has stopped it", again=again, code=1)
    return _outcome(ending)


def _outcome(ending: Ending, *, left: str = "", again: str = "", code: int = 0) -> Outcome:
    return Outcome(
        wanted=ending.logins, ended=ending.ended, receipt=ending.receipt, ending=ending,
        left=f"{left} when {_of(ending)}." if left else "", again=again, code=code,
    )  # fmt: skip


@contextmanager
def _failures(stands: Callable[[], str]) -> Iterator[None]:
    """What the database, or a second Ctrl-C, breaks off is said with what has been done, and how to go on."""
    try:
        yield
    except Error as error:
        raise CommandError(logs.visible(f"The database failed: {error}") + f"\n{stands()}") from None
    except KeyboardInterrupt:
        raise CommandError(f"Broken off. {stands()}", returncode=INTERRUPTED) from None


def _newest(rows: LoginQuerySet, number: int) -> list[Login]:
    return list(rows.select_related("user", "ended_by").order_by("-started_at", "-pk")[:number])


def _of(ending: Ending) -> str:
    return _so_far(ending.ended, Counted(ending.logins, ending.people))


def _so_far(ended: int, counted: Counted) -> str:
    return f"{ended:,} of {counted.logins:,} logins ended"
