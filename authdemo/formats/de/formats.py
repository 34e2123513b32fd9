"""How German writes an instant here: in figures. Lists have no room for Django's "23. November 2026"."""

from __future__ import annotations

DATETIME_FORMAT = "d.m.Y, H:i"
