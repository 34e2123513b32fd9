"""The tests' settings for counting instructions: of a few tokens in turn each is seen first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.settings import *  # noqa: F403 - the same, and a little more
from tests.settings import TOKENS_STATELESS

TOKENS_STATELESS = replace(TOKENS_STATELESS, access_lifetime=timedelta(hours=1), remembered_tokens=4)
