"""An ordinary client of the public doors, on behalf of a visitor: real HTTP to this very server."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from authdemo.lab.page import costs
from authdemo.lab.page.costs import Cost

PATIENCE_SECONDS = 10
AGENT = "authdemo-lab/1"


class NoAnswer(Exception):
    """The server did not answer itself: it is not at PUBLIC_ORIGIN, or each of its threads waits."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client is about to send. Holds secrets."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. Holds secrets."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of this header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def cost(self) -> Cost | None:
        """What the server says that it has cost."""
        return Cost.read(next(iter(self.all(costs.TOLD)), ""))

    @property
    def json(self) -> dict[str, Any]:
        """The body, if it is an object in JSON; else nothing."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def origin() -> str:
    """Where the server is. Never from the request: nobody can have us ask somebody else."""
    return str(settings.PUBLIC_ORIGIN)


def send(request: Request, *, patience: float = PATIENCE_SECONDS) -> Answer:
    """Send it over a connection of its own, so that any process may get it; NoAnswer after `patience` s."""
    parts = urlsplit(origin())
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=patience)
    headers = {"User-Agent": AGENT, **request.headers, "Connection": "close"}
    headers[costs.HEADER] = costs.proof(request.method, request.path)
    try:
        connection.request(request.method, request.path, request.body or None, headers)
        answer = connection.getresponse()
        return Answer(status=answer.status, headers=answer.getheaders(), body=answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer from error
    finally:
        connection.close()


def json_request(method: str, path: str, value: Any = None, **headers: str) -> Request:
    """A request with a body in JSON, or with none."""
    if value is None:
        return Request(method=method, path=path, headers=headers)
    kind = {"Content-Type": "application/json"}
    return Request(method=method, path=path, headers={**headers, **kind}, body=json.dumps(value).encode())


def now_ms() -> float:
    """Milliseconds on a clock that only goes forward."""
    return time.perf_counter() * 1000
