"""Fixtures for every test: a database with real commits, servers of the test's own, a browser."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count

import pytest
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import Browser, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from accounts import logins, mail, standing
from tests import leaks, programs, web
from tests.fleets import Cluster, Watched
from tests.leaks import Watch
from tests.programs import MissingService
from tests.servers import PostgresServer, RedisServer
from tests.sinks import Sinks, look_at_served
from tests.stores import Stores, give_up


@pytest.hookimpl(tryfirst=True)  # before pytest-django puts the tests in order by this mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Commits are what this project is about (other processes, on_commit, locks); a test inside a transaction
    # that is rolled back would see none of it. Browsers visit a server with a database of its own.
    for item in items:
        if not any(item.get_closest_marker(name) for name in ("nodb", "browser", "django_db")):
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    # A second try (`--reruns`) begins as the first did, with nothing that was left half changed.
    if getattr(item, "execution_count", 1) > 1:
        for fixtures in item._fixtureinfo.name2fixturedefs.values():
            if fixtures[-1].scope == "module":
                fixtures[-1].finish(item._request)  # type: ignore[arg-type]  # its node is asked


@pytest.fixture(scope="session")
def stores(pytestconfig: pytest.Config) -> Stores:
    """The servers that `--stores` started for this run."""
    return pytestconfig.stash[Stores.key]


@pytest.fixture(autouse=True, scope="session")
def _features_known(django_db_blocker: DjangoDbBlocker) -> None:
    # Django 6.1's checks of models ask SQLite once whether it knows JSON, in tests without a database, too.
    with django_db_blocker.unblock(), closing(connection):
        assert connection.features.supports_json_field


@pytest.fixture(autouse=True)
def _new_process(request: pytest.FixtureRequest, stores: Stores) -> Iterator[None]:
    """What a process and Redis hold begins anew with each test, as the database does."""
    if not request.node.get_closest_marker("django_db"):
        yield
        return
    cache.clear()
    if stores.redis and stores.redis.process:
        stores.redis.empty()
    yield
    # Their threads read the ledger, and between two tests pytest-django lets nobody; the tables are emptied.
    mail.wait()
    standing.stop()
    # Nor is anything left for the thread that writes who was seen.
    logins.writer._keys.clear()


@pytest.fixture(autouse=True, scope="session")
def _sinks() -> Sinks:
    """What goes out of this process is watched from the first test on."""
    sinks = Sinks()
    sinks.install()
    return sinks


@pytest.fixture(autouse=True)
def watch(
    request: pytest.FixtureRequest, _sinks: Sinks, _new_process: None, stores: Stores
) -> Iterator[Watch]:
    """The credentials that this test hands out; it fails if one is found where it must not stand."""
    database = request.node.get_closest_marker("django_db") is not None
    if database:
        request.getfixturevalue("transactional_db")
    leaks.now[0] = found = Watch()
    yield found
    if database:
        _sinks.rest(stores)
    assert found.found() == []


@pytest.fixture
def redis_server(stores: Stores) -> Iterator[RedisServer]:
    """A Redis for this test alone, which it may stop, restart and empty."""
    try:
        server = RedisServer(stores.directory / f"redis-{next(_numbers)}")
    except MissingService as error:
        give_up(error)
    with server:
        yield server


@pytest.fixture(scope="module")
def cluster(stores: Stores) -> Iterator[Cluster]:
    """A Redis Cluster for this module alone; what a test does to it, it undoes."""
    try:
        made = Cluster(stores.directory / f"cluster-{next(_numbers)}")
    except MissingService as error:
        give_up(error)
    with made:
        yield made


@pytest.fixture
def watched(stores: Stores) -> Iterator[Watched]:
    """A Redis with a replica, watched by Sentinels, for this test alone."""
    try:
        made = Watched(stores.directory / f"watched-{next(_numbers)}")
    except MissingService as error:
        give_up(error)
    with made:
        yield made


@pytest.fixture
def postgres_server(stores: Stores) -> Iterator[PostgresServer]:
    """A PostgreSQL for this test alone, which it may stop and restart."""
    try:
        server = PostgresServer(stores.directory / f"postgres-{next(_numbers)}")
    except MissingService as error:
        give_up(error)
    with server:
        yield server


@pytest.fixture(scope="session")
def prepared_database(stores: Stores) -> Callable[[], str]:
    """Each call is the DATABASE_URL of a new database with its tables, a signing key and the demo people."""
    name = "prepared"
    file = stores.directory / "prepared.sqlite3"
    url = stores.postgres.create(name) if stores.postgres else f"sqlite:///{file}"
    for command in (["migrate"], ["signing_keys", "ensure"], ["demo"]):
        web.manage(*command, variables={"DATABASE_URL": url})

    def copy() -> str:
        if stores.postgres:
            return stores.postgres.create(f"copy{next(_numbers)}", template=name)
        new = file.with_stem(f"copy{next(_numbers)}")
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(new)) as target:
            source.backup(target)
        return f"sqlite:///{new}"

    return copy


@pytest.fixture(scope="module")
def serve(stores: Stores, prepared_database: Callable[[], str]) -> Iterator[Callable[..., web.WebServer]]:
    """Serve the project as `make run` does, on a new database with the demo people, until the module ends."""
    leaks.served[0] = Watch()
    servers: list[web.WebServer] = []
    with ExitStack() as stack:

        def start(*, workers: int = 2, **variables: str) -> web.WebServer:
            number = next(_numbers)
            variables = {"DATABASE_URL": prepared_database(), **variables}
            if stores.redis:
                variables.setdefault("REDIS_URL", stores.redis.url(1 + number % 15))
            directory = stores.directory / f"web-{number}"
            servers.append(web.WebServer(directory, variables=variables, workers=workers))
            return stack.enter_context(servers[-1])

        yield start
        for server in servers:
            look_at_served(leaks.served[0], server)
    assert leaks.served[0].found() == []


@pytest.fixture(scope="module")
def _running() -> Iterator[Callable[[], Browser]]:
    """A Chromium, or where that has crashed, a new one."""
    # Not for the whole run: while Playwright is up, the thread counts as asynchronous, and the ORM refuses.
    try:
        program = programs.chromium()
    except MissingService as error:
        give_up(error)
    with sync_playwright() as playwright:
        started: list[Browser] = []

        def running() -> Browser:
            if not (started and started[-1].is_connected()):
                kind = playwright.chromium
                started.append(kind.launch(executable_path=program, args=programs.CHROMIUM_FLAGS))
            return started[-1]

        yield running
        for each in started:
            each.close()


@pytest.fixture
def browser(_running: Callable[[], Browser]) -> Browser:
    """A Chromium; `browser.new_context()` is a new visitor. For modules with nothing but browser tests."""
    return _running()


_numbers = count(1)
