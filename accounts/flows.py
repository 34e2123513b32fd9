"""What a flow is to the rest of the house: a name, and how what carries its Logins is killed.

A third flow registers itself here and is listed, ended and measured like the two that are built in
(docs/adding-a-flow.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from accounts.logins import Login
    from accounts.story import Moment


def _nothing(_logins: Sequence[UUID]) -> None:
    pass


def _no_story(_login: Login) -> Iterable[Moment]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One way to carry a Login.

    `end` is called with Login ids inside the transaction that ends them, after the Login rows were locked; it
    must make whatever carries them useless, and must not fail when there is nothing. `horizon` tells how long
    a copy of a Login that this flow hands out may vouch after it was made from the ledger. `clean` takes away
    what has expired and carries no live Login, in small transactions (accounts/batches.py); it yields how
    many after each. `staff_limits` tells the longest idle and absolute timeouts that the Login of an operator
    may have. `seen` is called behind the requests, after their Logins were written as seen, at most once a
    minute for each. `story` tells what this flow remembers of a Login besides its events
    (accounts/story.py), in a fixed number of statements and a bounded number of moments; events named in
    `tells` are among these.
    """

    name: str
    label: StrOrPromise
    end: Callable[[Sequence[UUID]], None]
    horizon: Callable[[], timedelta]
    clean: Callable[[], Iterable[int]] = tuple
    staff_limits: Callable[[], tuple[timedelta, timedelta]] | None = None
    seen: Callable[[Sequence[UUID]], None] = _nothing
    story: Callable[[Login], Iterable[Moment]] = _no_story
    tells: frozenset[str] = frozenset()


_flows: dict[str, Flow] = {}


def register(flow: Flow) -> None:
    """Make a flow known; called once from its app's `ready()`. The same name again replaces it."""
    _flows[flow.name] = flow


def get(name: str) -> Flow | None:
    """The flow of this name, or None when its app is not installed (any more)."""
    return _flows.get(name)


def registered() -> list[Flow]:
    """All flows, in the order in which they were registered."""
    return list(_flows.values())


def choices() -> list[tuple[str, StrOrPromise]]:
    """Names and labels, for forms and filters."""
    return [(flow.name, flow.label) for flow in _flows.values()]


def horizon() -> timedelta:
    """How long any copy of any Login may vouch: the longest horizon of all flows, a minute at least."""
    return max([timedelta(minutes=1), *(flow.horizon() for flow in _flows.values())])
