"""A pooler in transaction mode before a PostgreSQL, as mean as one can be.

No two transactions in turn get the same connection to the server. It speaks only what psycopg does with a
server that trusts everybody.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path

from typing_extensions import Self

SECURED = (80877103, 80877104)  # SSLRequest, GSSENCRequest
BACKENDS = 4


class Backend:
    """One connection to the server, and what the server said when it began."""

    def __init__(self, path: str, startup: bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(startup)
        self.greeting, kind = b"", b""
        while kind != b"Z":
            kind, message = read(self.socket)
            self.greeting += message


class Pooler:
    """Clients reach the server through `port`; `used` counts the transactions of each of its connections."""

    def __init__(self, directory: Path) -> None:
        self._path = f"{directory}/.s.PGSQL.5432"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._free: dict[bytes, deque[Backend]] = {}
        self._made: dict[bytes, int] = {}
        self._returned = threading.Condition()
        self.used: dict[Backend, int] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for backend in self.used:
            backend.socket.close()

    def url(self, database: str) -> str:
        """The DATABASE_URL of a database behind it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?pooler=transaction"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listening.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError), client:
            startup = self._startup(client)
            client.sendall(self._greeting(startup))
            while True:
                kind, message = read(client)
                if kind == b"X":
                    return
                self._transaction(client, startup, kind, message)

    def _startup(self, client: socket.socket) -> bytes:
        while True:
            head = exactly(client, 8)
            size, code = struct.unpack("!ii", head)
            if code not in SECURED:
                return head + exactly(client, size - 8)
            client.sendall(b"N")

    def _greeting(self, startup: bytes) -> bytes:
        backend = self._take(startup)
        self._give(startup, backend)
        return backend.greeting

    def _transaction(self, client: socket.socket, startup: bytes, kind: bytes, message: bytes) -> None:
        backend = self._take(startup)
        self.used[backend] += 1
        while True:
            backend.socket.sendall(message)
            # Only these two are answered by "ready", which says whether a transaction is open.
            if kind in (b"Q", b"S") and self._answered(backend, client):
                self._give(startup, backend)
                return
            kind, message = read(client)

    def _answered(self, backend: Backend, client: socket.socket) -> bool:
        while True:
            kind, message = read(backend.socket)
            client.sendall(message)
            if kind == b"Z":
                return message[5:] == b"I"

    def _take(self, startup: bytes) -> Backend:
        with self._returned:
            free = self._free.setdefault(startup, deque())
            if self._made.setdefault(startup, 0) < BACKENDS:
                self._made[startup] += 1
                new = Backend(self._path, startup)
                self.used[new] = 0
                return new
            while not free:
                self._returned.wait()
            return free.popleft()

    def _give(self, startup: bytes, backend: Backend) -> None:
        with self._returned:
            self._free[startup].append(backend)
            self._returned.notify()


def read(peer: socket.socket) -> tuple[bytes, bytes]:
    """The kind of the next message, and all of it."""
    head = exactly(peer, 5)
    return head[:1], head + exactly(peer, struct.unpack("!i", head[1:])[0] - 4)


def exactly(peer: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        if not (more := peer.recv(size - len(data))):
            raise EOFError
        data += more
    return data
