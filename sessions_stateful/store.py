"""Django's session contract over our stores: the module that SESSION_ENGINE names.

Saving merges what this request has changed into what is stored now, so that two requests which change
different keys both keep their change. Nothing that was killed is written again: the caller hears of it as
UpdateError.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.utils import timezone

from accounts import events, logins
from accounts.logins import EndReason
from sessions_stateful import conf, durable, fast, keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    from accounts.logins import Login
    from accounts.models import AbstractUser

ATTEMPTS = 10
NOTHING = b""
STAFF, SUPERUSER = 1, 2


def rights_of(user: Any) -> int:
    """The rights that a session key is made for: bits for staff and superuser."""
    return _rights_in({"is_staff": user.is_staff, "is_superuser": user.is_superuser})


def _rights_in(columns: Mapping[str, Any]) -> int:
    return STAFF * bool(columns["is_staff"]) + SUPERUSER * bool(columns["is_superuser"])


def front() -> Any:
    """The verbs of the store that this project uses; both have the same."""
    return fast if conf.current().redis_url else durable


class SessionStore(SessionBase):
    """One request's view of one session.

    `binding` is set while `login()` names a person, `wish` when its door asked whether to remember; `flushed`
    once the session was given up in this request; `new_key` when the browser does not know the key yet;
    `refusal` says why a well-formed key was not good.
    """

    # Django's own, which the stubs leave out.
    _get_session: Callable[..., dict[str, Any]]
    _aget_session: Callable[..., Awaitable[dict[str, Any]]]

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.came_with: str | None = self.session_key
        self.binding = False
        self.wish: bool | None = None
        self.flushed = False
        self.new_key = False
        self.refusal: str | None = None
        self.remember = False
        self.authenticated_at: datetime | None = None
        self.login_id: UUID | None = None
        self._login_expires_at: datetime | None = None
        self._rights = 0
        self._person: AbstractUser | None = None
        self._gave_way: str | None = None
        self._row: durable.Row | None = None
        # What was read, as it was stored, to tell later what has changed; None before.
        self._base: bytes | None = NOTHING if self.session_key is None else None

    def _validate_session_key(self, key: Any) -> bool:
        return keys.is_ours(key)

    def _get_new_session_key(self) -> str:
        self.new_key = True
        return keys.new_key()

    async def _aget_new_session_key(self) -> str:
        return self._get_new_session_key()

    def __setitem__(self, key: str, value: Any) -> None:
        self.binding = self.binding or key == SESSION_KEY
        super().__setitem__(key, value)

    async def aset(self, key: str, value: Any) -> None:
        """As `session[key] = value`."""
        self.binding = self.binding or key == SESSION_KEY
        await super().aset(key, value)

    def load(self) -> dict[str, Any]:
        """The stored data, in one round trip or one statement; {} and no key when it is not good."""
        return self._loaded(front().load(keys.hashed(self.session_key)) if self.session_key else None)

    async def aload(self) -> dict[str, Any]:
        """As `load`; without another thread where there is a good copy in Redis."""
        if self.session_key is None:
            return self._loaded(None)
        key_hash = keys.hashed(self.session_key)
        if front() is fast:
            return self._loaded(await fast.aload(key_hash))
        return self._loaded(await sync_to_async(durable.load)(key_hash))

    def _loaded(self, row: durable.Row | None) -> dict[str, Any]:
        self.refusal = "unknown" if row is None else row.refusal(grace=conf.current().idle_grace)
        stored = None if row is None or self.refusal else self._open(row)
        if row is None or stored is None:
            self._session_key = None
            self._base = NOTHING
            return {}
        self._take(row)
        self._base, data = stored
        return data

    def _open(self, row: durable.Row) -> tuple[bytes, dict[str, Any]] | None:
        """What was stored, as bytes and as data; None for what we did not store there."""
        if row.is_copy:
            # It is sealed as a whole.
            payload: bytes | None = row.own["data"][keys.SEAL_BYTES :]
        else:
            login = str(row.login_id or "")
            payload = keys.unseal(row.own["data"], key_hash=row.own["key_hash"], login=login)
        if payload is not None:
            try:
                return payload, self._read(payload)
            except ValueError:
                # Sealed by us for another serializer, say: no more readable than what was tampered with.
                pass
        self.refusal = "tampered"
        events.note("session_data_tampered", login=row.login_id)
        return None

    def _read(self, payload: bytes) -> dict[str, Any]:
        data: dict[str, Any] = self.serializer().loads(payload) if payload else {}
        return data

    def _take(self, row: durable.Row) -> None:
        self._row = row
        self.login_id = row.login_id
        self.remember = row.own["remember"]
        self.authenticated_at = row.own["authenticated_at"]
        self._rights = row.own["rights"]
        self._login_expires_at = row.login["expires_at"] if row.login else None

    def _look(self) -> None:
        """Have what is stored read; also after `clear()`, which reads nothing and leaves the Login bound."""
        self._get_session()
        if self._base is None and self._row is None and self.session_key:
            row = front().load(keys.hashed(self.session_key))
            if row is not None and not row.refusal(grace=conf.current().idle_grace):
                self._take(row)

    def user(self) -> AbstractUser | None:
        """The person whose Login this session carries, from the row that was loaded; the same each time."""
        self._look()
        return self._user()

    async def auser(self) -> AbstractUser | None:
        """As `user`."""
        await self._aget_session()
        if self._base is None and self._row is None:
            return await sync_to_async(self.user)()
        return self._user()

    def _user(self) -> AbstractUser | None:
        if self._person is None and self._row and self.login_id:
            self._person = self._row.build_user()
        return self._person

    @property
    def is_copy(self) -> bool:
        """Whether what was loaded came from Redis."""
        return self._row is not None and self._row.is_copy

    def ask_again(self) -> AbstractUser | None:
        """As `user`, from the database: for who relies on a copy no more."""
        row = durable.load(keys.hashed(self.session_key)) if self.session_key else None
        mine = self._get_session() if self.modified else None
        self.unbind()
        stored = self._loaded(row)
        self.modified = self.modified and self.session_key is not None
        self._session_cache = mine if mine and self.modified else stored
        return self._user()

    def seen_at(self) -> datetime | None:
        """When the Login was last seen, as far as the row told."""
        return self._row.login["seen_at"] if self._row and self._row.login else None

    @property
    def rights_raised(self) -> bool:
        """The person has gained rights since the key was made, so it must be replaced."""
        user = self._row.user if self._row and self.login_id else None
        return user is not None and bool(_rights_in(user) & ~self._rights)

    def _values(self, data: dict[str, Any], *, key: str) -> dict[str, Any]:
        key_hash, login = keys.hashed(key), str(self.login_id or "")
        return {
            "key_hash": key_hash,
            "data": keys.seal(self.serializer().dumps(data), key_hash=key_hash, login=login),
            "login_id": self.login_id,
            "authenticated_at": self.authenticated_at,
            "rights": self._rights,
            "remember": self.remember,
            "expires_at": self._stored_until(data),
        }

    def _stored_until(self, data: dict[str, Any]) -> datetime:
        custom = data.get("_session_expiry")
        if self._login_expires_at is None:
            return self.get_expiry_date(expiry=custom)
        # A Login's session ends with it; an expiry of its own can only bring that forward.
        return (
            min(self._login_expires_at, self.get_expiry_date(expiry=custom))
            if custom
            else self._login_expires_at
        )

    def create(self) -> None:
        """Store a new session under a new key; one that carries a Login gets a new key instead."""
        if self._row is not None and self._row.login_id:
            return self.cycle_key()
        self._session_key = self._get_new_session_key()
        # 256 random bits: a key that is taken tells of a fault, and another try would not mend it.
        self.save(must_create=True)
        self.modified = True
        return None

    def save(self, must_create: bool = False) -> None:
        """Store what has changed; UpdateError when it was killed meanwhile, CreateError as Django's."""
        if self.session_key is None:
            return self.create()
        data, key = self._get_session(no_load=must_create), self.session_key
        if not key:
            # What was read only now is not there any more.
            raise UpdateError
        if must_create:
            values = {**self._values(data, key=key), "replaced_hash": self._gave_way}
            if not front().insert(values):
                raise CreateError
            self._stored(values, version=1)
            return None
        self._write(data, key=key, key_hash=keys.hashed(key))
        return None

    def _write(self, data: dict[str, Any], *, key: str, key_hash: str, **more: Any) -> None:
        for _attempt in range(ATTEMPTS):
            row = self._row or durable.load(key_hash)
            if row is None or (row is not self._row and row.refusal(grace=conf.current().idle_grace)):
                raise UpdateError
            if self._base is None:
                self._take(row)
            merged = self._merged(data, row)
            values = {**self._values(merged, key=key), **more}
            if front().update(row, values):
                self._stored(values, version=row.own["version"] + 1)
                data.clear()
                data.update(merged)
                return
            self._row = None
        raise UpdateError

    def _merged(self, data: dict[str, Any], row: durable.Row) -> dict[str, Any]:
        """Our changes since we loaded, on top of what is stored now; of two for one key the later stands."""
        stored = self._open(row)
        if stored is None:
            raise UpdateError
        if self._base is None:
            return dict(data)
        base, current = self._read(self._base), stored[1]
        gone = base.keys() - data.keys()
        changed = {key: value for key, value in data.items() if key not in base or base[key] != value}
        return {**{key: value for key, value in current.items() if key not in gone}, **changed}

    def _stored(self, values: dict[str, Any], *, version: int) -> None:
        row = self._row
        own = {**values, "version": version}
        # A new key is given when the person has just changed, perhaps, in this very request.
        read_at = row.read_at if row and row.own["key_hash"] == values["key_hash"] else None
        # Of its Login and its person no more is known than before.
        self._row = replace(row, own=own, read_at=read_at) if row else durable.Row(own, login=None, user=None)
        self._base = values["data"][keys.SEAL_BYTES :]

    def cycle_key(self) -> None:
        """Give the stored session a new key, in one statement; one not stored yet gets its key when it is."""
        data, old = self._get_session(), self.session_key
        if old is None:
            return
        old_hash = keys.hashed(old)
        self._session_key = key = self._get_new_session_key()
        try:
            self._write(data, key=key, key_hash=old_hash, replaced_hash=old_hash)
        except UpdateError:
            self._session_key = None
            if self.login_id:
                # Whatever this request still does to it must not be stored as another session of that Login.
                self._empty()
                raise SessionInterrupted("The session was ended while it was given a new key.") from None
            # Somebody else signed in or out with this anonymous session: ours becomes one of its own.
            self._row, self._base = None, NOTHING
        self.modified = True

    async def acycle_key(self) -> None:
        """As `cycle_key`."""
        await self._aget_session()
        await sync_to_async(self.cycle_key)()

    def bind(self, login: Login, user: AbstractUser) -> None:
        """Store that this session now carries a Login; inside the transaction that started it."""
        self.login_id, self._login_expires_at = login.pk, login.expires_at
        self.authenticated_at, self._rights = timezone.now(), rights_of(user)
        self._person = user
        self.save()
        self.modified = False

    def renew(self, user: AbstractUser) -> None:
        """The same person has proved who they are again: a new key, a new instant, the same Login."""
        self.authenticated_at, self._rights = timezone.now(), rights_of(user)
        self._person = user
        if self.wish is not None:
            self.remember = self.wish and not user.is_staff
        self.cycle_key()
        self.modified = False

    def raise_rights(self) -> None:
        """Store what was changed, under the key that the person's new rights ask for."""
        if self._row and self._row.user:
            self._rights = _rights_in(self._row.user)
            self.cycle_key()

    def unbind(self) -> None:
        """Forget the Login without ending it; it has been ended already."""
        self.login_id = self.authenticated_at = self._login_expires_at = self._row = self._person = None
        self._rights, self.remember = 0, False

    def replace(self) -> None:
        """End the Login as replaced; what is in here stays, and is saved as a session of its own."""
        self._look()
        self._gave_way = keys.hashed(self.session_key) if self.session_key else self._gave_way
        if self.login_id:
            logins.end([self.login_id], reason=EndReason.REPLACED)
            self.unbind()
        if self.session_key:
            # Not `self.delete()`: no copy speaks for an ended Login, and an anonymous session has none.
            durable.delete(keys.hashed(self.session_key))
        self._session_key = self._row = None
        self._base = NOTHING

    def flush(self) -> None:
        """Give the session up: a Login still bound ends as replaced, and the stored session is killed."""
        self.replace()
        self._empty()
        self.modified = self.flushed = True

    def _empty(self) -> None:
        self.unbind()
        self.clear()
        self._base, self.modified = NOTHING, False

    async def aflush(self) -> None:
        """As `flush`."""
        await sync_to_async(self.flush)()

    def delete(self, session_key: str | None = None) -> None:
        """Kill a stored session, this one by default; its Login is not touched."""
        key = self.session_key if session_key is None else session_key
        if keys.is_ours(key):
            front().delete(keys.hashed(str(key)))

    def exists(self, session_key: str) -> bool:
        """Whether a session is stored under this key."""
        return keys.is_ours(session_key) and durable.exists(keys.hashed(session_key))

    @classmethod
    def clear_expired(cls) -> None:
        """Kill what has expired, in batches."""
        sum(durable.delete_expired())

    def get_session_cookie_age(self) -> int:
        """Seconds left: until its Login's absolute end, or an anonymous session's whole life."""
        if self._login_expires_at is None:
            return int(conf.current().anonymous_lifetime.total_seconds())
        return max(0, int((self._login_expires_at - timezone.now()).total_seconds()))

    def get_expire_at_browser_close(self) -> bool:
        """Whether the browser should forget the cookie when it closes: unless asked to remember."""
        if self.get("_session_expiry") is None and self.login_id:
            return not self.remember
        return super().get_expire_at_browser_close()

    def cookie_age(self) -> int | None:
        """Seconds that the browser may keep the cookie, never past its Login's end; None: until it closes."""
        if self.get_expire_at_browser_close():
            return None
        age = int(self.get_expiry_age())
        return min(age, self.get_session_cookie_age()) if self.login_id else age

    async def aget_expire_at_browser_close(self) -> bool:
        """As `get_expire_at_browser_close`."""
        await self._aget_session()
        return self.get_expire_at_browser_close()
