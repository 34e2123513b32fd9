"""What the tests of the ledger force with: threads, gates that hold them, a second process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any, TypeVar

import pytest
from django.db import connections

from accounts import conf, feed, logins, stream
from accounts import reader as reader_module
from accounts.reader import LedgerReader
from tests.accounts.another import AnotherProcess
from tests.accounts.neighbours import Neighbours
from tests.accounts.noted import Noted, listening
from tests.programs import MissingService
from tests.proxy import Proxy
from tests.servers import RedisServer
from tests.stores import Stores, give_up

T = TypeVar("T")


class Gate:
    """Holds whoever calls the function it stands before, once, until it is opened."""

    def __init__(self) -> None:
        self._reached, self._open = Event(), Event()

    def hold(self) -> None:
        """Wait here, if nobody has waited here before."""
        if self._reached.is_set():
            return
        self._reached.set()
        assert self._open.wait(20), "nobody opened the gate"

    def await_somebody(self) -> None:
        """Return when somebody stands at the gate."""
        assert self._reached.wait(20), "nobody came to the gate"

    def open(self) -> None:
        """Let them pass."""
        self._open.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Gate]]:
    """`gate(module, "name")` puts a gate before a function, `after=True` behind it."""
    gates: list[Gate] = []

    def put(owner: Any, name: str, *, after: bool = False) -> Gate:
        real, new = getattr(owner, name), Gate()
        gates.append(new)

        def held(*args: Any, **kwargs: Any) -> Any:
            if not after:
                new.hold()
            result = real(*args, **kwargs)
            if after:
                new.hold()
            return result

        monkeypatch.setattr(owner, name, held)
        return new

    yield put
    for one in gates:
        one.open()


@pytest.fixture
def aside(gate: object) -> Iterator[Callable[[Callable[[], T]], Future[T]]]:
    """`aside(job)` runs it in a thread with database connections of its own."""
    # It asks for `gate` so that whoever stands at one is let go before the threads are waited for.
    with ThreadPoolExecutor(8) as pool:

        def run(job: Callable[[], T]) -> Future[T]:
            def own() -> T:
                try:
                    return job()
                finally:
                    connections.close_all()

            return pool.submit(own)

        yield run


@pytest.fixture
def news() -> Iterator[list[feed.News]]:
    """All news that this process publishes during the test."""
    heard: list[feed.News] = []
    feed.follow(heard.append)
    yield heard
    feed._followers.remove(heard.append)


@pytest.fixture
def noted() -> Iterator[Noted]:
    """What the log of events was told during this test."""
    with listening() as handler:
        yield handler


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`clock(60)`: a minute passes for this process."""
    passed = [0.0]
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def move(seconds: float) -> None:
        passed[0] += seconds

    return move


@pytest.fixture
def no_reader(settings: Any) -> None:
    """Nothing is read but what a request reads."""
    settings.ACCOUNTS = replace(conf.current(), standing_interval=timedelta(hours=1), feed_url="")


@pytest.fixture
def reader() -> Iterator[LedgerReader]:
    """A reader that has not read yet."""
    new = LedgerReader()
    yield new
    new.close()


@pytest.fixture
def no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark must do alone, without the 30 s before it."""
    monkeypatch.setattr(reader_module, "OVERLAP", timedelta(0))


@pytest.fixture
def pushing(redis_server: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process pushes into the Redis of this test, whatever has failed in the last second."""
    settings.ACCOUNTS = replace(conf.current(), feed_url=redis_server.url())
    monkeypatch.setattr(stream, "_quiet_until", 0.0)


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    """Stands before the Redis of this test."""
    with Proxy(redis_server.port) as between:
        yield between


@pytest.fixture
def follow(redis_server: RedisServer) -> Iterator[Callable[..., stream.Follower]]:
    """`follow()`: a follower that is open, of this Redis or of what listens at another port."""
    opened: list[stream.Follower] = []

    def begin(port: int | None = None) -> stream.Follower:
        opened.append(stream.Follower(f"redis://127.0.0.1:{port or redis_server.port}/0"))
        assert opened[-1].tend()
        return opened[-1]

    yield begin
    for follower in opened:
        follower.close()


@pytest.fixture(autouse=True)
def _nothing_waits_to_be_written() -> None:
    """What earlier tests have put aside would be written in the middle of one that counts."""
    with logins.writer._lock:
        logins.writer._keys.clear()
    logins._next_put.clear()


@pytest.fixture(scope="session")
def _another(django_db_setup: None) -> Iterator[AnotherProcess]:
    with AnotherProcess(database=str(connections["default"].settings_dict["NAME"])) as process:
        yield process


@pytest.fixture
def another(_another: AnotherProcess) -> Iterator[AnotherProcess]:
    """A second operating-system process on the same database, which knows nothing yet."""
    _another.ask("begin anew")
    yield _another
    _another.ask("begin anew")


@pytest.fixture(scope="module")
def _neighbours(
    stores: Stores, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neighbours]:
    try:
        redis = RedisServer(tmp_path_factory.mktemp("redis"))
    except MissingService as error:
        give_up(error)
    database = str(connections["default"].settings_dict["NAME"])
    with redis, Proxy(redis.port) as proxy:
        through = f"redis://127.0.0.1:{proxy.port}/0"
        with (
            AnotherProcess(database=database, REDIS_URL=redis.url()) as near,
            AnotherProcess(database=database, REDIS_URL=through) as far,
        ):
            yield Neighbours(redis, proxy, near, far)


@pytest.fixture
def neighbours(
    _neighbours: Neighbours, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Neighbours]:
    """Two more processes, which follow; this one pushes into the same Redis."""
    settings.ACCOUNTS = replace(conf.current(), feed_url=_neighbours.redis.url())
    monkeypatch.setattr(stream, "_quiet_until", 0.0)
    _neighbours.begin_anew()
    yield _neighbours
    for one in (_neighbours.near, _neighbours.far):
        one.ask("begin anew")


@pytest.fixture
def committed() -> Iterator[list[float]]:
    """The instants at which this process has committed news, before it pushed them."""
    instants: list[float] = []

    def note(_news: feed.News) -> None:
        instants.append(time.time())

    feed._followers.insert(0, note)
    yield instants
    feed._followers.remove(note)
