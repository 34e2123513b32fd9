"""What reaches the log says nothing that could be used again."""

from __future__ import annotations

import json
import logging

import pytest

from accounts.logs import JSONFormatter, LinkFilter

pytestmark = pytest.mark.nodb


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("any", logging.WARNING, __file__, 1, message, args, None)


def test_the_token_of_a_mailed_link_is_taken_out() -> None:
    told = record("Bad Request: %s", "/password/reset/MQ/d3adb33f-token/")

    LinkFilter().filter(told)

    assert told.getMessage() == "Bad Request: /password/reset/…"


def test_other_paths_stay_as_they_are() -> None:
    told = record("Not Found: %s", "/logins/")

    assert LinkFilter().filter(told)
    assert told.getMessage() == "Not Found: /logins/"


def test_whatever_a_visitor_typed_stays_on_one_line() -> None:
    told = record("authn_login_fail")
    told.event = {"device": 'a\n{"event": "forged"}'}

    line = JSONFormatter().format(told)

    assert "\n" not in line
    assert json.loads(line)["device"] == 'a\n{"event": "forged"}'
