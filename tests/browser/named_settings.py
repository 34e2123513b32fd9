"""The settings of a site whose answers say which process they are from, and where a token is soon spent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.settings import *  # noqa: F403
from tests.settings import MIDDLEWARE, TOKENS_STATELESS

MIDDLEWARE = [*MIDDLEWARE, "tests.browser.named.named"]
TOKENS_STATELESS = replace(TOKENS_STATELESS, rotation_window=timedelta(seconds=1))
