"""allauth's accounts as an application of the lab, without the middleware that only allauth's own pages need.

allauth refuses to start without it; here, nothing stands before a view but its authentication.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def ready(_self: Any) -> None:
    """As allauth's, but for that demand."""
    import_module("allauth.account.checks")


AccountConfig = type(
    "AccountConfig", (import_module("allauth.account.apps").AccountConfig,), {"ready": ready}
)
