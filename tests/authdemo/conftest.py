"""Fixtures of tests of the whole project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts import conf, feed, stream
from tests.accounts.another import database_url
from tests.accounts.noted import Noted, listening
from tests.authdemo.load import Site
from tests.proxy import Proxy
from tests.servers import RedisServer
from tests.web import WebServer
from tokens_stateless import keys


@pytest.fixture
def noted() -> Iterator[Noted]:
    """What the log of events was told during this test."""
    with listening() as handler:
        yield handler


@pytest.fixture
def proxied() -> bool:
    """Whether Redis is reached through a proxy, which costs time of its own."""
    return False


@pytest.fixture
def site(
    redis_server: RedisServer, proxied: bool, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The project in four workers on the test's database, with a Redis of its own."""
    keys.forget()
    keys.signer()
    with Proxy(redis_server.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0" if proxied else redis_server.url()
        settings.ACCOUNTS = replace(conf.current(), feed_url=url)
        monkeypatch.setattr(stream, "_quiet_until", 0.0)
        variables = {
            "DATABASE_URL": database_url(str(connection.settings_dict["NAME"])),
            "REDIS_URL": url,
            "SECRET_KEY": settings.SECRET_KEY,
            "PUBLIC_ORIGIN": settings.PUBLIC_ORIGIN,
        }
        with WebServer(tmp_path / "web", variables=variables, workers=4) as server:
            made = Site(server, redis_server, proxy, tmp_path)
            before = list(feed._followers)
            feed._followers[:] = [made.hear, *before, made.pushed]
            yield made
            feed._followers[:] = before
