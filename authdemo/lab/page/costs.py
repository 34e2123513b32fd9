"""What a request of the lab has cost, told by the server itself: statements, round trips to Redis, time.

Only where the lab is on, and only for requests that carry a proof which the lab has made. All others pass
uncounted and their answers say nothing of it.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.db import connections
from django.db.backends.signals import connection_created
from redis.connection import AbstractConnection

from accounts import mac
from authdemo import conf

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

HEADER, META = "X-Lab", "HTTP_X_LAB"
TOLD = "Server-Timing"
PROOF = re.compile(r"([0-9]{1,12})\.([0-9a-f]{32})", re.ASCII)
# From the making of a proof to its use: the request stands in a line meanwhile.
GOOD_FOR_SECONDS = 60


@dataclass
class Counting:
    """What the request of this thread has cost so far."""

    statements: int = 0
    trips: int = 0
    # The connections on which an answer is due: several commands sent at once are one trip.
    asked: set[int] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one request has cost: `trips` to Redis, and the milliseconds in process `worker`."""

    statements: int
    trips: int
    ms: float
    worker: int

    def told(self) -> str:
        """As the header says it (W3C Server Timing)."""
        counts = f'sql;desc="{self.statements}", redis;desc="{self.trips}", worker;desc="{self.worker}"'
        return f"{counts}, app;dur={self.ms:.3f}"

    @classmethod
    def read(cls, header: str) -> Cost | None:
        """What `told` has written; None for anything else."""
        found = dict(re.findall(r'(sql|redis|worker|app);(?:desc="|dur=)([0-9.]+)', header))
        if set(found) != {"sql", "redis", "worker", "app"}:
            return None
        counts = (int(found[name]) for name in ("sql", "redis", "worker"))
        statements, trips, worker = counts
        return cls(statements=statements, trips=trips, ms=float(found["app"]), worker=worker)


def proof(method: str, path: str) -> str:
    """The header by which the server knows a request of the lab."""
    at = str(int(time.time()))
    return f"{at}.{_mac(at, method, path).hex()}"


def is_proven(given: str, method: str, path: str) -> bool:
    """Whether the lab has made this header for this request, lately. No I/O."""
    match = PROOF.fullmatch(given)
    if match is None or abs(time.time() - int(match[1])) > GOOD_FOR_SECONDS:
        return False
    return mac.matches("lab request", _said(match[1], method, path), bytes.fromhex(match[2]))


def _mac(at: str, method: str, path: str) -> bytes:
    return mac.mac("lab request", _said(at, method, path))[:16]


def _said(at: str, method: str, path: str) -> bytes:
    return f"{at} {method} {path}".encode()


class CostMiddleware:
    """Tells the lab what its requests cost, in `Server-Timing`. Not used at all where the lab is off.

    Only under WSGI, as `make run` serves: there one thread is one request. Elsewhere nothing is told.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        if not conf.lab().is_on:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
            return
        _install()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        given = request.META.get(META)
        if given is None or self.is_async or not is_proven(given, str(request.method), request.path):
            passed: HttpResponseBase | Awaitable[HttpResponseBase] = self.get_response(request)
            return passed
        for connection in connections.all(initialized_only=True):
            _watch(connection)
        _here.counting = counting = Counting()
        began = time.perf_counter()
        try:
            response: HttpResponseBase = self.get_response(request)
        finally:
            _here.counting = None
        ms = (time.perf_counter() - began) * 1000
        cost = Cost(statements=counting.statements, trips=counting.trips, ms=ms, worker=os.getpid())
        response.headers[TOLD] = cost.told()
        return response


class _Here(threading.local):
    counting: Counting | None = None


_here = _Here()
_installed = threading.Lock()


def _install() -> None:
    """Look at what goes to Redis and to databases from now on; once for the process."""
    # Never released: whoever comes second finds it done.
    if _installed.acquire(blocking=False):
        connection_created.connect(lambda connection, **_kwargs: _watch(connection), weak=False)
        # redis-py has no seam for it: its hooks see commands of its own pools, and we use none of these.
        AbstractConnection.send_packed_command = _sending(AbstractConnection.send_packed_command)  # type: ignore[method-assign]
        AbstractConnection.read_response = _reading(AbstractConnection.read_response)  # type: ignore[method-assign]


def _watch(connection: BaseDatabaseWrapper) -> None:
    # The reader of the ledger has a connection that `connections` does not know; it says hello all the same.
    if _count not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count)


def _count(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    if _here.counting is not None:
        _here.counting.statements += 1
    return execute(sql, params, many, context)


def _sending(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sending(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _here.counting is not None:
            _here.counting.asked.add(id(self))
        return send(self, *args, **kwargs)

    return sending


def _reading(read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def reading(self: Any, *args: Any, **kwargs: Any) -> Any:
        counting = _here.counting
        if counting is not None and id(self) in counting.asked:
            # What arrives unasked, such as news of the feed, is waited for by nobody.
            counting.asked.discard(id(self))
            counting.trips += 1
        return read(self, *args, **kwargs)

    return reading
