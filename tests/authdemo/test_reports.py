"""An error report, mailed or shown under DEBUG, lists the settings; no password of a server is among them."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
from django.views.debug import ExceptionReporter

from accounts import conf
from authdemo import env

pytestmark = pytest.mark.nodb

PASSWORD = "opens-the-servers"
REDIS = f"redis://:{PASSWORD}@127.0.0.1:1/0"


@pytest.fixture
def _guarded(settings: Any) -> None:
    settings.ACCOUNTS = replace(conf.current(), feed_url=REDIS)
    settings.REDIS_URL = REDIS
    settings.EMAIL_URL = f"smtp://site:{PASSWORD}@mail.example.com"
    settings.CACHES = env.cache(REDIS)


@pytest.mark.usefixtures("_guarded")
def test_no_password_of_a_server_is_shown() -> None:
    shown = report()

    assert "ACCOUNTS" in shown
    assert PASSWORD not in shown


# Apart from the rest: a report shows the lines around the fault, too.
def report() -> str:
    """What would be mailed, and shown under DEBUG, about a fault in here."""
    try:
        int("a fault")
    except ValueError:
        made = ExceptionReporter(None, *sys.exc_info())
    return made.get_traceback_html() + made.get_traceback_text()
