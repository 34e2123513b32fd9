"""The project's settings with the peers beside us: what `manage.py measure` runs in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec

from authdemo.settings import *  # noqa: F403 - the same project, and a little more
from authdemo.settings import INSTALLED_APPS, LOGGING, TOKENS_STATELESS
from tokens_stateless.conf import simple_jwt

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions", "rest_framework_simplejwt.token_blacklist"]
if find_spec("knox"):
    INSTALLED_APPS = [*INSTALLED_APPS, "knox"]
LOGGING["loggers"]["accounts.events"]["level"] = "ERROR"
# Tokens outlive the measuring; and so few are remembered that, of twice as many in turn, each is seen first.
TOKENS_STATELESS = replace(TOKENS_STATELESS, access_lifetime=timedelta(hours=1), remembered_tokens=64)
SIMPLE_JWT = simple_jwt(TOKENS_STATELESS)
