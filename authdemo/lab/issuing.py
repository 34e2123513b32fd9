"""The project as third parties see it, with every request counted: what the server for `parties` loads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from authdemo.wsgi import application as project

COUNTED = "/counted/"
asked: Counter[str] = Counter()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The project; and at an address of its own, by path, how often it was asked."""
    path = str(environ["PATH_INFO"])
    if path == COUNTED:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(asked).encode()]
    asked[path] += 1
    return project(environ, start_response)
