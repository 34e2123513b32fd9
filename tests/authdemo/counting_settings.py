"""The settings of the site on which visitors count."""

from __future__ import annotations

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.authdemo.counting"
