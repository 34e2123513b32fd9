"""Faults to be planted, so that one can see whether the lab sees them; each wraps one seam of our code.

As a program it counts instructions like the lab does, with a verification that is a fifth slower.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from typing import Any

import django

EACH = 5


def asking(do: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and a statement more."""
    from django.db import connection

    def asked(*arguments: Any, **more: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return do(*arguments, **more)

    return asked


def twice(do: Callable[..., Any]) -> Callable[..., Any]:
    """The same, two times."""

    def done(*arguments: Any, **more: Any) -> Any:
        do(*arguments, **more)
        return do(*arguments, **more)

    return done


def a_fifth_slower(do: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but each fifth time it is done twice."""
    turns, again = count(1), twice(do)

    def done(*arguments: Any, **more: Any) -> Any:
        return (do if next(turns) % EACH else again)(*arguments, **more)

    return done


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.authdemo.guarded_settings")
    django.setup()
    from authdemo.lab import instructions
    from tokens_stateless import claims

    setattr(claims, "read", a_fifth_slower(claims.read))  # noqa: B010 - mypy minds an assignment
    instructions.main()
