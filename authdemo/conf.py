"""The settings of the project's own pages: one frozen dataclass, written as ``LAB = Lab(…)``."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The live page `/lab/`: whether there is one, and what it may do; explained in docs/settings.md."""

    is_on: bool = False
    redis_switch: str = ""


_OFF = Lab()


def lab() -> Lab:
    """The project's setting, or one that is off; asked at call time so that `override_settings` works."""
    value = getattr(settings, "LAB", None)
    return value if isinstance(value, Lab) else _OFF
