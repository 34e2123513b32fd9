"""What each part of a run is given: who asks, on which database, and how much time there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Setup:
    """`environment` leads other processes to the same database, and `directory` is gone after the run."""

    user: Any
    password: str
    environment: Mapping[str, str]
    directory: Path
    rounds: int = 30
    is_long: bool = False
