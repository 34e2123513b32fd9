"""The record of one run: where and when it was, and what each part found. It goes to JSON as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import Any

from django.conf import settings
from django.db import connection

from authdemo.lab import http, machine
from authdemo.lab.adoption import Adopted
from authdemo.lab.cleaning import Cleaning
from authdemo.lab.console import Listed
from authdemo.lab.crowded import Crowd
from authdemo.lab.delay import Delay
from authdemo.lab.dial import Dial
from authdemo.lab.effect import Effects
from authdemo.lab.ended import EndedSet
from authdemo.lab.http import OverHttp
from authdemo.lab.machine import Machine
from authdemo.lab.measure import Result
from authdemo.lab.memory import Remembered
from authdemo.lab.parties import Parties
from authdemo.lab.scaling import Scaling
from authdemo.lab.tabs import Tabs


@dataclass(kw_only=True)
class Run:
    """What one run has found, each part under its own name (`-` is `_`); what was left out stays empty.

    Numbers are as they were measured, not rounded; their units stand with what found them.
    """

    machine: Machine | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    has_redis: bool = False
    workers: int = http.WORKERS
    is_long: bool = False
    began_at: datetime | None = None
    took_seconds: float = 0.0
    # How long each part took, by its name, in the order in which they were done.
    seconds: dict[str, float] = field(default_factory=dict)

    # What each variant adds to a request, by its name.
    instructions: Mapping[str, float] = field(default_factory=dict)
    tokens: Sequence[Result] = ()
    sessions: Sequence[Result] = ()
    sign_in: Sequence[Result] = ()
    http: OverHttp | None = None
    ended: Sequence[EndedSet] = ()
    remembered: Remembered | None = None
    delay: Delay | None = None
    crowded: Crowd | None = None
    cleaning: Cleaning | None = None
    console: Sequence[Listed] = ()
    dial: Dial | None = None
    effect: Effects | None = None
    scaling: Scaling | None = None
    parties: Parties | None = None
    adoption: Sequence[Adopted] = ()
    tabs: Tabs | None = None

    @classmethod
    def begun(cls, *, is_long: bool) -> Run:
        """One that begins now, in this set-up."""
        return cls(
            machine=machine.machine(),
            versions=machine.versions(),
            database=connection.vendor,
            has_redis=bool(settings.REDIS_URL),
            is_long=is_long,
            began_at=datetime.now(timezone.utc),
        )

    def where(self) -> str:
        """The machine, the set-up and the versions, in a few lines."""
        lines = [f"{name} {version}" for name, version in self.versions.items()]
        stores = f"{self.database}, {'with' if self.has_redis else 'without'} Redis, {self.workers} workers"
        if (here := self.machine) is not None:
            memory = f", {here.memory_bytes / 2**30:.1f} GiB" if here.memory_bytes else ""
            stores = f"{here.processor}, {here.cores} cores{memory}; {here.system}\n{stores}"
        return f"{stores}\n{', '.join(lines)}"

    def take(self, part: str, found: Any, *, seconds: float) -> None:
        """Keep what a part has found."""
        setattr(self, part.replace("-", "_"), found)
        self.seconds[part] = seconds

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON has it; instants in UTC."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    return value
