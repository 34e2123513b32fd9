"""Where credentials come from and where they must not go: what `tests.leaks` sees of this process."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import psycopg
import redis
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.apps import apps
from django.core import mail
from django.db import connection
from django.test import client as django_client

from authdemo.demo import PASSWORD
from tests import leaks
from tests.leaks import Watch, handed_out_at
from tests.stores import Stores
from tests.web import WebServer

MOST_ROWS = 2_000
READ: dict[bytes, Callable[[Any, bytes], Any]] = {
    b"string": lambda client, key: client.get(key),
    b"hash": lambda client, key: client.hgetall(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"set": lambda client, key: client.smembers(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1),
    b"stream": lambda client, key: client.xrange(key, count=MOST_ROWS),
    b"none": lambda _client, _key: b"",
}
NO_EVENT: dict[str, Any] = {}


class Sinks:
    """Passes what goes through the seams on to the watch of the test that runs."""

    @property
    def watch(self) -> Watch:
        """That of the test that runs."""
        return leaks.now[0]

    def install(self) -> None:
        """Once for the whole run, when the apps are there."""
        from accounts import links
        from accounts.models import AbstractUser
        from accounts.passwords import Argon2Hasher

        if apps.is_installed("sessions_stateful"):
            self._install_sessions()
        if apps.is_installed("tokens_stateless"):
            self._install_tokens()
        self._made(links, "signup_token", "link")
        self._made(links.ResetTokens, "make_token", "link")
        self._after(AbstractUser, "set_password", lambda _none, _user, raw, *_: self._password(raw))
        self._after(
            Argon2Hasher, "verify", lambda good, _self, raw, *_: self._password(raw if good else None)
        )
        self._after(logging.Logger, "callHandlers", lambda _none, _logger, record: self._line(record))
        self._after(
            django_client.ClientHandler,
            "__call__",
            lambda answer, _self, environ: self._answer(answer, environ),
        )
        self._after_async(django_client.AsyncClientHandler, "__call__")

    def _install_sessions(self) -> None:
        from sessions_stateful import keys

        self._made(keys, "new_key", "session key")

    def _install_tokens(self) -> None:
        from tokens_stateless import claims, clients, keypairs, refresh

        self._made(refresh, "write", "refresh token")
        self._made(claims.Backend, "encode", "access token")
        self._made(clients, "add", "client secret")
        self._made(clients, "renew", "client secret")
        self._after(keypairs, "make", lambda made, *_: self._private_key(made[1]))

    def _after(self, owner: Any, name: str, tell: Callable[..., object]) -> None:
        made = getattr(owner, name)

        @wraps(made)
        def telling(*args: Any, **kwargs: Any) -> Any:
            result = made(*args, **kwargs)
            tell(result, *args)
            return result

        setattr(owner, name, telling)

    def _after_async(self, owner: Any, name: str) -> None:
        made = getattr(owner, name)

        @wraps(made)
        async def telling(handler: Any, scope: dict[str, Any]) -> Any:
            answer = await made(handler, scope)
            self._answer(answer, {"PATH_INFO": scope["path"], "REQUEST_METHOD": scope["method"]})
            return answer

        setattr(owner, name, telling)

    def _made(self, owner: Any, name: str, kind: str) -> None:
        self._after(owner, name, lambda secret, *_args: self.watch.remember(kind, str(secret)))

    def _private_key(self, private: Any) -> None:
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self.watch.remember_bytes("private key", der)
        self.watch.remember_bytes("private key", private.private_numbers().private_value.to_bytes(32, "big"))

    def _password(self, raw: str | None) -> None:
        if raw:
            # As a form, a page or a row would hold it; half a surrogate cannot be spelled.
            with contextlib.suppress(UnicodeEncodeError):
                self.watch.remember("password", raw)

    def _line(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.watch.look(f"log {record.name}", record.getMessage(), getattr(record, "event", NO_EVENT), trace)

    def _answer(self, answer: Any, environ: dict[str, Any]) -> None:
        path, method = str(environ.get("PATH_INFO", "")), str(environ.get("REQUEST_METHOD", ""))
        # `headers` has no cookies: these are where a session key belongs.
        body = b"" if answer.streaming else answer.content
        by_right = handed_out_at(path, method)
        self.watch.look(f"answer to {method} {path}", body, by_right=by_right)
        self.watch.look(f"headers of the answer to {method} {path}", dict(answer.headers))

    def rest(self, stores: Stores) -> None:
        """What lies in the outbox, in the tables and in Redis when a test is over."""
        for message in getattr(mail, "outbox", []):
            self.watch.look("mail", message.subject, message.body, message.extra_headers, by_right={"link"})
        if not self.watch.kinds - {"password"}:
            return
        with connection.cursor() as cursor:
            for name in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)} LIMIT {MOST_ROWS}")  # noqa: S608 - our own tables
                rows = cursor.fetchall()
                if rows:
                    self.watch.look(f"row of {name}", *(_spelled(value) for row in rows for value in row))
        if stores.redis and stores.redis.process:
            with stores.redis.client() as client:
                _look_at_redis(self.watch, client)


def look_at_served(watch: Watch, server: WebServer) -> None:
    """What a served project has written by now: its log, its tables, its Redis."""
    watch.remember("password", PASSWORD)
    watch.look("log of the server", server.logged(), by_right={"link"})
    for name, rows in _tables(server.variables["DATABASE_URL"]):
        watch.look(f"row of {name}", *(_spelled(value) for row in rows for value in row))
    if url := server.variables.get("REDIS_URL"):
        with redis.Redis.from_url(url) as client, contextlib.suppress(redis.RedisError):
            _look_at_redis(watch, client)


def _tables(url: str) -> Iterator[tuple[str, list[Any]]]:
    if url.startswith("sqlite:///"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                yield name, file.execute(f'SELECT * FROM "{name}" LIMIT {MOST_ROWS}').fetchall()  # noqa: S608 - our own tables
    else:
        # A server of the test's own may be stopped by now, and what was there was looked at before.
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url.partition("?")[0]) as server:
            asked = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            for (name,) in server.execute(asked).fetchall():
                yield name, server.execute(f'SELECT * FROM "{name}" LIMIT {MOST_ROWS}').fetchall()  # noqa: S608 - our own tables


def _look_at_redis(watch: Watch, client: Any) -> None:
    for key in client.scan_iter(count=1_000):
        # Not DUMP, which compresses what is long.
        watch.look("value in Redis", key, *_parts(READ[client.type(key)](client, key)))


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple, set)):
        for part in value:
            yield from _parts(part)
    else:
        yield value


def _spelled(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
