"""The project's settings with the peers beside us: what `manage.py measure` runs in."""

from __future__ import annotations

from authdemo.settings import *  # noqa: F403 - the same project, and a little more
from authdemo.settings import INSTALLED_APPS, LOGGING

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions"]
LOGGING["loggers"]["accounts.events"]["level"] = "ERROR"
