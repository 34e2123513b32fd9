"""A bad variable stops the start with its name and without its value; a good one becomes Django's setting."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from authdemo import env

pytestmark = pytest.mark.nodb


def test_a_value_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOUR", "blue")

    assert env.text("COLOUR") == "blue"


@pytest.mark.parametrize(
    ("content", "value"),
    [("blue", "blue"), ("blue\n", "blue"), ("blue \r\n", "blue "), ("a\nb\n\n", "a\nb\n")],
)
def test_a_value_comes_from_a_file_without_its_last_line_break(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, value: str
) -> None:
    (tmp_path / "colour").write_bytes(content.encode())
    monkeypatch.setenv("COLOUR_FILE", str(tmp_path / "colour"))

    assert env.text("COLOUR") == value


@pytest.mark.parametrize("value", [None, ""])
def test_unset_and_empty_give_the_default(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("COLOUR", value)

    assert env.text("COLOUR") is None
    assert env.text("COLOUR", default="red") == "red"


def test_a_variable_and_its_file_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLOUR", "blue")
    monkeypatch.setenv("COLOUR_FILE", str(tmp_path / "colour"))

    with pytest.raises(env.EnvError, match="COLOUR and COLOUR_FILE are both set"):
        env.text("COLOUR")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_that_is_missing_empty_or_no_text_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "colour").write_bytes(content)
    monkeypatch.setenv("COLOUR_FILE", str(tmp_path / "colour"))

    with pytest.raises(env.EnvError, match="COLOUR_FILE"):
        env.text("COLOUR", default="red")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True),
        ("true", True),
        ("YES", True),
        ("on", True),
        ("0", False),
        ("False", False),
        ("no", False),
        ("Off", False),
    ],
)
def test_a_flag_is_on_or_off(monkeypatch: pytest.MonkeyPatch, value: str, *, expected: bool) -> None:
    monkeypatch.setenv("SHINY", value)

    assert env.flag("SHINY", default=not expected) is expected


def test_an_unset_flag_is_its_default() -> None:
    assert env.flag("SHINY") is False
    assert env.flag("SHINY", default=True) is True


def test_a_flag_that_is_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHINY", "maybe-secret")

    with pytest.raises(env.EnvError, match="SHINY: expected one of") as refused:
        env.flag("SHINY")
    assert "maybe-secret" not in str(refused.value)


@pytest.mark.parametrize(("value", "expected"), [("", []), ("a", ["a"]), (" a , b,", ["a", "b"])])
def test_names_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    monkeypatch.setenv("HOSTS", value)

    assert env.names("HOSTS") == expected


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///db.sqlite3", "db.sqlite3"),
        ("sqlite:////srv/data/db.sqlite3", "/srv/data/db.sqlite3"),
        ("sqlite:////srv/my%20data/db%3F.sqlite3", "/srv/my data/db?.sqlite3"),
    ],
)
def test_sqlite_is_a_file_whose_writers_stand_in_line(url: str, path: str) -> None:
    setting = env.database(url)

    assert setting["ENGINE"] == "django.db.backends.sqlite3"
    assert setting["NAME"] == path
    assert setting["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in setting["OPTIONS"]["init_command"]


def test_postgresql_is_reached_by_host_and_port_through_a_pool() -> None:
    setting = env.database(
        "postgresql://al%40ice:p%3A%2F%3F%23@db.example.com:6432/ledger?sslmode=verify-full"
    )

    assert setting["ENGINE"] == "authdemo.postgresql"
    assert (setting["USER"], setting["PASSWORD"]) == ("al@ice", "p:/?#")
    assert (setting["HOST"], setting["PORT"], setting["NAME"]) == ("db.example.com", "6432", "ledger")
    assert setting["CONN_MAX_AGE"] == 0
    assert setting["OPTIONS"]["sslmode"] == "verify-full"
    assert setting["OPTIONS"]["pool"]["max_size"] == 10


def test_postgresql_is_reached_by_a_unix_socket_and_a_pool_of_a_given_size() -> None:
    setting = env.database("postgres://alice@/ledger?host=/run/postgresql&pool=3")

    assert (setting["HOST"], setting["PORT"], setting["PASSWORD"]) == ("/run/postgresql", "", "")
    assert setting["OPTIONS"]["pool"]["max_size"] == 3
    assert "host" not in setting["OPTIONS"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "mysql://alice:s3cret@db/ledger",
        "sqlite://",
        "sqlite:///",
        "sqlite://s3cret/db",
        "sqlite:///:memory:",
        "sqlite:///db?s3cret=1",
        "sqlite:///s3cret#/db",
        "postgresql://alice:s3cret@db",
        "postgresql://alice:s3cret@db/",
        "postgresql://alice:s3cret@db/a/b",
        "postgresql://alice:s3cret/x@db/ledger",
        "postgresql://alice:s3cret?x@db/ledger",
        "postgresql://alice:s3cret#x@db/ledger",
        "postgresql://alice:s3cret[x@db/ledger",
        "postgresql://alice:s3cret%ff@db/ledger",
        "postgresql://alice:s3cret@db:port/ledger",
        "postgresql://alice:s3cret@db:99999/ledger",
        "postgresql://alice:s3cret@db/ledger?pool=0",
        "postgresql://alice:s3cret@db/ledger?pool=s3cret",
        "postgresql://alice:s3cret@db/ledger?pool=٣",
        "postgresql://alice:s3cret@db/ledger?statement_timeout=-1",
        "postgresql://alice:s3cret@db/ledger?pooler=session",
    ],
)
def test_a_database_that_cannot_be_meant_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(env.EnvError, match="DATABASE_URL: ") as refused:
        env.database(url)

    assert "s3cret" not in "".join(traceback.format_exception_only(refused.value))
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "backend", "options"),
    [
        ("console:", "console", {}),
        ("memory:", "locmem", {}),
        ("file:///var/mail%20box", "filebased", {"file_path": "/var/mail box"}),
        (
            "smtp://al%40ice:s%2Fw@mail.example.com",
            "smtp",
            {
                "host": "mail.example.com",
                "port": 587,
                "username": "al@ice",
                "password": "s/w",
                "use_tls": True,
                "use_ssl": False,
            },
        ),
        (
            "smtp://localhost:25?tls=off",
            "smtp",
            {"host": "localhost", "port": 25, "username": "", "use_tls": False},
        ),
        ("smtps://mail.example.com", "smtp", {"port": 465, "use_tls": False, "use_ssl": True}),
    ],
)
def test_mail_goes_where_the_url_says(url: str, backend: str, options: dict[str, Any]) -> None:
    setting = env.email(url)

    mailer = _mailer(setting)
    assert mailer["backend"] == f"django.core.mail.backends.{backend}.EmailBackend"
    assert options.items() <= mailer.items()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "file:",
        "file://s3cret/dir",
        "smtp://",
        "smtp:s3cret",
        "smtp://alice:s3cret@mail:x",
        "smtp://alice:s3cret@mail?tls=s3cret",
        "smtp://mail?s3cret=1",
        "smtps://mail?tls=on",
        "console:?s3cret=1",
    ],
)
def test_mail_that_cannot_be_meant_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(env.EnvError, match="EMAIL_URL: ") as refused:
        env.email(url)

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["redis://:s3cret@127.0.0.1:6379/0", "rediss://cache.example.com", "unix:///run/redis.sock"]
)
def test_the_cache_on_redis_never_pickles_and_never_waits_for_long(url: str) -> None:
    setting = env.cache(url)["default"]

    assert setting["BACKEND"] == "django_redis.cache.RedisCache"
    assert setting["LOCATION"] == url
    assert setting["OPTIONS"]["SERIALIZER"] == "django_redis.serializers.json.JSONSerializer"
    assert setting["OPTIONS"]["SOCKET_TIMEOUT"] <= 1
    assert setting["OPTIONS"]["SOCKET_CONNECT_TIMEOUT"] <= 1


def test_the_cache_is_behind_the_same_sentinels_as_everything_else() -> None:
    setting = env.cache("redis+sentinel://:p%40w@a:1,b/ledger/2?sentinel_password=x%2F")["default"]

    assert setting["LOCATION"] == "redis://:p%40w@ledger/2"
    assert setting["OPTIONS"]["SENTINELS"] == [("a", 1), ("b", 26379)]
    assert setting["OPTIONS"]["SENTINEL_KWARGS"]["password"] == "x/"
    assert setting["OPTIONS"]["SENTINEL_KWARGS"]["socket_timeout"] <= 1
    assert setting["OPTIONS"]["SERIALIZER"] == "django_redis.serializers.json.JSONSerializer"


@pytest.mark.parametrize(
    "url", ["redis+cluster://:s3cret@a", "rediss+sentinel://:s3cret@a/ledger", "redis+sentinel://a/S3cret"]
)
def test_what_django_redis_does_not_know_asks_for_a_cache_of_its_own(url: str) -> None:
    with pytest.raises(env.EnvError, match="CACHE_URL: must be set") as refused:
        env.cache(url)

    assert "s3cret" not in str(refused.value).lower()


@pytest.mark.parametrize("url", ["redis://a:1/0", "redis+sentinel://a/ledger", "rediss+cluster://a", None])
def test_a_redis_that_can_be_meant_is_taken_as_it_is(url: str | None) -> None:
    assert env.redis(url) == url


@pytest.mark.parametrize("url", ["s3cret", "redis://:s3cret/x@a:6379", "redis+sentinel://:s3cret@a:1"])
def test_a_redis_that_cannot_be_meant_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(env.EnvError, match="REDIS_URL: ") as refused:
        env.redis(url)

    assert "s3cret" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "backend"), [("locmem:", "locmem.LocMemCache"), ("none:", "dummy.DummyCache")]
)
def test_the_cache_can_do_without_redis(url: str, backend: str) -> None:
    assert env.cache(url) == {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}


@pytest.mark.parametrize("url", ["", "s3cret", "memcached://s3cret", "redis://:s3cret/x@cache:6379"])
def test_a_cache_that_cannot_be_meant_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(env.EnvError, match="CACHE_URL: ") as refused:
        env.cache(url)

    assert "s3cret" not in str(refused.value)


def _mailer(setting: dict[str, Any]) -> dict[str, Any]:
    """One shape for MAILERS (Django 6.1) and EMAIL_* (Django 5.2)."""
    if "MAILERS" in setting:
        mailer = setting["MAILERS"]["default"]
        return {"backend": mailer["BACKEND"], **mailer["OPTIONS"]}
    new = {"host_user": "username", "host_password": "password"}
    old = {name.removeprefix("EMAIL_").lower(): value for name, value in setting.items()}
    return {new.get(name, name): value for name, value in old.items()}
