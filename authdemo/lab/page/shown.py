"""What a visitor is shown of an exchange: all but the secrets, which are cut short here, on the server."""

from __future__ import annotations

import json
import statistics
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from authdemo.lab.page.client import Answer, Request

SECRET_FIELDS = frozenset({"access", "refresh", "token", "password", "csrf_token", "csrfmiddlewaretoken"})
SENT = ("Cookie", "Authorization", "X-CSRFToken")
GOT = ("Set-Cookie", "WWW-Authenticate", "Location", "Retry-After")
SHOWN_CHARACTERS = 4


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer, or `count` like ones; fit to be stored and shown, for it holds no secret.

    `by` says who asked if it was not the pane's own client; `lost` that the answer never reached it.
    """

    line: str
    statuses: Sequence[tuple[int, int]]
    steps: Sequence[int] = ()
    by: str = ""
    lost: bool = False
    sent: Sequence[str] = ()
    got: Sequence[str] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    # None of these four where the server did not tell.
    statements: int | None = None
    trips: int | None = None
    ms: float | None = None
    workers: Sequence[int] = ()

    @property
    def status(self) -> int:
        """How it was answered, or how the last of them was."""
        return self.statuses[-1][0]

    @property
    def count(self) -> int:
        """How many requests it tells of."""
        return sum(number for _status, number in self.statuses)

    @property
    def good(self) -> bool:
        """Whether the last was not refused."""
        return self.status < 400


def exchange(
    request: Request, answers: Sequence[Answer], *, steps: Sequence[int], by: str = "", lost: bool = False
) -> Exchange:
    """What is shown of a request and its answer; or of so many answers to the same, the last in full."""
    told = [cost for answer in answers if (cost := answer.cost)]
    figures: dict[str, Any] = {}
    if told:
        figures = {
            "statements": sum(cost.statements for cost in told),
            "trips": sum(cost.trips for cost in told),
            "ms": statistics.median(cost.ms for cost in told),
            "workers": sorted({cost.worker for cost in told}),
        }
    last = answers[-1].status
    counted = Counter(answer.status for answer in answers)
    return Exchange(
        line=f"{request.method} {request.path}",
        # The one of the last answer comes last.
        statuses=sorted(counted.items(), key=lambda pair: (pair[0] == last, pair[0])),
        steps=tuple(steps),
        by=by,
        lost=lost,
        sent=sent(request),
        got=got(answers[-1]),
        claims=claims(request),
        **figures,
    )


def sent(request: Request) -> list[str]:
    """The lines of a request that matter here."""
    lines = [f"{request.method} {request.path}"]
    lines += [f"{name}: {_header(name, request.headers[name])}" for name in SENT if name in request.headers]
    return [*lines, *_body(request.body, request.headers.get("Content-Type", ""))]


def got(answer: Answer) -> list[str]:
    """The lines of an answer that matter here."""
    lines = [str(answer.status)]
    lines += [f"{name}: {_header(name, value)}" for name in GOT for value in answer.all(name)]
    return [*lines, *_body(answer.body, next(iter(answer.all("Content-Type")), ""))]


def claims(request: Request) -> dict[str, Any]:
    """What the token in a request says, decoded; the signature, which gives it its worth, is left out."""
    _scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return decoded(token)


def decoded(token: str) -> dict[str, Any]:
    """Header and claims of a token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    return {**part_of(parts[0]), **part_of(parts[1])}


def part_of(part: str) -> dict[str, Any]:
    """One part of a token, decoded."""
    value: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


def cut(secret: str) -> str:
    """A secret, cut short; of a refresh token the generation is left, which is none."""
    beginning = secret[:SHOWN_CHARACTERS] + "…"
    parts = secret.split(".")
    if len(parts) == 3 and parts[1].isdigit():
        return f"{beginning}.{parts[1]}.…"
    return beginning if secret else ""


def _header(name: str, value: str) -> str:
    if name == "Cookie":
        return "; ".join(_cookie(pair) for pair in value.split("; "))
    if name == "Set-Cookie":
        pair, semicolon, rest = value.partition(";")
        return _cookie(pair) + semicolon + rest
    if name == "Authorization":
        scheme, space, token = value.partition(" ")
        return scheme + space + cut(token)
    return cut(value) if name == "X-CSRFToken" else value


def _cookie(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return name + equals + ('""' if value in ("", '""') else cut(value))


def _body(body: bytes, kind: str) -> list[str]:
    if kind.startswith("application/x-www-form-urlencoded"):
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        return [urlencode([(name, _value(name, value)) for name, value in pairs], safe="…", encoding="utf-8")]
    if "json" not in kind or not body:
        return []
    try:
        return json.dumps(_masked(json.loads(body)), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return []


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _value(name, each) for name, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else value


def _value(name: str, value: Any) -> Any:
    if name == "password":
        return "…"
    return cut(value) if name in SECRET_FIELDS and isinstance(value, str) else _masked(value)
