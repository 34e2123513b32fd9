"""Where the keys of Redis are: at one server, at the master that Sentinels name, at the nodes of a Cluster.

What is known is shared by the threads and loops of a process. It is learnt when a connection is needed, and
again after something went wrong; in between nobody is asked.
"""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ConnectionError as HungUp
from redis.exceptions import MovedError
from redis.retry import Retry

Address = tuple[str, int]
ONE: Address = ("", 0)
# Whatever it is: what is no Redis may answer anything, and there are others to ask.
FAILURES = Exception

SEVERAL = re.compile(
    r"(?P<scheme>rediss?)\+(?P<kind>sentinel|cluster)://"
    r"(?:(?P<who>[^/?#]*)@)?(?P<hosts>[^/?#@]+)/?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?"
)
PORTS = {"sentinel": 26379, "cluster": 6379}


class UnusableURL(ValueError):
    """An address of Redis cannot be used; the text names the rule and never shows the address."""


class Nowhere(HungUp):
    """Nobody who was asked has told where a key is, or answers there."""


class Told(NamedTuple):
    """What an address says: `url` is that of one server, and where there are several, of the first."""

    kind: str
    url: str
    hosts: tuple[Address, ...] = ()
    service: str = ""
    sentinel_url: str = ""


@lru_cache(maxsize=16)
def read(url: str) -> Told:
    """What the address says. Raises UnusableURL."""
    try:
        told = _several(found) if (found := SEVERAL.fullmatch(url)) else _one(url)
        for one in filter(None, (told.url, told.sentinel_url)):
            pool = ConnectionPool.from_url(one)
            pool.connection_class(**pool.connection_kwargs)
    except UnusableURL:
        raise
    except (TypeError, ValueError):
        raise UnusableURL(
            "not an address of Redis, or an option after ? is not known; write / ? # [ ] in a password as "
            "%2F %3F %23 %5B %5D"
        ) from None
    return told


def demand(url: str, *, name: str) -> None:
    """Nothing, or an address that can be used; else UnusableURL, which says where it stands."""
    try:
        if url:
            read(url)
    except UnusableURL as error:
        raise UnusableURL(f"{name}: {error}") from None


def _one(url: str) -> Told:
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise UnusableURL(
            "expected redis://, rediss:// or unix://, or redis+sentinel://host:port,…/service/db or "
            "redis+cluster://host:port,… (rediss+… for TLS)"
        )
    if urlsplit(url).fragment:
        raise UnusableURL("write # as %23")
    return Told("one", url)


def _several(found: re.Match[str]) -> Told:
    kind, scheme = found["kind"], found["scheme"]
    hosts = tuple(_host(one, port=PORTS[kind]) for one in found["hosts"].split(","))
    options = dict(parse_qsl(found["query"] or "", strict_parsing=bool(found["query"]), errors="strict"))
    for_sentinels = {name: options.pop(f"sentinel_{name}", "") for name in ("username", "password")}
    server = f"{_bracketed(hosts[0][0])}:{hosts[0][1]}"
    before = f"{found['who']}@" if found["who"] else ""
    service, _slash, database = found["path"].partition("/")
    if kind == "cluster":
        if found["path"] not in ("", "0") or any(for_sentinels.values()):
            raise UnusableURL(
                "a Cluster has the database 0 alone, and no Sentinels: nothing comes after the hosts"
            )
        return Told(kind, f"{scheme}://{before}{server}?{urlencode(options)}", hosts)
    if not service or not re.fullmatch("[0-9]*", database):
        raise UnusableURL("after the Sentinels come the name of the service and the number of a database")
    url = f"{scheme}://{before}{server}/{database or 0}?{urlencode(options)}"
    own = urlencode({**options, **{name: value for name, value in for_sentinels.items() if value}})
    return Told(kind, url, hosts, service, f"{scheme}://{server}?{own}")


def _host(text: str, *, port: int) -> Address:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise UnusableURL("there is a comma without a host")
    return parts.hostname, parts.port or port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Whereabouts:
    """One server, of which there is nothing to find out."""

    in_doubt = False
    must_be_master = False

    def __init__(self, told: Told, *, patience_seconds: float) -> None:
        self.told, self.patience_seconds = told, patience_seconds

    def address(self, key: str) -> Address | None:
        """The server that has a key, as far as known."""
        return ONE

    def addresses(self) -> set[Address]:
        """All servers that have keys, as far as known."""
        return {ONE}

    def reached_by(self, address: Address) -> dict[str, Any]:
        """What a connection to this address needs besides what all need."""
        return {} if address == ONE else {"host": address[0], "port": address[1]}

    def doubt(self) -> None:
        """Something went wrong: before the next connection is lent, ask again where it leads to."""

    def moved(self, error: MovedError, *, said_by: Address) -> None:
        """A node has said that another one has the slot."""

    def learn(self) -> None:
        """Ask, unless somebody has asked since. When nobody answers, what was known goes on being so."""


class _Learnt(Whereabouts, ABC):
    def __init__(self, told: Told, *, patience_seconds: float) -> None:
        super().__init__(told, patience_seconds=patience_seconds)
        self.in_doubt = True
        self._lock = threading.Lock()
        # Whoever answered last is asked first, and whoever did not comes last.
        self._to_ask = deque(told.hosts)
        self._pool = pool_of(told.sentinel_url or told.url, patience_seconds=patience_seconds)

    def doubt(self) -> None:
        self.in_doubt = True

    def learn(self) -> None:
        with self._lock:
            if not self.in_doubt:
                return
            deadline = time.monotonic() + 2 * self.patience_seconds
            for _one in range(len(self._to_ask)):
                if time.monotonic() > deadline or self._learns_from(self._to_ask[0]):
                    break
                self._to_ask.rotate(-1)
            self.in_doubt = False

    @abstractmethod
    def _learns_from(self, address: Address) -> bool:
        """Whether this address has told where the keys are."""

    def _ask(self, address: Address, *command: str) -> Any:
        connection: ConnectionInterface = self._pool.connection_class(
            **{**self._pool.connection_kwargs, **self.reached_by(address)}
        )
        try:
            connection.connect()  # type: ignore[no-untyped-call]
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            return connection.read_response(disable_decoding=True)
        finally:
            connection.disconnect()  # type: ignore[no-untyped-call]


class Master(_Learnt):
    """Whichever server the Sentinels name as the master of a service."""

    # For seconds after a failover the former one may not know of it.
    must_be_master = True
    _known: Address | None = None

    def address(self, key: str) -> Address | None:
        return self._known

    def addresses(self) -> set[Address]:
        return {self._known} if self._known else set()

    def _learns_from(self, address: Address) -> bool:
        try:
            # Not SENTINEL MASTERS, which names the new one only when the failover is over.
            host, port = self._ask(address, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.told.service)
        except FAILURES:
            return False
        self._known = (host.decode(), int(port))
        return True


class Slots(_Learnt):
    """The nodes of a Cluster, each of which has some of the slots."""

    def __init__(self, told: Told, *, patience_seconds: float) -> None:
        super().__init__(told, patience_seconds=patience_seconds)
        self._known: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS

    def address(self, key: str) -> Address | None:
        return self._known[key_slot(key.encode())]

    def addresses(self) -> set[Address]:
        return {address for address in self._known if address}

    def moved(self, error: MovedError, *, said_by: Address) -> None:
        host, port = error.node_addr
        address = (host or said_by[0], port)
        self._known[error.slot_id] = address
        # It knows best: others may not have heard of it yet.
        with self._lock:
            self._to_ask.appendleft(address)
        self.in_doubt = True

    def _learns_from(self, address: Address) -> bool:
        try:
            known: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
            for first, last, (host, port, *_more), *_replicas in self._ask(address, "CLUSTER", "SLOTS"):
                # A node that does not know its own address leaves it to whoever has found it.
                at = (host.decode() if host not in (None, b"", b"?") else address[0], int(port))
                known[first : last + 1] = [at] * (last + 1 - first)
        except FAILURES:
            return False
        if not any(known):
            return False
        self._known = known
        others = [one for one in (*self.told.hosts, *sorted(self.addresses())) if one != address]
        self._to_ask = deque(dict.fromkeys([address, *others]))
        return True


KINDS = {"one": Whereabouts, "sentinel": Master, "cluster": Slots}


def find(url: str, *, patience_seconds: float) -> Whereabouts:
    """The whereabouts of what this address names; nobody is asked yet. Raises UnusableURL."""
    told = read(url)
    return KINDS[told.kind](told, patience_seconds=patience_seconds)


def limits(url: str, *, patience_seconds: float) -> dict[str, Any]:
    """One try and short waits: what Redis makes quicker must not be slower than without it."""
    waits = {"socket_timeout": patience_seconds, "socket_connect_timeout": patience_seconds}
    # Nothing is between the ends of a Unix socket, and the client's class for those does not know the word.
    return waits if urlsplit(url).scheme == "unix" else {**waits, "socket_keepalive": True}


def pool_of(url: str, *, patience_seconds: float) -> ConnectionPool:
    """How to connect to one server: nothing is taken from the pool itself."""
    pool = ConnectionPool.from_url(
        url, retry=Retry(NoBackoff(), 0), **limits(url, patience_seconds=patience_seconds)
    )
    # The third protocol pushes what nobody asked for between the answers.
    pool.connection_kwargs["protocol"] = 2
    return pool
