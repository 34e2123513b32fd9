"""Tests of the gate go three minutes on, where a password is recent for two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import time_machine
from django.test import override_settings
from django.utils import timezone

from accounts import conf

LIFETIME = timedelta(minutes=2)


@contextmanager
def three_minutes_on() -> Iterator[None]:
    """The clock stands three minutes ahead; neither an access token nor anybody's session is over by then."""
    ahead = timezone.now() + timedelta(minutes=3)
    with (
        override_settings(ACCOUNTS=replace(conf.current(), recent_lifetime=LIFETIME)),
        time_machine.travel(ahead, tick=False),
    ):
        yield
