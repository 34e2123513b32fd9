"""What goes over the wire between client and server for one request: header lines and bodies, in bytes.

The line that names the address and the one with the status are left out: they are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.test import RequestFactory

# Between a header's name and its value, and at the end of its line.
BETWEEN = 4


def size(call: Callable[[], Any]) -> tuple[int, int]:
    """Bytes sent and received by one call, which makes its request in this process."""
    with _requests() as made:
        answer = call()
    request = getattr(answer, "wsgi_request", None) or (made[-1] if made else None)
    return (_sent(request) if request is not None else 0), _received(answer)


def _sent(request: Any) -> int:
    lines = [
        (name.removeprefix("HTTP_"), str(value))
        for name, value in request.META.items()
        if value and (name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH"))
    ]
    body = int(request.META.get("CONTENT_LENGTH") or 0)
    # A body of nothing is told by nobody who sends one.
    return _lines(lines) + body if body else _lines(line for line in lines if "CONTENT" not in line[0])


def _received(answer: Any) -> int:
    cookies = [("Set-Cookie", morsel.OutputString()) for morsel in answer.cookies.values()]
    return _lines([*answer.items(), *cookies]) + len(answer.content)


def _lines(lines: Any) -> int:
    return sum(len(name) + len(value.encode()) + BETWEEN for name, value in lines)


@contextmanager
def _requests() -> Iterator[list[Any]]:
    """The requests that are made meanwhile, whatever is still done to them."""
    made: list[Any] = []
    make = RequestFactory.request

    def making(self: RequestFactory, **request: Any) -> Any:
        made.append(make(self, **request))
        return made[-1]

    RequestFactory.request = making  # type: ignore[assignment, method-assign]
    try:
        yield made
    finally:
        RequestFactory.request = make  # type: ignore[method-assign]
