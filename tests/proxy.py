"""A TCP proxy before a server: passes, delays, holds back, cuts off and refuses, as poor networks do."""

from __future__ import annotations

import math
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path

from typing_extensions import Self


class Proxy:
    """Clients reach the server at `port` through it; what it does to them may change at any time.

    The server is at a port, or at a Unix socket. With `tls` it speaks TLS to the clients and nothing of it to
    the server.
    """

    def __init__(self, target: int | Path, *, tls: ssl.SSLContext | None = None) -> None:
        self.taken = 0
        self._target, self._tls = target, tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._changed, self._tls_lock = threading.Condition(), threading.Lock()
        self._allowance = math.inf
        self._delay_seconds = 0.0
        self._refusing = self._closed = False
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def passes(self) -> None:
        """From now on everything goes through at once, also what was held back."""
        self._set(allowance=math.inf, delay_seconds=0.0, refusing=False)

    def delays(self, seconds: float) -> None:
        """Each piece of an answer comes so much later."""
        self._set(allowance=math.inf, delay_seconds=seconds, refusing=False)

    def holds(self) -> None:
        """Answers stay here; nobody is told, and connections stay open."""
        self._set(allowance=0, delay_seconds=0.0, refusing=False)

    def lets(self, size: int) -> None:
        """While it holds: the next so many bytes of answers go through."""
        self._set(allowance=self._allowance + size, delay_seconds=0.0, refusing=False)

    def cut(self) -> None:
        """Hang up on everybody; new connections are taken."""
        with self._changed:
            for one in list(self._open):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()

    def refuses(self) -> None:
        """Hang up on everybody, and at once on whoever comes."""
        self._set(allowance=math.inf, delay_seconds=0.0, refusing=True)
        self.cut()

    def _set(self, *, allowance: float, delay_seconds: float, refusing: bool) -> None:
        with self._changed:
            self._allowance, self._delay_seconds, self._refusing = allowance, delay_seconds, refusing
            self._changed.notify_all()

    def _start(self, job: object, *arguments: object) -> None:
        thread = threading.Thread(target=job, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._closed:
                client = self._listening.accept()[0]
                self.taken += 1
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self._refusing:
                return
            with self._secured(client) as near, self._reached() as far:
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._changed:
                    self._open |= {near, far}
                asking = threading.Thread(target=self._ask, args=(near, far), daemon=True)
                asking.start()
                self._answer(far, near)
                asking.join()
                with self._changed:
                    self._open -= {near, far}

    def _secured(self, client: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(client, server_side=True) if self._tls else client

    def _reached(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(str(self._target))
        except OSError:
            far.close()
            raise
        return far

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while data := self._heard(near):
                far.sendall(data)
        with suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)
        with self._changed:
            self._changed.notify_all()

    def _heard(self, near: socket.socket) -> bytes:
        if not isinstance(near, ssl.SSLSocket):
            return near.recv(65536)
        # Nobody may write to it while somebody reads.
        if not near.pending():
            select.select([near], [], [])
        with self._tls_lock:
            return near.recv(65536)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                while data:
                    size = self._allowed(len(data), near)
                    with self._tls_lock:
                        near.sendall(data[:size])
                    data = data[size:]
        with suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)

    def _allowed(self, size: int, near: socket.socket) -> int:
        with self._changed:
            # Whoever was cut off needs no answer any more; asked now and then.
            while not self._allowance:
                if self._closed or self._refusing:
                    raise OSError
                self._changed.wait(0.5)
            allowed = int(min(size, self._allowance))
            self._allowance -= allowed
            delay = self._delay_seconds
        time.sleep(delay)
        return allowed
