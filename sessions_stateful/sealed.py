"""A stored session as bytes for Redis: the whole row, sealed to its key and to the server that holds it.

What Redis holds cannot be changed, moved to another key, or brought back by another server process: a copy
names the one that it was written to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from accounts import events, mac
from accounts.logins import Login
from sessions_stateful import durable
from sessions_stateful.durable import Row
from sessions_stateful.models import Session

SEAL_BYTES = 16
# What this process remembers of copies: 16 MB at most.
MOST_REMEMBERED = 1024
SMALL_BYTES = 4096
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
# The key's hash is known to whoever asks, and the data stands behind the rest as it is.
OWN = tuple(name for name in durable.OWN if name not in ("key_hash", "data"))

Reader = Callable[[Any], Any]


def write(row: Row, *, node: str) -> bytes:
    """The copy of a row that carries a Login."""
    columns = durable.user_columns()
    values = [
        _shape(columns),
        _written(row.read_at),
        node,
        [row.own[name] for name in OWN],
        [row.login[name] for name in durable.LOGIN] if row.login else None,
        [row.user[name] for name in columns] if row.user else None,
    ]
    # JSON has no line break in it, so the first one ends it.
    said: bytes = (
        json.dumps(values, default=_written, separators=(",", ":")).encode() + b"\n" + row.own["data"]
    )
    return _seal(said, row.own["key_hash"]) + said


def read(copy: bytes, *, key_hash: str, node: str) -> Row | None:
    """The row of a copy; None for one that we did not write, for this key, to this server.

    Shared by all who read it: never changed.
    """
    look = _looked if len(copy) <= SMALL_BYTES else _look
    return look(copy, key_hash, node)


def _look(copy: bytes, key_hash: str, node: str) -> Row | None:
    seal, said = copy[:SEAL_BYTES], copy[SEAL_BYTES:]
    if len(seal) < SEAL_BYTES or not mac.matches("session copy", _bound(said, key_hash), seal):
        events.note("session_copy_tampered")
        return None
    values, _line_break, data = said.partition(b"\n")
    try:
        shape, read_at, written_to, own, login, user = json.loads(values)
        columns = durable.user_columns()
        if written_to != node or shape != _shape(columns):
            return None
        kinds = _readers()
        return Row(
            {"key_hash": key_hash, "data": data, **_read(own, OWN, kinds[0])},
            _read(login, durable.LOGIN, kinds[1]),
            _read(user, columns, kinds[2]),
            read_at=_instant(read_at),
            is_copy=True,
        )
    except (ValueError, TypeError, AttributeError, ValidationError):
        # Of a release with columns of another kind.
        return None


# Until it is renewed a copy stays the same to the last byte, and to look into it costs half of fetching it.
_looked = lru_cache(maxsize=MOST_REMEMBERED)(_look)


def _read(values: list[Any], names: tuple[str, ...], readers: tuple[Reader | None, ...]) -> dict[str, Any]:
    return {
        name: value if reader is None or value is None else reader(value)
        for name, value, reader in zip(names, values, readers, strict=True)
    }


def _bound(said: bytes, key_hash: str) -> bytes:
    return key_hash.encode() + b"\n" + said


def _seal(said: bytes, key_hash: str) -> bytes:
    return mac.mac("session copy", _bound(said, key_hash))[:SEAL_BYTES]


def _written(value: Any) -> Any:
    match value:
        case datetime():
            return (value - EPOCH) // MICROSECOND
        case timedelta():
            return value // MICROSECOND
        case UUID():
            return value.hex
        case _:
            return str(value)


def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _span(microseconds: int) -> timedelta:
    return timedelta(microseconds=microseconds)


@lru_cache(maxsize=1)
def _shape(columns: tuple[str, ...]) -> str:
    """A short name for what stands where: values without names must not be read by a release with others."""
    return hashlib.sha256(repr((OWN, durable.LOGIN, columns)).encode()).hexdigest()[:8]


@lru_cache(maxsize=1)
def _readers() -> tuple[tuple[Reader | None, ...], ...]:
    columns = ((Session, OWN), (Login, durable.LOGIN), (get_user_model(), durable.user_columns()))
    return tuple(tuple(_reader(model, name) for name in names) for model, names in columns)


def _reader(model: type[models.Model], name: str) -> Reader | None:
    field = next(field for field in model._meta.concrete_fields if field.attname == name)
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if isinstance(field, models.DateTimeField):
        return _instant
    if isinstance(field, models.DurationField):
        return _span
    if isinstance(field, models.UUIDField):
        return UUID
    plain = (models.CharField, models.TextField, models.BooleanField, models.IntegerField)
    # A project's own kind of column may make something of what the database says.
    is_plain = isinstance(field, plain) and not hasattr(field, "from_db_value")
    return None if is_plain else field.to_python
