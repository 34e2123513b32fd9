"""Each question goes to the server that has the key, however that has moved, and says who has answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as HungUp
from redis.exceptions import TimeoutError

from accounts import whereabouts
from accounts.nodes import AsyncNodes, Link, Nodes
from tests.fleets import SERVICE, Cluster, Watched, freeze, thaw
from tests.servers import RedisServer, free_port, wait_until
from tests.stores import Stores

pytestmark = [pytest.mark.nodb, pytest.mark.redis]

PATIENCE = 0.25
Opened = Callable[[str], Nodes]


@pytest.fixture
def nodes() -> Iterator[Opened]:
    """`nodes(url)`: connections, hung up at the end."""
    made: list[Nodes] = []

    def make(url: str) -> Nodes:
        made.append(Nodes(whereabouts.find(url, patience_seconds=PATIENCE)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def put(nodes: Nodes, key: str, value: str) -> str:
    """Put it there; who has it."""
    return nodes.at(key, lambda link: link.ask("SET", key, value))[1]


def get(nodes: Nodes, key: str) -> tuple[bytes | None, str]:
    """What is there, and who has it."""
    return nodes.at(key, lambda link: link.ask("GET", key))


def run_id(server: RedisServer) -> str:
    """What it calls itself."""
    with server.client() as client:
        return str(client.info("server")["run_id"])


def taken(server: RedisServer, command: str) -> int:
    """How often it was asked that."""
    with server.client() as client:
        stats: dict[str, Any] = client.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_one_server_is_asked_over_one_connection(redis_server: RedisServer, nodes: Opened) -> None:
    here = nodes(redis_server.url())

    names = {put(here, f"key {number}", "x") for number in range(10)}

    assert (names, here.run_ids()) == ({run_id(redis_server)}, {whereabouts.ONE: run_id(redis_server)})
    assert taken(redis_server, "set") == 10
    with redis_server.client() as client:
        assert len(client.client_list()) == 2


def test_a_server_that_was_restarted_is_asked_at_once_and_has_another_name(
    redis_server: RedisServer, nodes: Opened
) -> None:
    here = nodes(redis_server.url())
    before = put(here, "key", "x")
    redis_server.restart()

    value, name = get(here, "key")

    assert value is None
    assert before != name == run_id(redis_server)


class OnUnixSocket(RedisServer):
    """One that is also reached by a file."""

    def command(self) -> Sequence[str | Path]:
        return [*super().command(), "--unixsocket", self.directory / "s"]


def test_a_unix_socket_leads_to_it_in_a_thread_and_in_a_loop(stores: Stores, nodes: Opened) -> None:
    async def visit(url: str) -> bytes:
        here = AsyncNodes(whereabouts.find(url, patience_seconds=PATIENCE))
        found: bytes = (await here.at("key", lambda link: link.aask("GET", "key")))[0]
        await here.close()
        return found

    with OnUnixSocket(stores.directory / "unix") as server:
        url = f"unix://{server.directory}/s"
        name = put(nodes(url), "key", "x")

        assert name == run_id(server)
        assert asyncio.run(visit(url)) == b"x"


def test_each_key_is_asked_at_its_node(cluster: Cluster, nodes: Opened) -> None:
    here, keys = nodes(cluster.url()), [f"key {number}" for number in range(30)]
    names = [put(here, key, key) for key in keys]

    assert names == [run_id(cluster.holder(key)) for key in keys]
    assert len(set(names)) == len(here.run_ids()) == 3


def test_the_part_in_braces_places_a_key(cluster: Cluster, nodes: Opened) -> None:
    here = nodes(cluster.url())

    assert len({put(here, f"{number}{{same}}", "x") for number in range(10)}) == 1


def test_the_slots_are_learnt_once(cluster: Cluster, nodes: Opened) -> None:
    here = nodes(cluster.url())
    before = taken(cluster.servers[0], "cluster")

    for number in range(30):
        put(here, f"key {number}", "x")

    assert taken(cluster.servers[0], "cluster") == before + 1


def test_a_slot_that_has_moved_is_found_again(cluster: Cluster, nodes: Opened) -> None:
    here, there = nodes(cluster.url()), cluster.another("moves")
    before = put(here, "moves", "x")
    cluster.move("moves", to=there)

    value, name = get(here, "moves")

    assert value == b"x"
    assert before != name == run_id(there)
    assert here.where.address("moves") == ("127.0.0.1", there.port)


def test_a_slot_that_is_being_moved_answers_from_wherever_the_key_is(cluster: Cluster, nodes: Opened) -> None:
    here, there = nodes(cluster.url()), cluster.another("moving")
    stays = put(here, "moving", "x")
    cluster.move("moving", to=there, only_begin=True)

    assert get(here, "moving") == (b"x", run_id(there))
    both = [("SET", "moving", "y"), ("APPEND", "moving", "z")]
    assert here.at("moving", lambda link: link.ask_all(both)) == ([b"OK", 2], run_id(there))
    assert get(here, "moving") == (b"yz", run_id(there))
    assert here.where.address("moving") == ("127.0.0.1", cluster.holder("moving").port)
    assert stays == run_id(cluster.holder("moving"))
    cluster.move("moving", to=there)
    assert get(here, "moving") == (b"yz", run_id(there))


def test_a_loop_follows_a_slot_too(cluster: Cluster) -> None:
    there = cluster.another("async")

    async def visit() -> list[Any]:
        here = AsyncNodes(whereabouts.find(cluster.url(), patience_seconds=PATIENCE))

        async def add(link: Link) -> Any:
            return await link.aask("APPEND", "async", "x")

        found = [await here.at("async", add)]
        cluster.move("async", to=there, only_begin=True)
        found.append(await here.at("async", add))
        cluster.move("async", to=there)
        found.append(await here.at("async", add))
        for links in here._idle.values():
            for link in links:
                await link.connection.disconnect()
        return found

    source = run_id(cluster.holder("async"))
    assert asyncio.run(visit()) == [(1, source), (2, run_id(there)), (3, run_id(there))]


def test_who_does_not_answer_is_not_asked_first_again(cluster: Cluster, nodes: Opened) -> None:
    hosts = cluster.url().removeprefix("redis+cluster://")
    here = nodes(f"redis+cluster://127.0.0.1:{free_port()},{hosts}")

    put(here, "key", "x")

    assert here.where._to_ask[0][1] == cluster.servers[0].port  # type: ignore[attr-defined]


@pytest.mark.parametrize("url", ["redis+cluster://{0},{1}", "redis+sentinel://{0},{1}/ledger"])
def test_where_nobody_answers_it_is_told_at_once(url: str, nodes: Opened) -> None:
    here = nodes(url.format(*(f"127.0.0.1:{free_port()}" for _host in range(2))))
    began = time.monotonic()

    with pytest.raises(whereabouts.Nowhere):
        put(here, "key", "x")
    with pytest.raises(whereabouts.Nowhere):
        here.run_ids()
    with pytest.raises(HungUp):
        here.reach()
    assert time.monotonic() - began < 4 * PATIENCE


@pytest.mark.slow
def test_a_node_that_is_away_takes_nothing_from_the_others(cluster: Cluster, nodes: Opened) -> None:
    here, keys = nodes(cluster.url()), [f"key {number}" for number in range(10)]
    gone = cluster.servers[1]
    away = [key for key in keys if cluster.holder(key) is gone]
    gone.stop(keep=True)

    for key in sorted(set(keys) - set(away)):
        put(here, key, "x")
    for key in away:
        with pytest.raises(HungUp):
            put(here, key, "x")
    known = len(here.run_ids())
    gone.start()
    wait_until(lambda: cluster.is_whole(), what="it is back")

    assert away
    assert (known, put(here, away[0], "x")) == (2, run_id(gone))
    here.reach()


def test_the_master_is_whom_the_sentinels_name(watched: Watched, nodes: Opened) -> None:
    """The first of them may be away. One that was named wrongly is not believed, but they are asked again."""
    watched.sentinels[0].kill()
    here = nodes(watched.url())
    master = put(here, "key", "x")
    here.close()

    here.where._known = ("127.0.0.1", watched.replica.port)  # type: ignore[attr-defined]
    with pytest.raises(HungUp):
        get(here, "key")

    assert master == run_id(watched.master)
    assert get(here, "key") == (b"x", master)
    here.reach()
    with pytest.raises(whereabouts.Nowhere):
        get(nodes(watched.url().replace(SERVICE, "another")), "key")


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["killed", "frozen"])
def test_after_a_failover_the_new_master_is_asked(watched: Watched, nodes: Opened, loss: str) -> None:
    here = nodes(watched.url())
    put(here, "key", "x")
    (freeze if loss == "frozen" else RedisServer.kill)(watched.master)

    began = time.monotonic()
    with pytest.raises((HungUp, TimeoutError)):
        get(here, "key")
    waited = time.monotonic() - began
    watched.await_failover()

    assert waited < 4 * PATIENCE
    assert get(here, "key")[1] == run_id(watched.replica)
    if loss == "frozen":
        thaw(watched.master)
        assert get(here, "key")[1] == run_id(watched.replica)


@pytest.mark.slow
def test_a_master_that_has_become_a_replica_is_left_at_once(watched: Watched, nodes: Opened) -> None:
    """By what it answers, not by a failure."""
    here = nodes(watched.url())
    put(here, "key", "x")
    watched.fail_over()
    wait_until(lambda: watched.named() == watched.replica.port, what="the failover", seconds=20)
    wait_until(lambda: watched.role(watched.master) == "slave", what="demoted", seconds=20)
    # Sentinel has cut all connections; this one comes from somebody who had not heard of it yet.
    here.close()
    here.where.must_be_master = False
    here._keep(here._open(("127.0.0.1", watched.master.port)))
    here.where.in_doubt = False

    assert put(here, "key", "y") == run_id(watched.replica)
