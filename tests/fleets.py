"""Several Redis servers that belong together: a Cluster, and a master with a replica that Sentinels watch."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot
from typing_extensions import Self

from tests.servers import RedisServer, free_port, wait_until

SLOTS = 16384
BUS = 10_000
SERVICE = "ledger"


class Node(RedisServer):
    """One node of a Cluster; its bus is at another port, a fixed distance away."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        while self.port + BUS > 65_535:
            self.port = free_port()

    def command(self) -> Sequence[str | Path]:
        own = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
        return [*super().command(), *own, "--cluster-require-full-coverage", "no"]

    def told(self, *command: str | int) -> Any:
        """What it answers to CLUSTER …"""
        with self.client() as client:
            return client.execute_command("CLUSTER", *command)


class Fleet:
    """Started and stopped together."""

    servers: Sequence[RedisServer]

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        with self._stack as stack:
            for server in self.servers:
                stack.enter_context(server)
            self.assemble()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def assemble(self) -> None:
        """Have them find each other."""
        raise AssertionError("for a subclass to say")


class Cluster(Fleet):
    """Three nodes, each with a third of the slots, and no replicas."""

    def __init__(self, directory: Path) -> None:
        self.servers: list[Node] = [Node(directory / f"node-{number}") for number in range(3)]
        self._moved: dict[int, Node] = {}

    def url(self, *, first: int = 0) -> str:
        """The REDIS_URL; the nodes are named from this one on."""
        nodes = [*self.servers[first:], *self.servers[:first]]
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)

    def assemble(self) -> None:
        first, *others = self.servers
        for number, node in enumerate(self.servers):
            node.told("ADDSLOTS", *range(number * SLOTS // 3, (number + 1) * SLOTS // 3))
        for node in others:
            first.told("MEET", "127.0.0.1", node.port)
        wait_until(self.is_whole, what="the cluster is whole")

    def is_whole(self) -> bool:
        """Whether each node knows of all slots, and that somebody has them."""
        return all(map(self._knows_all, self.servers))

    def _knows_all(self, node: Node) -> bool:
        with node.client() as client:
            info = client.cluster("INFO")
        return bool(info["cluster_state"] == "ok" and info["cluster_slots_ok"] == str(SLOTS))

    def holder(self, name: str) -> Node:
        """The node that has the slot of this name."""
        slot = key_slot(name.encode())
        return self._moved.get(slot) or self.servers[min(slot * 3 // SLOTS, 2)]

    def another(self, name: str) -> Node:
        """One that does not have it."""
        return next(node for node in self.servers if node is not self.holder(name))

    def move(self, name: str, *, to: Node, only_begin: bool = False) -> None:
        """Move the slot of this name with all that is in it; or begin to, and move what is in it."""
        source, slot = self.holder(name), key_slot(name.encode())
        ids = {node: node.told("MYID").decode() for node in (source, to)}
        to.told("SETSLOT", slot, "IMPORTING", ids[source])
        source.told("SETSLOT", slot, "MIGRATING", ids[to])
        with source.client() as client:
            for key in client.cluster("GETKEYSINSLOT", slot, 1000):
                client.execute_command("MIGRATE", "127.0.0.1", to.port, key, 0, 5000)
        if not only_begin:
            self._moved[slot] = to
            # Who has it first: in between nobody else may be told that it does.
            for node in (to, *self.servers):
                node.told("SETSLOT", slot, "NODE", ids[to])


class Sentinel(RedisServer):
    """Watches a master; gives it up after half a second."""

    def __init__(self, directory: Path, *, master: RedisServer, quorum: int) -> None:
        super().__init__(directory)
        watched = f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} {quorum}"
        patience = [
            f"sentinel down-after-milliseconds {SERVICE} 500",
            f"sentinel failover-timeout {SERVICE} 4000",
        ]
        self.file = directory / "sentinel.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {directory}", watched, *patience]
        self.file.write_text("\n".join(lines) + "\n")

    def command(self) -> Sequence[str | Path]:
        return [self.program, self.file, "--sentinel"]


class Watched(Fleet):
    """A master, a replica and three Sentinels, of which two must agree."""

    def __init__(self, directory: Path) -> None:
        self.master, self.replica = (RedisServer(directory / name) for name in ("master", "replica"))
        self.sentinels = [
            Sentinel(directory / f"sentinel-{number}", master=self.master, quorum=2) for number in range(3)
        ]
        self.servers = [self.master, self.replica]

    def url(self, database: int = 0) -> str:
        """The REDIS_URL."""
        sentinels = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{sentinels}/{SERVICE}/{database}"

    def assemble(self) -> None:
        with self.replica.client() as client:
            client.replicaof("127.0.0.1", self.master.port)
        wait_until(self._is_followed, what="the replica follows")
        for sentinel in self.sentinels:
            self._stack.enter_context(sentinel)
        wait_until(lambda: all(map(self._is_ready, self.sentinels)), what="the Sentinels know all")

    def named(self) -> int:
        """The port of whoever the Sentinels name as the master."""
        with self.sentinels[0].client() as client:
            return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])

    def cut_replica_off(self) -> None:
        """The replica gets nothing new: what is written from now on is lost with the master."""
        with self.replica.client() as client:
            client.config_set("masterauth", "wrong")
        with self.master.client() as client:
            client.client_kill_filter(_type="replica")
        wait_until(lambda: not self._is_followed(), what="the replica is cut off")

    def await_failover(self) -> None:
        """Return once the Sentinels name the replica, and it takes writes."""
        wait_until(lambda: self.named() == self.replica.port, what="the replica is named", seconds=30)
        wait_until(lambda: self.role(self.replica) == "master", what="the replica is the master")

    def fail_over(self) -> None:
        """Have a Sentinel do so, with everybody alive."""
        with self.sentinels[0].client() as client:
            client.execute_command("SENTINEL", "FAILOVER", SERVICE)

    def role(self, server: RedisServer) -> str:
        """What it takes itself for; nothing while it does not answer."""
        with server.client() as client, contextlib.suppress(redis.RedisError):
            return str(client.info("replication")["role"])
        return ""

    def _is_followed(self) -> bool:
        with self.replica.client() as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    def _is_ready(self, sentinel: Sentinel) -> bool:
        with sentinel.client() as client, contextlib.suppress(redis.ResponseError):
            known = client.sentinel_master(SERVICE)
            return (known["num-slaves"], known["num-other-sentinels"]) == (1, len(self.sentinels) - 1)
        return False


def freeze(server: RedisServer) -> None:
    """It stops, and keeps what it has and its connections, as a host that is out of breath."""
    assert server.process
    os.kill(server.process.pid, signal.SIGSTOP)


def thaw(server: RedisServer) -> None:
    """It goes on where it was."""
    assert server.process
    os.kill(server.process.pid, signal.SIGCONT)
