"""The same views over HTTP: granian with two workers, and how many requests a second they answer."""

from __future__ import annotations

import json
import math
import random
import re
import selectors
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NoReturn, cast

from authdemo.lab import variants, ways
from authdemo.lab.measure import CONTROL, interval
from authdemo.lab.tables import Table
from authdemo.lab.ways import OPEN, Way

WORKERS = 2
CONNECTIONS = 16
SECONDS = 0.025
ROUNDS = 8
# What the targets speak of is asked so often in each round: a moment of it differs by a tenth from the next.
TOKEN_OFTEN, SESSION_OFTEN = 12, 4


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Requests a second, and as a share of the view's without authentication, with 99 %."""

    name: str
    a_second: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class OverHttp:
    """Tokens and sessions over HTTP, and the share of requests whose token the worker knew."""

    tokens: Sequence[Throughput]
    sessions: Sequence[Throughput]
    hit_rate: float


def measure(user: Any, environment: Mapping[str, str], *, directory: Path, rounds: int = ROUNDS) -> OverHttp:
    """Start the servers and ask them, each variant for a moment in each round."""
    found = ways.ways()
    before = next(way for way in found if way.name == ways.BEFORE)
    with serving(environment, directory=directory) as port:
        return OverHttp(
            tokens=throughput(port, found, user, rounds=rounds),
            sessions=session_throughput(port, user, rounds=rounds),
            hit_rate=hit_rate(port, before, user),
        )


@contextmanager
def serving(environment: Mapping[str, str], *, directory: Path, workers: int = WORKERS) -> Iterator[int]:
    """The lab's views on a free port, by so many worker processes; `make run` starts as many."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--workers", str(workers)]
    options = ["--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "4"]
    variables = {**environment, "DJANGO_SETTINGS_MODULE": "authdemo.lab.bare"}
    with (directory / f"granian-{workers}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own application
            [*granian, *options, "authdemo.lab.serving:application"],
            env=variables,
            stdout=log,
            stderr=log,
        )
    try:
        _await(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def throughput(port: int, chosen: Sequence[Way], user: Any, *, rounds: int = ROUNDS) -> list[Throughput]:
    """Each way for a moment, in a new random order each round; shares are of the same round's open view."""
    requests = {way.name: _requests(way, user) for way in chosen}
    return _throughput(
        port, requests, floor=OPEN, rounds=rounds, often=dict.fromkeys((OPEN, ways.BEFORE), TOKEN_OFTEN)
    )


def session_throughput(port: int, user: Any, *, rounds: int = ROUNDS) -> list[Throughput]:
    """As `throughput`, for sessions; shares are of the plain view that asks nobody."""
    cookies = variants.cookies(user)
    requests = {
        name: [request(variants.SERVED[name], f"Cookie: {cookie}")] for name, cookie in cookies.items()
    }
    return _throughput(
        port, requests, floor=variants.PLAIN, rounds=rounds, often=dict.fromkeys(requests, SESSION_OFTEN)
    )


def _throughput(
    port: int, requests: Mapping[str, Sequence[bytes]], *, floor: str, rounds: int, often: Mapping[str, int]
) -> list[Throughput]:
    rates: dict[str, list[float]] = defaultdict(list)
    shares: dict[str, list[float]] = defaultdict(list)
    requests = {**requests, f"{floor}{CONTROL}": requests[floor]}
    asked = [name for name in requests for _time in range(often.get(name, 1))]
    for number in range(rounds + 1):
        found: dict[str, list[float]] = defaultdict(list)
        for name in random.sample(asked, len(asked)):
            found[name].append(rate(port, requests[name]))
        if number:  # the first round is for warming up
            for name, mine in found.items():
                rates[name] += mine
                shares[name] += [here / there for here, there in zip(mine, found[floor], strict=False)]
    return [_result(name, rates[name], shares[name]) for name in requests]


def hit_rate(port: int, way: Way, user: Any, *, tokens: int = 50, uses: int = 40) -> float:
    """The share of requests whose token the worker that got them knew: so many tokens, each used so often."""
    before = memory(port)
    requests = [request(way.slug, f"{way.carrier}: {way.header(user)}") for _token in range(tokens)]
    mixed = requests * uses
    random.shuffle(mixed)
    with socket.create_connection(("127.0.0.1", port)) as one:
        length = _first(one, mixed[0])
    _exchange(port, mixed, length)
    after = memory(port)
    hits, misses = (sum(after[pid][at] - before.get(pid, (0, 0))[at] for pid in after) for at in (0, 1))
    return hits / (hits + misses)


def tables(found: OverHttp) -> list[Table]:
    """Tokens and sessions, a table each."""
    said = (
        f"{found.hit_rate:.1%} of the requests with a token found it known, of 50 tokens used 40 times each."
    )
    return [
        _table(f"Tokens over HTTP, granian, {WORKERS} workers", found.tokens, said, floor=OPEN),
        _table(f"Sessions over HTTP, granian, {WORKERS} workers", found.sessions, floor=variants.PLAIN),
    ]


def _table(title: str, results: Sequence[Throughput], *notes: str, floor: str) -> Table:
    rows = [
        [one.name, f"{one.a_second:.0f}", f"{one.share:.1%} ({one.low:.1%} to {one.high:.1%})"]
        for one in results
    ]
    columns = ("variant", "requests a second", f"share of “{floor}” (99 %)")
    return Table(title=title, columns=columns, rows=rows, notes=notes)


def _result(name: str, rates: Sequence[float], shares: Sequence[float]) -> Throughput:
    low, middle, high = interval(shares)
    return Throughput(name=name, a_second=interval(rates)[1], share=middle, low=low, high=high)


def request(slug: str, header: str) -> bytes:
    """A request to the view of this address with one header line more."""
    return f"GET /{slug}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n\r\n".encode()


def _requests(way: Way, user: Any) -> list[bytes]:
    return [request(way.slug, f"{way.carrier}: {header}") for header in way.headers(user)]


def rate(port: int, requests: Sequence[bytes], *, seconds: float = SECONDS) -> float:
    """Requests a second over some connections that stay open, for a moment."""
    with socket.create_connection(("127.0.0.1", port)) as one:
        length = _first(one, requests[0])
    return _exchange(port, cycle(requests), length, seconds=seconds)


def _exchange(port: int, requests: Iterable[bytes], length: int, *, seconds: float = math.inf) -> float:
    """Send these requests, or as many as can be in so long: answers a second.

    Every answer must be as long as the first was, a 200. Each connection sends its next request when it has
    the answer to the last: granian now and then falls silent over pipelined ones.
    """
    rest, done, began = iter(requests), 0, time.perf_counter()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for request in islice(rest, CONNECTIONS):
            link = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            link.sendall(request)
            selector.register(link, selectors.EVENT_READ, length)
        while selector.get_map():
            for key, _events in selector.select(timeout=20) or _silent():
                link, missing = cast("socket.socket", key.fileobj), key.data
                missing -= len(link.recv(missing)) or _silent()
                if not missing:
                    done += 1
                    request = b"" if time.perf_counter() - began >= seconds else next(rest, b"")
                    if not request:
                        selector.unregister(link)
                        continue
                    link.sendall(request)
                if (missing or length) != key.data:
                    selector.modify(link, selectors.EVENT_READ, missing or length)
    return done / (time.perf_counter() - began)


def _silent() -> NoReturn:
    raise RuntimeError("the server hung up or fell silent, or an answer was another than the first")


def _first(link: socket.socket, request: bytes) -> int:
    """The length of the answer to this request, which must be 200 and, as granian sends it, in chunks."""
    link.sendall(request)
    answer = link.recv(65536)
    while answer and not answer.endswith(b"0\r\n\r\n"):
        answer += link.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not answered with 200: {answer[:80]!r}")
    return len(answer)


def memory(port: int, *, workers: int = WORKERS) -> dict[int, tuple[int, int]]:
    """Hits and misses of each worker; asked until every worker has answered."""
    found: dict[int, tuple[int, int]] = {}
    for _try in range(200):
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(b"GET /memory/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            told = json.loads(b"".join(re.findall(rb"{.*}", link.makefile("rb").read())))
        found[told["process"]] = (told["hits"], told["misses"])
        if len(found) == workers:
            break
    return found


def _await(port: int, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as link:
            _first(link, b"GET /open/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return
        time.sleep(0.05)
    raise TimeoutError("granian did not answer")
