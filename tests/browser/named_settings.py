"""The settings of a site whose answers say which process they are from.

A refresh token is spent after a second, so that nobody waits for it. Where there is a feed, it alone brings
the news in time, or a receipt that spoke too soon would be put right by the ledger before anybody looked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.settings import *  # noqa: F403
from tests.settings import ACCOUNTS, MIDDLEWARE, TOKENS_STATELESS

MIDDLEWARE = [*MIDDLEWARE, "tests.browser.named.named"]
TOKENS_STATELESS = replace(TOKENS_STATELESS, rotation_window=timedelta(seconds=1))
if ACCOUNTS.feed_url:
    ACCOUNTS = replace(ACCOUNTS, standing_interval=timedelta(seconds=4))
