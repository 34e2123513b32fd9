"""The lab's settings for the run over HTTP: nothing but the view and its authentication."""

from __future__ import annotations

from authdemo.lab.settings import *  # noqa: F403 - the same, without the middleware

MIDDLEWARE = []
ROOT_URLCONF = "authdemo.lab.serving"
ALLOWED_HOSTS = ["127.0.0.1"]
