"""The project as an issuer with a Redis of its own, and a verifier that follows its feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from verifier import Verifier

from tests.programs import MissingService
from tests.servers import RedisServer
from tests.stores import Stores, give_up
from tests.third_parties.parties import AUDIENCE, Issuer
from tests.third_parties.verdicts import BUDGET
from tests.web import WebServer

Make = Callable[..., Verifier]


@pytest.fixture(scope="module")
def redis(request: pytest.FixtureRequest, stores: Stores) -> Iterator[RedisServer]:
    """The issuer's Redis, of this module alone, which may fail."""
    try:
        server = RedisServer(stores.directory / f"redis-{request.module.__name__}")
    except MissingService as error:
        give_up(error)
    with server:
        yield server


@pytest.fixture(scope="module")
def issuer(serve: Callable[..., WebServer], redis: RedisServer) -> Iterator[Issuer]:
    with Issuer(serve(workers=2, REDIS_URL=redis.url())) as issuer:
        yield issuer


@pytest.fixture
def make(issuer: Issuer, redis: RedisServer) -> Iterator[Make]:
    """A verifier without a client, where clocks agree and nothing was told yet; `asks=True` gives it one."""
    redis.empty()
    with ExitStack() as stack:

        def new(*, asks: bool = False, **options: Any) -> Verifier:
            client = (issuer.client_id, issuer.secret) if asks else None
            chosen = {"redis_url": redis.url(), "budget": BUDGET, "leeway": 0, **options}
            verifier = Verifier(issuer.origin, audience=AUDIENCE, client=client, **chosen)
            stack.callback(lambda: verifier.feed.stop())
            return verifier

        yield new
