"""One page out of any number of rows, for a price that their number does not change.

Neither OFFSET nor `count(*)`: a page begins behind a row, in the order of an index; and however rare what is
wanted may be, no more than `LOOK` rows are read for it (accounts/fence.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import BooleanField, Count, F, Model, Q, QuerySet, Value, Window
from django.utils import timezone

from accounts import fence

SIZE = 50
# Of a page that nobody looks at.
AT_ONCE = 500
# How many rows are read at most to fill a page, with how many that is tried first, and to tell the number.
LOOK, GLANCE, COUNTED = 450, 150, 150
# Of so many rows any order is cheap, wherever they are.
FEW = 1_000
# How many entries of an index are counted at most.
MOST = 10_000
FIRST, LAST = "first", "last"
LONGEST_PLACE = 400

Key = tuple[Any, Any]


class BadPlace(ValueError):
    """A text that names no place in a list."""


class Place(NamedTuple):
    """Where a page is: behind the row of this key, or before it, going back; without a key, at the end."""

    is_back: bool
    key: Key | None = None

    def __str__(self) -> str:
        if self.key is None:
            return LAST if self.is_back else FIRST
        value, pk = self.key
        told = value.isoformat() if hasattr(value, "isoformat") else value
        return f"{'before' if self.is_back else 'after'}~{told}~{pk}"


class Total(NamedTuple):
    """How many there are; or, unless `is_all`, how many at least."""

    number: int
    is_all: bool


class Page(NamedTuple):
    """Some rows in their order, the places of the pages beside them (None where there is none), and how many.

    `looked_to` is where the look for more was given up, if it was: the page on that side goes on from there.
    """

    rows: Sequence[Any]
    next: str | None
    previous: str | None
    total: Total
    looked_to: Any = None


class Stretch(NamedTuple):
    """Rows that stand together in an index, in which a column `before` the order may come first."""

    where: Q = Q()
    before: str | None = None


class Along(NamedTuple):
    """Where rows stand in the order of a column, ties by key: disjoint stretches of one index each."""

    column: str
    stretches: tuple[Stretch, ...] = (Stretch(),)

    def parts(self, rows: QuerySet[Any], order: Sequence[str] = ()) -> list[QuerySet[Any]]:
        """Each stretch of these rows, in the order of its index; the other way round if `order` says so."""
        order = order or (self.column,)
        sign = "-" if order[0].startswith("-") else ""
        return [
            rows.filter(each.where).order_by(*((sign + each.before,) if each.before else ()), *order)
            for each in self.stretches
        ]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A way to the `wanted` rows of a model.

    `along` holds all of them, and nothing else if it `is_exact`. `few`, where it is given, holds all of them
    too, and less than `FEW` rows in all: any order of these is cheap. `counted` is exact, in whatever order.
    """

    model: type[Model]
    along: Along
    is_descending: bool = False
    wanted: Q = field(default_factory=Q)
    is_exact: bool = False
    few: Along | None = None
    counted: Along | None = None

    def place(self, text: str) -> Place:
        """The place that an earlier page named, or the first one; raises BadPlace."""
        if text in ("", FIRST, LAST):
            return Place(is_back=text == LAST)
        direction, _, rest = text.partition("~")
        value, _, pk = rest.rpartition("~")
        if direction not in ("after", "before") or "\0" in text or len(text) > LONGEST_PLACE:
            raise BadPlace(text)
        try:
            key = self._field(self.along.column).to_python(value), self._field("pk").to_python(pk)
        except (ValidationError, ValueError, OverflowError):
            raise BadPlace(text) from None
        if not all(key) or (isinstance(key[0], datetime) and timezone.is_naive(key[0])):
            raise BadPlace(text)
        return Place(direction == "before", key)

    def page(self, place: Place, *, rows: QuerySet[Any], size: int = SIZE) -> Page:
        """The page at this place, in two to five statements; `rows` says what comes with each row."""
        total, last = None, None
        if self.few is not None:
            found, total = self._of_few(place, size)
        else:
            found = self._found(place, size)
        keys = found[:size]
        if len(found) <= size and self.few is None:
            last = None if self.is_exact else self._last(place)
            if place == Place(is_back=False):
                total = Total(len(keys), is_all=last is None)
        onward = keys[-1] if len(found) > size else last
        ahead = None if onward is None else str(Place(place.is_back, onward))
        behind = None if place.key is None else _behind(keys, last, is_back=place.is_back)
        if place.is_back:
            keys.reverse()
        return Page(
            rows=_rows(rows, keys),
            next=behind if place.is_back else ahead,
            previous=ahead if place.is_back else behind,
            total=total or self._total(),
            looked_to=last[0] if last else None,
        )

    def each(self, rows: QuerySet[Any], *, size: int | None = None) -> Iterator[Any]:
        """All that is wanted, in order, with no more than a page of it in memory.

        A page is read after the other, so that whatever is written meanwhile has to wait for nobody; by what
        changes ("seen"), a row may come twice or be passed over.
        """
        place: Place | None = Place(is_back=False)
        size = size or AT_ONCE
        while place is not None:
            found = self._found(place, size) if self.few is None else self._of_few(place, size)[0]
            keys = found[:size]
            yield from _rows(rows, keys)
            last = None if self.is_exact or self.few is not None else self._last(place)
            onward = keys[-1] if len(found) > size else last
            place = Place(is_back=False, key=onward) if onward else None

    def total(self) -> Total:
        """How many are wanted, as far as the count costs no more than a page does; one statement."""
        if self.few is not None:
            return self._of_few(Place(is_back=False), 0)[1]
        return self._total()

    def _total(self) -> Total:
        exact = self.counted or (self.along if self.is_exact else None)
        if exact:
            number = fence.counts([exact.parts(self.model._base_manager.all())], limit=MOST + 1)[0]
            return Total(min(number, MOST), is_all=number <= MOST)
        looked = self._looked(Place(is_back=False), limit=COUNTED)
        told = looked.aggregate(looked=Count("*"), wanted=Count("pk", filter=self.wanted))
        return Total(told["wanted"] or 0, is_all=(told["looked"] or 0) < COUNTED)

    def _field(self, name: str) -> Any:
        meta = self.model._meta
        return meta.pk if name == "pk" else meta.get_field(name)

    def _order(self, *, is_back: bool) -> list[str]:
        sign = "-" if self.is_descending is not is_back else ""
        return [sign + self.along.column, sign + "pk"]

    def _beyond(self, place: Place) -> list[Any]:
        if place.key is None:
            return []
        after = fence.Before if self.is_descending is not place.is_back else fence.After
        names = (self.along.column, "pk")
        values = [
            Value(value, output_field=self._field(name)) for name, value in zip(names, place.key, strict=True)
        ]
        return [after(F(self.along.column), F("pk"), *values)]

    def _looked(self, place: Place, *, limit: int, is_bare: bool = False) -> QuerySet[Any]:
        """So many rows from this place on; bare, if nothing is asked of them that the index does not have."""
        columns = [self.along.column, self._field("pk").attname] if is_bare else self._columns()
        order = self._order(is_back=place.is_back)
        rows = self.model._base_manager.filter(*self._beyond(place)).values(*columns)
        return fence.over(self.model, self.along.parts(rows, order), limit=limit, order=order)

    def _of_few(self, place: Place, size: int) -> tuple[list[Key], Total]:
        """The keys of this page's rows and of one more, where all are few, and how many these are."""
        few = self.few or Along("pk", ())
        parts = few.parts(self.model._base_manager.values(*self._columns()))
        beyond = next(iter(self._beyond(place)), Value(True, output_field=BooleanField()))
        # All are counted, and those behind the place come first.
        rows = fence.over(self.model, parts, limit=FEW).filter(self.wanted)
        rows = rows.annotate(is_beyond=beyond, every=Window(Count("*")))
        rows = rows.order_by("-is_beyond", *self._order(is_back=place.is_back))
        told = list(rows.values_list(self.along.column, "pk", "is_beyond", "every")[: size + 1])
        total = Total(told[0][3] if told else 0, is_all=True)
        return [(value, pk) for value, pk, is_beyond, _every in told if is_beyond], total

    def _columns(self) -> list[str]:
        return [each.attname for each in self.model._meta.concrete_fields]

    def _found(self, place: Place, size: int) -> list[Key]:
        """The keys of this page's rows and of one more, as far as the look goes."""
        names, order = (self.along.column, "pk"), self._order(is_back=place.is_back)
        if self.is_exact:
            return list(
                self._looked(place, limit=size + 1, is_bare=True).order_by(*order).values_list(*names)
            )
        # SQLite puts all that it may look at in order before it asks for the first.
        alone = connections[self.model._base_manager.db].vendor == "sqlite"
        for limit in (GLANCE, LOOK) if alone else (LOOK,):
            rows = self._looked(place, limit=limit).filter(self.wanted)
            found = list(rows.order_by(*order).values_list(*names)[: size + 1])
            if len(found) > size:
                break
        return found

    def _last(self, place: Place) -> Key | None:
        """The key of the last row that was looked at, if that many were."""
        looked = self._looked(place, limit=LOOK, is_bare=True).annotate(looked=Window(Count("*")))
        rows = looked.order_by(*self._order(is_back=not place.is_back))
        found = rows.values_list(self.along.column, "pk", "looked")[:1]
        return next(((value, pk) for value, pk, number in found if number >= LOOK), None)


def _rows(rows: QuerySet[Any], keys: Sequence[Key]) -> list[Any]:
    """In the order of these keys; who was deleted between two statements is left out."""
    by_pk = {row.pk: row for row in rows.filter(pk__in=[pk for _value, pk in keys])} if keys else {}
    return [by_pk[pk] for _value, pk in keys if pk in by_pk]


def _behind(keys: Sequence[Key], last: Key | None, *, is_back: bool) -> str:
    """The place of the page from which one came here."""
    if keys or last:
        return str(Place(not is_back, keys[0] if keys else last))
    # Nothing is here any more: at the other end is what there was before.
    return FIRST if is_back else LAST
