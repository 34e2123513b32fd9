"""The environment, read in one place: installations differ in variables only, and a bad one stops the start.

Messages name the variable and the rule that was broken, never the value: it may hold a password.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import django

from accounts import whereabouts

Setting = dict[str, Any]

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class EnvError(ValueError):
    """A variable of the environment cannot be used; the message names it and never shows its value."""


def text(name: str, *, default: str | None = None) -> str | None:
    """The value of NAME, or what the file NAME_FILE holds without its last line break; empty means unset."""
    value, path = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if value and path:
        raise EnvError(f"{name} and {name}_FILE are both set; set one of them")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").removesuffix("\n")
        except OSError as error:
            raise EnvError(f"{name}_FILE: cannot read {path}: {error.strerror}") from None
        except ValueError:
            raise EnvError(f"{name}_FILE: {path!r} is not a path of a text file in UTF-8") from None
        if not value:
            raise EnvError(f"{name}_FILE: {path} is empty")
    return value or default


def flag(name: str, *, default: bool = False) -> bool:
    """True or false from 1/0, true/false, yes/no, on/off in any case."""
    value = text(name)
    return default if value is None else _truth(value, name=name)


def names(name: str) -> list[str]:
    """The parts of a comma-separated value, without blanks around them; unset is an empty list."""
    return [part for part in (part.strip() for part in (text(name) or "").split(",")) if part]


def database(url: str, *, name: str = "DATABASE_URL") -> Setting:
    """One entry of DATABASES from `sqlite:///file`, `sqlite:////absolute/file` or `postgresql://user:pw@host/name`.

    PostgreSQL takes `?host=/directory` for a Unix socket, `?pool=` for the most connections of one process,
    `?statement_timeout=` in seconds, `?pooler=transaction` when a pooler of that kind stands before it, and
    any option of libpq, such as `sslmode=verify-full`.
    """
    parts, options = _split(url, name=name)
    if parts.scheme not in ("sqlite", "postgres", "postgresql"):
        raise EnvError(f"{name}: the scheme must be sqlite, postgres or postgresql")
    return (_sqlite if parts.scheme == "sqlite" else _postgresql)(parts, options, name=name)


def email(url: str, *, name: str = "EMAIL_URL") -> Setting:
    """The settings that send mail by `console:`, `memory:`, `file:///directory` or `smtp://user:pw@host:port`.

    `smtp:` (port 587) uses STARTTLS unless `?tls=off` says the way is trusted; `smtps:` (465) is TLS only.
    """
    parts, options = _split(url, name=name)
    match parts.scheme:
        case "console" | "memory":
            kind, given = "locmem" if parts.scheme == "memory" else "console", {}
        case "file" if parts.path.startswith("/") and not parts.netloc:
            kind, given = "filebased", {"file_path": _decoded(parts.path, name=name)}
        case "smtp" | "smtps" if parts.hostname:
            kind, given = "smtp", _smtp(parts, options, name=name)
        case _:
            raise EnvError(
                f"{name}: expected console:, memory:, file:///directory, smtp://host, smtps://host"
            )
    if options:
        raise EnvError(f"{name}: an option after ? is not known here")
    return _mailer(f"django.core.mail.backends.{kind}.EmailBackend", given)


def redis(url: str | None, *, name: str = "REDIS_URL") -> str | None:
    """The same address, if it can be of a Redis, of Sentinels or of a Cluster (docs/settings.md)."""
    try:
        whereabouts.demand(url or "", name=name)
    except whereabouts.UnusableURL as error:
        raise EnvError(str(error)) from None
    return url


def cache(url: str, *, name: str = "CACHE_URL") -> dict[str, Setting]:
    """CACHES from `redis://…`, `rediss://…`, `unix://…` or `redis+sentinel://…`, `locmem:` or `none:`."""
    if whereabouts.SEVERAL.fullmatch(url):
        return _cache_behind_sentinels(url, name=name)
    parts, _ = _split(url, name=name)
    if backend := {"locmem": "locmem.LocMemCache", "none": "dummy.DummyCache"}.get(parts.scheme):
        return {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise EnvError(f"{name}: expected redis://, rediss://, unix://, redis+sentinel://, locmem: or none:")
    return _redis_cache(url, {})


def _redis_cache(url: str, more: Setting) -> dict[str, Setting]:
    options = {
        # django-redis pickles by default: whoever can write to Redis could then run code here.
        "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
        # Without these a Redis that hangs would hang every request with it. One try, as redis-py does for a
        # pool: a connection that was closed meanwhile is noticed, and made anew, before it is used.
        "SOCKET_CONNECT_TIMEOUT": 0.5,
        "SOCKET_TIMEOUT": 0.5,
        **more,
    }
    return {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": options}}


def _cache_behind_sentinels(url: str, *, name: str) -> dict[str, Setting]:
    redis(url, name=name)
    told = whereabouts.read(url)
    server = urlsplit(told.url)
    said = parse_qsl(urlsplit(told.sentinel_url).query)
    # Its address holds the service as a host, which is read in lower case; with TLS it takes the wrong class.
    if told.kind != "sentinel" or server.scheme != "redis" or told.service != told.service.lower():
        raise EnvError(
            f"{name}: must be set to an address of its own, or locmem: – django-redis knows no Cluster, no "
            "Sentinels over TLS, and no service with capitals"
        )
    who, at, _first = server.netloc.rpartition("@")
    known = {key: value for key, value in said if key in ("username", "password")}
    more = {
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        "SENTINELS": list(told.hosts),
        "SENTINEL_KWARGS": {**known, "socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
    return _redis_cache(f"redis://{who}{at}{told.service}{server.path}", more)


def _sqlite(parts: SplitResult, options: dict[str, str], *, name: str) -> Setting:
    path = _decoded(parts.path, name=name).removeprefix("/")
    if parts.netloc or not path or options:
        raise EnvError(f"{name}: expected sqlite:///file or sqlite:////absolute/file")
    if path == ":memory:":
        raise EnvError(f"{name}: a database in memory belongs to one process, and several serve; name a file")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Opening (file, pragmas, functions) costs 0.4 ms, thirty times a query: a thread keeps its own.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # A transaction that reads, then writes, fails at once if another wrote in between, whatever the
            # timeout; IMMEDIATE makes writers stand in line from the start.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            # Readers and the writer do not wait for each other; a commit outlives a killed process without an
            # fsync. A power cut may take the last ones back: where that matters, use PostgreSQL.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }


def _postgresql(parts: SplitResult, options: dict[str, str], *, name: str) -> Setting:
    database_name = _decoded(parts.path.removeprefix("/"), name=name)
    if not database_name or "/" in parts.path.removeprefix("/"):
        raise EnvError(f"{name}: expected postgresql://user:password@host:port/database")
    most = _number(options.pop("pool", "10"), name=f"{name}: pool", least=1)
    longest = _number(options.pop("statement_timeout", "30"), name=f"{name}: statement_timeout")
    if (pooler := options.pop("pooler", "none")) not in ("none", "transaction"):
        raise EnvError(f"{name}: pooler must be transaction, or left out")
    if pooler == "none":
        # Kept by the server, whatever happens here. A lock is waited for less long than a statement may run:
        # whoever stands in that line keeps others waiting. With `options` of one's own one sets these, too.
        limits = {"statement_timeout": longest, "lock_timeout": 5, "idle_in_transaction_session_timeout": 30}
        options.setdefault("options", " ".join(f"-c {limit}={value}s" for limit, value in limits.items()))
    return {
        "ENGINE": "authdemo.postgresql",
        "NAME": database_name,
        "USER": _decoded(parts.username or "", name=name),
        "PASSWORD": _decoded(parts.password or "", name=name),
        "HOST": options.pop("host", "") or _decoded(parts.hostname or "", name=name),
        "PORT": str(parts.port or ""),
        # A new connection costs many times a statement. Django's persistent ones belong to a thread, and
        # under ASGI each request has a new one; psycopg's pool belongs to the process. Beside a pool Django
        # wants CONN_MAX_AGE 0: the connection goes back when the request ends.
        "CONN_MAX_AGE": 0,
        # An empty round trip when a connection is lent; without it, each that died with a restarted server
        # costs somebody a failed request.
        "CONN_HEALTH_CHECKS": True,
        # A cursor of the server's lives on one of its sessions; the next transaction may get another.
        "DISABLE_SERVER_SIDE_CURSORS": pooler == "transaction",
        "OPTIONS": {
            "connect_timeout": 3,
            # The network has swallowed the server: what was sent is not acknowledged for 5 s, or no answer
            # comes and the probes that follow after 10 s do not, either. Not for a server that is busy.
            "tcp_user_timeout": 5000,
            "keepalives_idle": 10,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            # To plan the look-up of a session takes longer than to answer it, so what a connection has asked
            # five times is planned once. Not behind a pooler: the next transaction has another session.
            "server_side_binding": pooler == "none",
            "prepare_threshold": 5 if pooler == "none" else None,
            # With the server away, or every connection lent, a request fails after `timeout` seconds. The
            # pool tries again twice; then a request has it try, and not, as by default, a clock that goes
            # slower and slower: a server that is back would stay unnoticed for minutes.
            "pool": {"min_size": 1, "max_size": most, "timeout": 2, "reconnect_timeout": 1},
            **options,
        },
    }


def _number(value: str, *, name: str, least: int = 0) -> int:
    if not re.fullmatch("[0-9]{1,4}", value) or int(value) < least:
        raise EnvError(f"{name} must be a whole number from {least} to 9999")
    return int(value)


def _smtp(parts: SplitResult, options: dict[str, str], *, name: str) -> Setting:
    implicit = parts.scheme == "smtps"
    return {
        "host": _decoded(parts.hostname or "", name=name),
        "port": parts.port or (465 if implicit else 587),
        "username": _decoded(parts.username or "", name=name),
        "password": _decoded(parts.password or "", name=name),
        "use_ssl": implicit,
        "use_tls": not implicit and _truth(options.pop("tls", "on"), name=f"{name}: tls"),
        "timeout": 10,
    }


def _mailer(backend: str, given: Setting) -> Setting:
    # Django 6.1 has MAILERS and warns about the settings that Django 5.2 needs instead.
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": given}}}
    old = {"username": "HOST_USER", "password": "HOST_PASSWORD"}
    return {"EMAIL_BACKEND": backend} | {f"EMAIL_{old.get(key, key.upper())}": given[key] for key in given}


def _split(url: str, *, name: str) -> tuple[SplitResult, dict[str, str]]:
    # urlsplit reads the port only when asked, and its messages quote the value: both are settled here.
    try:
        parts = urlsplit(url)
        _ = parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query), errors="strict"))
    except ValueError:
        raise EnvError(f"{name}: not a URL; in a password write / ? # [ ] as %2F %3F %23 %5B %5D") from None
    if parts.fragment:
        raise EnvError(f"{name}: write # as %23")
    return parts, options


def _decoded(part: str, *, name: str) -> str:
    try:
        return unquote(part, errors="strict")
    except ValueError:
        raise EnvError(f"{name}: a percent-encoded part is not UTF-8") from None


def _truth(value: str, *, name: str) -> bool:
    if value.lower() not in TRUE + FALSE:
        raise EnvError(f"{name}: expected one of {', '.join(TRUE + FALSE)}")
    return value.lower() in TRUE
