"""Which index answers what a list is asked for, so that each page costs the same at any number of rows.

Few rows are read as they are and put in any order. Many are walked along an index that has them in the order
of the list, as much of the search as possible being stretches of it; what is left of it is asked of each row,
and the look for more is given up after `paging.LOOK` rows (docs/decisions/0021-lists-at-a-million-rows.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from accounts import fence
from accounts.events import Event
from accounts.logins import Login
from accounts.paging import FEW, Along, Stretch, Walk
from accounts.people import email_key
from accounts.search import Search, email_begins

# So many people are named one by one.
FEW_PEOPLE = 200
COLUMNS = {"started": "started_at", "seen": "seen_at", "expires": "expires_at"}
NOT_ENDED = Q(ended_at__isnull=True)
ENDED = Q(ended_at__isnull=False)
NOTHING = Q(pk__in=[])
# The values of a person's flags that few people have, each with an index in the order of the addresses.
RARE = {"is_staff": True, "is_superuser": True, "is_active": False}


def sorts(search: Search) -> tuple[str, ...]:
    """By what a list of these may be sorted: by "seen" and "expires" an index has what has not ended."""
    if search.state in ("live", "expired") or search.idle is not None:
        return tuple(COLUMNS)
    return ("started",)


def walk(search: Search, *, by: str = "started", is_descending: bool = True) -> Walk:
    """The way to what is looked for, in the order of `by` (by the sign-in, where that is not among `sorts`).

    At most four statements: for people, flows, idle timeouts, and for how many rows each condition leaves.
    """
    by = by if by in sorts(search) else "started"
    if _is_impossible(search):
        return Walk(model=Login, along=Along(COLUMNS[by]), wanted=NOTHING, few=Along("pk", ()))
    ways = _Ways(search)
    rest = search.given().keys() - ways.met(by)
    few = ways.few() if rest else None
    return Walk(
        model=Login,
        along=Along(COLUMNS[by], () if few else ways.along(by)),
        is_descending=is_descending,
        wanted=ways.wanted(),
        is_exact=not rest,
        few=few,
        counted=ways.counted(),
    )


def _is_impossible(search: Search) -> bool:
    """What has ended is neither live nor idle."""
    has_ended = search.state == "ended" or search.reason is not None
    return has_ended and (search.state in ("live", "expired") or search.idle is not None)


class _Ways:
    """What the indexes have to offer for one search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._conditions = {
            name: Search(at=search.at, **{name: value}).condition() for name, value in search.given().items()
        }

    @cached_property
    def people(self) -> list[Any] | None:
        """The keys of the few whose Logins are looked for; None for anybody, or for too many to be named."""
        search, users = self._search, get_user_model()._base_manager.all()
        if search.person is not None:
            users = users.filter(**{users.model.PUBLIC_ID_FIELD: search.person})
        if search.email is not None:
            users = users.filter(email_begins(search.email))
        if search.staff:
            users = users.filter(is_staff=True)
        elif search.person is None and search.email is None:
            return None
        found = list(users.order_by("email_key").values_list("pk", flat=True)[: FEW_PEOPLE + 1])
        return found if len(found) <= FEW_PEOPLE else None

    @cached_property
    def _idle(self) -> tuple[Stretch, ...]:
        """What has not ended (what is idle, if that is asked for), by idle timeout."""
        held = self._conditions.get("idle", NOT_ENDED)
        timeouts = fence.distinct(Login, "idle_timeout", NOT_ENDED)
        return tuple(Stretch(held & Q(idle_timeout=each)) for each in timeouts)

    @cached_property
    def _started(self) -> tuple[Stretch, ...]:
        """What has started when it should, in each state and flow that is asked for."""
        search = self._search
        is_live = search.state in ("live", "expired") or search.idle is not None
        has_ended = search.state == "ended" or search.reason is not None
        sides = (NOT_ENDED,) if is_live else (ENDED,) if has_ended else (NOT_ENDED, ENDED)
        return tuple(
            Stretch(side & Q(flow=flow) & self._bounds)
            for side in sides
            for flow in ([search.flow] if search.flow else fence.distinct(Login, "flow", side))
        )

    @cached_property
    def _bounds(self) -> Q:
        bounds = self._conditions.get("since", Q()) & self._conditions.get("before", Q())
        if self._search.idle is not None:
            # Nobody was seen last before they signed in; without this the newest would be read in vain.
            bounds &= Q(started_at__lte=self._search.at - self._search.idle)
        return bounds

    def wanted(self) -> Q:
        """The whole search. Whose a row is, is looked up for each: a join might begin with all people."""
        wanted = Q()
        for name, condition in self._conditions.items():
            if name not in ("email", "staff", "person"):
                wanted &= condition
        whose = get_user_model()._base_manager.filter(pk=OuterRef("user_id"))
        if self.people is not None:
            wanted &= Q(user_id__in=self.people)
        elif self._search.email is not None:
            wanted &= Q(user_id=Subquery(whose.filter(email_begins(self._search.email)).values("pk")[:1]))
        if self._search.staff is not None and not (self._search.staff and self.people is not None):
            wanted &= Q(user_id=Subquery(whose.filter(is_staff=self._search.staff).values("pk")[:1]))
        return wanted

    def along(self, by: str) -> tuple[Stretch, ...]:
        """Where all that is wanted stands in this order."""
        held = self._conditions
        if by == "seen":
            return self._idle
        if by == "expires":
            return (Stretch(held.get("state", NOT_ENDED)),)
        if (name := self._leading) is not None:
            return (Stretch(held[name] & self._bounds),)
        return self._started

    def met(self, by: str) -> set[str]:
        """Which of the conditions hold for each row there."""
        if by == "seen":
            return {"idle"}
        if by == "expires":
            return {"state"}
        bounded = {"since", "before"}
        if (name := self._leading) is not None:
            return {name, *bounded} | ({"state"} if name == "reason" else set())
        return {"flow", *bounded} | ({"state"} if self._search.state == "ended" else set())

    @property
    def _leading(self) -> str | None:
        """The condition whose rows an index has in the order of their start."""
        if self._search.address is not None and "/" not in self._search.address:
            return "address"
        return "reason" if self._search.reason is not None else None

    def few(self) -> Along | None:
        """Where all that is wanted stands, and few others, if one of the conditions sees to that."""
        ways = list(self._ways())
        rows = Login._base_manager.all()
        counts = fence.counts([way.parts(rows) for way in ways], limit=FEW)
        fewest = min(range(len(ways)), key=lambda number: counts[number], default=None)
        return ways[fewest] if fewest is not None and counts[fewest] < FEW else None

    def _ways(self) -> Iterator[Along]:
        """For each condition where its rows stand, in the order of some index."""
        search, held = self._search, self._conditions
        if self.people is not None:
            yield Along("user_id", (Stretch(Q(user_id__in=self.people)),))
        for name, column in (("login", "pk"), ("address", "address"), ("reason", "started_at")):
            if name in held:
                yield Along(column, (Stretch(held[name]),))
        if search.state in ("live", "expired"):
            yield Along("expires_at", (Stretch(held["state"]),))
        if "idle" in held:
            yield Along("seen_at", self._idle)
        if {"flow", "since", "before"} & set(held) or search.state == "ended":
            yield Along("started_at", self._started)

    def counted(self) -> Along | None:
        """Where just what is wanted stands, in another order, if one condition says it all."""
        given, held = set(self._conditions), self._conditions
        if given == {"state"} and self._search.state != "ended":
            return Along("expires_at", (Stretch(held["state"]),))
        if given == {"idle"}:
            return Along("seen_at", self._idle)
        if given == {"address"}:
            return Along("address", (Stretch(held["address"]),))
        return None


def people(text: str, flags: Mapping[str, bool], *, is_descending: bool = False) -> Walk:
    """The way to people by the beginning of their address or by their id, in the order of the addresses."""
    users = get_user_model()._base_manager.all()
    whole = Q(**flags)
    if uuid := _uuid(text):
        found = Q(**{users.model.PUBLIC_ID_FIELD: uuid})
        few = Along("pk", (Stretch(found),))
        return Walk(model=users.model, along=Along("email_key"), wanted=found & whole, few=few)
    met = {name for name, value in flags.items() if RARE[name] is value}
    where = Q(**{name: RARE[name] for name in sorted(met)[:1]})
    if not text.strip():
        along = Along("email_key", (Stretch(where),))
        is_exact = len(flags) <= 1 and set(flags) == met
        return Walk(
            model=users.model, along=along, is_descending=is_descending, wanted=whole, is_exact=is_exact
        )
    begins = email_begins(text)
    few = Along("email_key", (Stretch(begins),))
    return Walk(
        model=users.model,
        # A beginning comes before what goes on, in the order of any language; few need no order.
        along=Along("email_key", (Stretch(where & Q(email_key__gte=email_key(text))),)),
        is_descending=is_descending,
        wanted=whole & begins,
        few=few if fence.counts([few.parts(users)], limit=FEW)[0] < FEW else None,
    )


def events(text: str, name: str | None, *, is_descending: bool = True) -> Walk:
    """The way to events by name (or how it begins), by Login or by person, in the order of their time."""
    wanted, is_exact = Q(), True
    stretches: tuple[Stretch, ...] = (Stretch(),)
    if uuid := _uuid(text):
        wanted, is_exact = Q(login_id=uuid) | Q(user_uuid=uuid), not name
        stretches = (_of("login_id", uuid), _of("user_uuid", uuid))
    elif name or text.strip():
        known = [name] if name else fence.distinct(Event, "name", Q())
        names = [each for each in known if each.startswith(text.strip().casefold())]
        wanted, stretches = Q(name__in=names), tuple(_of("name", each) for each in names)
    if name:
        wanted &= Q(name=name)
    along = Along("at", stretches)
    return Walk(model=Event, along=along, is_descending=is_descending, wanted=wanted, is_exact=is_exact)


def _of(column: str, value: Any) -> Stretch:
    """Events with this value. PostgreSQL must not know that it is one: it might walk all events by time."""
    if connection.vendor == "sqlite":
        return Stretch(Q(**{column: value}))
    return Stretch(Q(**{f"{column}__gte": value, f"{column}__lte": value}), before=column)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
