"""Wires the project into Django: its system checks, and how its API describes itself."""

from __future__ import annotations

from django.apps import AppConfig


class AuthdemoConfig(AppConfig):
    """The project; the only place that knows both flows."""

    name = "authdemo"

    def ready(self) -> None:
        """Import what registers itself, once the apps are loaded."""
        from authdemo import checks, schema  # noqa: F401
