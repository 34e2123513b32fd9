"""One way to authenticate a DRF view, whoever it is from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rest_framework.authentication import BaseAuthentication


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way: its authentication class, if any, and a maker of headers, which `carrier` names.

    Where nobody is `asked`, DRF does not even find out that there is nobody. `budget` is the view's own.
    """

    slug: str
    name: str
    authentication: type[BaseAuthentication] | None
    header: Callable[[Any], str]
    pool: int = 1
    asked: bool = True
    carrier: str = "Authorization"
    budget: timedelta | None = None

    def headers(self, user: Any) -> list[str]:
        """Headers of this person, to be sent in turn."""
        return [self.header(user) for _one in range(self.pool)]
