"""A client over real HTTP: keeps cookies as a browser does, and follows no redirect; and servers to visit."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

HOST = "127.0.0.1"
START_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Visitor:
    """One browser, or program; each request has a connection of its own."""

    port: int
    cookies: dict[str, Morsel[str]] = field(default_factory=dict)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET."""
        return self._send("GET", path, None, headers or {})

    def post(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        data: Any = None,
    ) -> Answer:
        """POST a form, or JSON."""
        if form is not None:
            kind, body = "application/x-www-form-urlencoded", urlencode(form).encode()
        else:
            kind, body = "application/json", json.dumps(data).encode()
        return self._send("POST", path, body, {"Content-Type": kind, **(headers or {})})

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        link = HTTPConnection(HOST, self.port, timeout=20)
        carried = "; ".join(f"{name}={one.value}" for name, one in self.cookies.items())
        own = {"Cookie": carried} if carried else {}
        try:
            link.request(method, path, body, {**own, **headers})
            answer = link.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self.cookies.update(SimpleCookie(line))
            return Answer(status=answer.status, body=answer.read())
        finally:
            link.close()


@contextmanager
def serving(
    command: Sequence[str | Path], environment: Mapping[str, str], *, port: int, asked: str, directory: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start this server, and go on once it answers at the address that is `asked`, whatever it says there."""
    log = directory / f"served-{port}.log"
    with log.open("wb") as written:
        # Our own interpreter and our own programs; nothing of it comes from outside.
        process = subprocess.Popen(  # noqa: S603
            command, env=environment, cwd=directory, stdout=written, stderr=written
        )
    try:
        deadline, visitor = time.monotonic() + START_SECONDS, Visitor(port)
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError, HTTPException):
                visitor.get(asked)
                break
            time.sleep(0.02)
        else:
            raise TimeoutError(f"{command}: {log.read_text(errors='replace')[-2000:]}")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
