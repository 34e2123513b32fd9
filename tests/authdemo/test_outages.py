"""Redis away, slow, read-only, full, or back with old data; the database away; both: as a visitor sees it.

Each row of the table in docs/operations.md is one of these tests.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests import web
from tests.authdemo.outages import People, Site, browser, refuses_well, timed, touches_session
from tests.proxy import Proxy
from tests.servers import PostgresServer, RedisServer, wait_until
from tests.stores import Stores
from tests.visitor import Answer, Visitor

pytestmark = [pytest.mark.nodb, pytest.mark.slow, pytest.mark.redis, pytest.mark.postgres]

REQUESTS = 60


@pytest.fixture(scope="module")
def postgres(stores: Stores) -> Iterator[PostgresServer | None]:
    """One that this module may stop; None on SQLite, which has no server to lose."""
    if not stores.postgres:
        yield None
        return
    with PostgresServer(stores.directory / "postgres-outages") as server:
        yield server


@pytest.fixture(scope="module")
def serving(
    stores: Stores, postgres: PostgresServer | None, prepared_database: Callable[[], str]
) -> Iterator[Site]:
    if not stores.redis:
        pytest.skip("without Redis there is nothing that could be away but the database")
    directory = stores.directory / "outages"
    with RedisServer(directory / "redis") as redis, Proxy(redis.port) as to_redis:
        redis_url = f"redis://127.0.0.1:{to_redis.port}/0"
        if postgres is None:
            variables = {"DATABASE_URL": prepared_database(), "REDIS_URL": redis_url}
            with web.WebServer(directory / "web", variables=variables) as server:
                yield Site(server, redis, to_redis, None, None)
            return
        direct = postgres.create("outages")
        for command in (["migrate"], ["signing_keys", "ensure"], ["demo"]):
            web.manage(*command, variables={"DATABASE_URL": direct})
        with Proxy(postgres.directory / ".s.PGSQL.5432") as to_postgres:
            database_url = f"postgresql://postgres@127.0.0.1:{to_postgres.port}/outages"
            variables = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
            with web.WebServer(directory / "web", variables=variables) as server:
                yield Site(server, redis, to_redis, postgres, to_postgres)


@pytest.fixture
def site(serving: Site) -> Iterator[Site]:
    """All is well before, and nothing was a fault of ours after."""
    serving.heal()
    before = len(serving.faults())
    yield serving
    assert serving.faults()[before:] == []


def _configure(site: Site, **values: int) -> None:
    with site.redis.client() as client:
        for name, value in values.items():
            client.config_set(name, value)


def _read_only(site: Site) -> None:
    with site.redis.client() as client:
        client.replicaof("127.0.0.1", 1)


REDIS: dict[str, Callable[[Site], None]] = {
    "stopped": lambda site: site.redis.stop(),
    "cut off": lambda site: site.to_redis.refuses(),
    "silent": lambda site: site.to_redis.holds(),
    "slow": lambda site: site.to_redis.delays(0.1),
    "slower than anybody waits": lambda site: site.to_redis.delays(0.4),
    "read-only": _read_only,
    "full": lambda site: _configure(site, maxmemory=1),
    "emptied": lambda site: site.redis.empty(),
    "restarted, empty": lambda site: site.redis.restart(),
}


def use_everything(people: People) -> None:
    """Whatever people do works; what they end is refused from the next request on."""
    seen = [timed(lambda: people.page.get("/api/me/")) for _ in range(REQUESTS)]
    assert {(answer.status, touches_session(answer)) for answer in seen} == {(200, False)}
    assert {timed(people.by_token).status for _ in range(10)} == {200}
    assert (timed(people.refresh).status, timed(people.token).status) == (200, 200)
    assert timed(people.sign_in).status == 302
    end = timed(lambda: people.page.post(f"/logins/{people.other_login}/end/", {}))
    assert end.status == 302
    wait_until(lambda: people.other.get("/api/me/").status == 401, what="refused", seconds=10)
    # What the first browser's session was told by one request, the next one finds in it.
    assert "That sign-in has ended." in timed(lambda: people.page.get("/logins/")).text


@pytest.mark.parametrize("fault", REDIS)
def test_whatever_befalls_redis_everybody_goes_on(site: Site, fault: str) -> None:
    """The database serves; nobody is signed out, and nobody who was comes back with it."""
    people = People(site.server.origin)
    leaving = browser(site.server.origin)
    left = dict(leaving.cookies)

    REDIS[fault](site)
    use_everything(people)
    assert timed(lambda: leaving.post("/logout/", {})).status == 302
    site.heal()

    leaving.cookies = left
    assert {leaving.get("/api/me/").status for _ in range(6)} == {401}
    assert {people.other.get("/api/me/").status for _ in range(6)} == {401}
    assert {people.page.get("/api/me/").status for _ in range(6)} == {200}


def test_a_redis_that_is_away_is_tried_once_a_second_and_not_by_each_request(site: Site) -> None:
    people = People(site.server.origin)
    site.to_redis.refuses()
    before, began = site.to_redis.taken, time.monotonic()

    answers = [people.page.get("/api/me/") for _ in range(60)]

    # Sessions and feed, of two workers; the first try of each finds an old connection dead.
    most = 4 * (time.monotonic() - began + 2) + 4
    assert {answer.status for answer in answers} == {200}
    assert site.to_redis.taken - before <= most


def test_a_redis_that_is_back_with_old_data_brings_nobody_and_nothing_back(site: Site) -> None:
    """S4: Logins end and a session changes while it is away; then it has what it had."""
    people = People(site.server.origin)
    old = dict(people.page.cookies)
    copies = _copies(site)
    site.redis.stop(keep=True)

    use_everything(people)
    assert people.sign_out().status == 302
    site.redis.start()
    assert copies <= _copies(site)
    site.heal()

    people.page.cookies = old
    assert {people.page.get("/api/me/").status for _ in range(12)} == {401}
    assert {people.other.get("/api/me/").status for _ in range(12)} == {401}


def _copies(site: Site) -> set[bytes]:
    with site.redis.client() as client:
        return set(client.keys("authdemo:s:*"))


def _database(site: Site) -> tuple[PostgresServer, Proxy]:
    if site.postgres is None or site.to_postgres is None:
        pytest.skip("SQLite has no server to lose")
    return site.postgres, site.to_postgres


DATABASE: dict[str, Callable[[PostgresServer, Proxy], None]] = {
    "stopped": lambda server, _way: server.stop(),
    "cut off": lambda _server, way: way.refuses(),
    "silent": lambda _server, way: way.holds(),
}


def nobody_knows(people: People) -> bool:
    """Whether both workers are beyond their budget."""
    return all(people.by_token().status == 503 for _ in range(8))


@pytest.mark.parametrize("fault", DATABASE)
def test_with_the_database_away_who_is_known_is_served_for_the_budget_and_then_nobody(
    site: Site, fault: str
) -> None:
    """Never open, never a fault, never signed out: the same cookies and tokens are good when it is back."""
    people = People(site.server.origin)
    cookies = dict(people.page.cookies)

    DATABASE[fault](*_database(site))
    known = [people.other.get("/api/me/").status, people.by_token().status, people.other.get("/").status]
    early = {name: refuses_well(timed(act)) for name, act in people.needing_the_database().items()}
    wait_until(lambda: nobody_knows(people), what="the budget is over", seconds=20)
    late = {name: refuses_well(timed(act)) for name, act in people.needing_the_database().items()}
    unknown = [people.other.get("/api/me/"), people.other.get("/"), people.by_token()]
    visitor = Visitor(site.server.origin)
    paths = ("/", "/login/", "/.well-known/jwks.json", "/healthz", "/readyz")
    open_to_all = [visitor.get(path).status for path in paths]
    site.heal()

    assert known == [200, 200, 200]
    assert (set(early.values()), set(late.values())) == ({True}, {True}), (early, late)
    assert [refuses_well(answer) for answer in unknown] == [True, True, True]
    assert open_to_all == [200, 200, 200, 200, 503]
    assert people.page.cookies["sid"] == cookies["sid"]
    use_everything(people)


def test_a_database_that_is_away_is_not_waited_for_by_each_request(site: Site) -> None:
    """One waits two seconds, and holds nobody up."""
    people, (_server, way) = People(site.server.origin), _database(site)
    way.refuses()
    wait_until(lambda: nobody_knows(people), what="the budget is over", seconds=20)
    before, began = way.taken, time.monotonic()

    answers = [people.page.get("/api/me/") for _ in range(60)]

    # Without a door each would have waited two seconds: two minutes.
    assert time.monotonic() - began < 50
    assert {answer.status for answer in answers} == {503}
    # Readers, those who write behind, and whoever tries: two workers.
    assert way.taken - before <= 20 * (time.monotonic() - began + 2)


def test_a_database_that_was_restarted_costs_nobody_a_refusal(site: Site) -> None:
    people, (server, _way) = People(site.server.origin), _database(site)
    server.restart()

    answers = [timed(lambda: people.page.get("/logins/")) for _ in range(12)]

    assert {answer.status for answer in answers} == {200}
    use_everything(people)


def test_a_process_that_starts_without_a_database_says_so_and_serves_when_it_is_there(site: Site) -> None:
    people, (_server, way) = People(site.server.origin), _database(site)
    cookies = dict(people.page.cookies)
    way.refuses()

    with site.server.another("late") as late:
        asked = (
            lambda: people.page.get("/api/me/", at=late.origin),
            lambda: _by_token(people, at=late.origin),
        )
        assert [refuses_well(timed(one)) for one in asked] == [True, True]
        site.heal()
        wait_until(lambda: people.page.get("/api/me/", at=late.origin).status == 200, what="served")
        wait_until(lambda: _by_token(people, at=late.origin).status == 200, what="served")
        assert people.page.cookies == cookies


def _by_token(people: People, *, at: str) -> Answer:
    return Visitor(at).bearer(people.program["access"])


def test_with_both_away_tokens_live_for_the_budget_and_nobody_is_signed_out(site: Site) -> None:
    people, (_server, way) = People(site.server.origin), _database(site)
    cookies = dict(people.page.cookies)
    site.redis.kill()
    way.refuses()

    known = people.by_token().status
    session = timed(lambda: people.page.get("/api/me/"))
    wait_until(lambda: nobody_knows(people), what="the budget is over", seconds=20)
    late = {name: refuses_well(timed(act)) for name, act in people.needing_the_database().items()}
    site.heal()

    assert (known, refuses_well(session)) == (200, True)
    assert set(late.values()) == {True}, late
    assert people.page.cookies["sid"] == cookies["sid"]
    use_everything(people)


def test_while_somebody_else_writes_to_sqlite_who_only_reads_is_served(
    stores: Stores, serve: Callable[..., web.WebServer]
) -> None:
    if stores.postgres:
        pytest.skip("PostgreSQL locks rows")
    server = serve()
    people = People(server.origin)

    with closing(sqlite3.connect(server.variables["DATABASE_URL"].removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        reading = [people.page.get(path).status for path in ("/api/me/", "/logins/", "/")]
        token, refused = people.by_token().status, people.sign_in()

    assert ([*reading, token], refuses_well(refused)) == ([200] * 4, True)
    assert people.sign_in().status == 302
