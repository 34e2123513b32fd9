"""Sessions in the database: the store that holds when every other forgets.

Each verb is one statement. A write names the version it was made from, so that nothing which was killed or
changed meanwhile is ever written over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, router, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts import batches, people
from accounts.logins import Login
from sessions_stateful.models import Session

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from django.db.models import QuerySet

    from accounts.models import AbstractUser

OWN = ("key_hash", "data", "version", "login_id", "authenticated_at", "rights", "remember", "expires_at")
LOGIN = ("flow", "ended_at", "seen_at", "idle_timeout", "expires_at")


@dataclass(frozen=True, slots=True)
class Row:
    """A session as it was read, with its Login and its person from the same instant.

    One from a copy has been used less than its idle time ago, for else it would be gone.
    """

    own: dict[str, Any]
    login: dict[str, Any] | None
    user: dict[str, Any] | None
    # The instant before it was read from the database; None where something was learned otherwise.
    read_at: datetime | None = None
    is_copy: bool = False

    @property
    def login_id(self) -> UUID | None:
        """The Login that this session carries, or None while it is anonymous."""
        return self.own["login_id"]  # type: ignore[no-any-return]

    def build_user(self) -> AbstractUser | None:
        """The person, real and light: what was not read is fetched when it is touched."""
        return get_user_model().from_carried(self.user) if self.user else None

    def refusal(self, *, grace: timedelta) -> str | None:
        """Why this session is nobody's now, or None when it is good."""
        now = timezone.now()
        if self.own["expires_at"] <= now:
            return "expired"
        if self.login_id is None:
            return None
        if self.login is None or self.user is None or self.login["ended_at"] or not self.user["is_active"]:
            return "ended"
        idle_since = now - self.login["seen_at"]
        is_idle = not self.is_copy and idle_since > self.login["idle_timeout"] + grace
        return "expired" if is_idle or self.login["expires_at"] <= now else None


@dataclass(frozen=True, slots=True)
class _Statement:
    """A SELECT that was compiled once, and what turns its columns into values."""

    sql: str
    compiler: Any
    converters: dict[int, Any]


@lru_cache(maxsize=1)
def user_columns() -> tuple[str, ...]:
    """The columns of a person that are read with a session."""
    person = get_user_model()
    wanted = {person._meta.pk.attname, person.PUBLIC_ID_FIELD, "stamp", "version", *people.CARRIED}
    return tuple(field.attname for field in person._meta.concrete_fields if field.attname in wanted)


@lru_cache(maxsize=1)
def public_id_column() -> str:
    """The one of them that names the person to everybody else."""
    person = get_user_model()
    return person._meta.get_field(person.PUBLIC_ID_FIELD).attname  # type: ignore[union-attr]


def _with_all(sessions: QuerySet[Session]) -> QuerySet[Session, tuple[Any, ...]]:
    names = [f"login__{name}" for name in LOGIN] + [f"login__user__{name}" for name in user_columns()]
    return sessions.values_list(*OWN, *names)


@lru_cache(maxsize=8)
def _statement(alias: str) -> _Statement:
    # Django builds the same SQL from the same query each time, and that costs several times what SQLite needs
    # to answer it; so it is built once.
    compiler = _with_all(Session.objects.filter(pk="")).query.get_compiler(alias)
    sql, _parameters = compiler.as_sql()
    converters = compiler.get_converters([column for column, _sql, _alias in compiler.select])
    return _Statement(sql, compiler, converters)


def load(key_hash: str) -> Row | None:
    """The session of this key with its Login and person, in one statement; None when there is none."""
    read_at = timezone.now()
    alias = router.db_for_read(Session)
    statement = _statement(alias)
    with connections[alias].cursor() as cursor:
        cursor.execute(statement.sql, [key_hash])
        rows = cursor.fetchmany(1)
    if not rows:
        return None
    return _row(next(statement.compiler.apply_converters(rows, statement.converters)), read_at=read_at)


def load_of(logins: Collection[UUID]) -> list[Row]:
    """The sessions of those of these Logins that have not ended, in one statement."""
    read_at = timezone.now()
    theirs = Session.objects.filter(login_id__in=logins, login__ended_at__isnull=True)
    return [_row(values, read_at=read_at) for values in _with_all(theirs)]


def _row(values: Sequence[Any], *, read_at: datetime) -> Row:
    columns = user_columns()
    own = dict(zip(OWN, values[: len(OWN)], strict=True))
    login = dict(zip(LOGIN, values[len(OWN) : -len(columns)], strict=True))
    user = dict(zip(columns, values[-len(columns) :], strict=True))
    # SQLite keeps whatever a hand has put there; a text opens no more than other bytes, and fails no request.
    own["data"] = b"" if isinstance(own["data"], str) else bytes(own["data"])
    return Row(own, login if login["flow"] else None, user if user["stamp"] else None, read_at)


def insert(values: dict[str, Any]) -> bool:
    """Store a new session; False when the key is taken."""
    try:
        with transaction.atomic():
            Session.objects.create(**values)
    except IntegrityError:
        return False
    return True


def update(row: Row, values: dict[str, Any]) -> bool:
    """Write over exactly this version of a session whose Login still stands; False when there is none.

    A new `key_hash` among the values gives the session another key, and kills the old one at once.
    """
    # No join: Django would turn it into "pk IN (SELECT …)", and PostgreSQL does not judge a subquery again
    # once it has waited for the row, so that two writers of one version would both win.
    ended = Login.objects.filter(pk=OuterRef("login_id"), ended_at__isnull=False)
    version = row.own["version"]
    mine = Session.objects.filter(~Exists(ended), pk=row.own["key_hash"], version=version)
    return bool(mine.update(**values, version=version + 1))


def delete(key_hash: str) -> None:
    """Kill one stored session; killing what is not there is fine."""
    Session.objects.filter(pk=key_hash).remove()


def delete_of(logins: Collection[UUID]) -> None:
    """Kill the stored sessions that carry these Logins."""
    Session.objects.filter(login_id__in=logins).remove()


def keys_of(logins: Collection[UUID]) -> list[str]:
    """The hashes of the keys under which these Logins are stored."""
    return list(Session.objects.filter(login_id__in=logins).values_list("pk", flat=True))


def exists(key_hash: str) -> bool:
    """Whether a session is stored under this key."""
    return Session.objects.filter(pk=key_hash).exists()


def was_replaced(key_hash: str, *, other_than: str | None = None) -> bool:
    """Whether this key gave way to another one (`other_than` apart) that is still stored."""
    return Session.objects.filter(replaced_hash=key_hash).exclude(pk=other_than).exists()


def delete_expired() -> Iterator[int]:
    """Kill the sessions whose time has passed, a batch per transaction; yields how many."""
    expired = Session.objects.filter(expires_at__lte=timezone.now())
    return batches.each(expired, by="expires_at", take=lambda keys: expired.filter(pk__in=keys).remove())
