"""Questions over some rows of a table only, which no plan of the database's can turn into questions over all.

A range of an index with a LIMIT stands in the place of the table. Neither PostgreSQL nor SQLite moves a
condition or a sort past a LIMIT, so whatever is asked of these rows reads no others. (A slice in `pk__in` is
no such fence: it may become a join, and the join a walk over everything.)
"""

# ruff: noqa: S608 - statements that the ORM has compiled, put together

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import BooleanField, Func, Model, Q, QuerySet, Value
from django.db.models.expressions import Col, RawSQL
from django.db.models.sql.datastructures import BaseTable

Compiled = tuple[str, tuple[Any, ...]]


class After(Func):
    """Whether one pair of values comes after another: After(F("a"), F("b"), Value(1), Value(2)).

    For an index on both it is a range, which `a >= 1 AND (a > 1 OR b > 2)` is only as far as `a` goes.
    """

    sign, output_field, arity = ">", BooleanField(), 4

    def as_sql(self, compiler: Any, connection: Any, **_options: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        parts = [compiler.compile(each) for each in self.get_source_expressions()]
        one, two, three, four = (sql for sql, _params in parts)
        params = [value for _sql, values in parts for value in values]
        return f"({one}, {two}) {self.sign} ({three}, {four})", params


class Before(After):
    """Whether one pair of values comes before another."""

    sign = "<"


class _Fence(BaseTable):
    """Stands in a FROM under the name of the table whose rows it holds."""

    def __init__(self, table: str, alias: str, compiled: Compiled) -> None:
        super().__init__(table, alias)
        self._compiled = compiled

    def as_sql(self, compiler: Any, connection: Any) -> Compiled:
        sql, params = self._compiled
        return f"({sql}) {connection.ops.quote_name(self.table_alias)}", params


def over(
    model: type[Model], parts: Sequence[QuerySet[Any]], *, limit: int, order: Sequence[str] = ()
) -> QuerySet[Any]:
    """A queryset that finds so many rows of these parts and no others; of several, the first in this order.

    Each part is one range of an index, in the order of that index; disjoint from the others, with the same
    values.
    """
    rows: QuerySet[Any] = model._base_manager.all()
    one = _merged(parts, limit=limit, order=order)
    if one is None:
        return rows.none()
    alias = str(rows.query.get_initial_alias())
    rows.query.alias_map[alias] = _Fence(model._meta.db_table, alias, one)
    return rows


def _compiled(part: QuerySet[Any]) -> Compiled | None:
    try:
        sql, params = part.query.get_compiler(part.db).as_sql()
    except EmptyResultSet:
        return None
    return sql, tuple(params)


def _merged(parts: Sequence[QuerySet[Any]], *, limit: int, order: Sequence[str]) -> Compiled | None:
    """All parts as one: their indexes are merged, as far as somebody asks for rows."""
    if len(parts) < 2:
        return _compiled(parts[0][:limit]) if parts else None
    connection, meta = connections[parts[0].db], parts[0].model._meta
    # PostgreSQL would put all of a part in order that has no limit; SQLite all of one that has.
    by_itself = connection.features.supports_slicing_ordering_in_compound
    arms = [each for part in parts if (each := _compiled(part[:limit] if by_itself else part.order_by()))]
    if not arms:
        return None
    names = []
    for key in order:
        name = key.removeprefix("-")
        field: Any = meta.pk if name == "pk" else meta.get_field(name)
        names.append(connection.ops.quote_name(field.column) + (" DESC" if key.startswith("-") else ""))
    by = f" ORDER BY {', '.join(names)}" if names else ""
    sql = " UNION ALL ".join(f"({sql})" if by_itself else sql for sql, _params in arms)
    return f"{sql}{by} LIMIT {limit:d}", tuple(value for _sql, params in arms for value in params)


def counts(groups: Sequence[Sequence[QuerySet[Any]]], *, limit: int) -> list[int]:
    """How many rows each of these groups of parts has, counted up to the limit; one statement for all."""
    if not groups:
        return []
    # In the order of their index: a planner that hopes to be done soon might read the table instead.
    asked = [[part.annotate(one=Value(1)).values_list("one") for part in parts] for parts in groups]
    nothing: Compiled = ("SELECT 1 WHERE 1 = 0", ())
    compiled = [_merged(parts, limit=limit, order=()) or nothing for parts in asked]
    selects = [f"(SELECT count(*) FROM ({sql}) AS part{number})" for number, (sql, _) in enumerate(compiled)]
    with connections[groups[0][0].db if groups[0] else "default"].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(selects)}", [one for _sql, params in compiled for one in params])
        return list(cursor.fetchone())


def distinct(model: type[Model], column: str, where: Q) -> list[Any]:
    """The different values of a column: one look into an index on it for each, in one statement."""
    rows = model._base_manager.filter(where).order_by(column).values_list(column)
    following = RawSQL("found.value", ())
    one, another = _compiled(rows[:1]), _compiled(rows.filter(**{f"{column}__gt": following})[:1])
    if one is None or another is None:
        return []
    (first, params), (then, more) = one, another
    connection, field = connections[rows.db], model._meta.get_field(column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(value) AS (SELECT * FROM ({first}) AS first UNION ALL "
            f"SELECT ({then}) FROM found WHERE found.value IS NOT NULL) "
            "SELECT value FROM found WHERE value IS NOT NULL",
            [*params, *more],
        )
        values = [value for (value,) in cursor.fetchall()]
    read = Col(model._meta.db_table, field)  # type: ignore[arg-type]
    for convert in (*connection.ops.get_db_converters(read), *read.get_db_converters(connection)):
        values = [convert(value, read, connection) for value in values]
    return values
