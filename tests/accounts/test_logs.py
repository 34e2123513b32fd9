"""What reaches the log says nothing that could be used again."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from accounts.logs import JSONFormatter, LineFormatter, LinkFilter, request_id

pytestmark = pytest.mark.nodb


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("any", logging.WARNING, __file__, 1, message, args, None)


def test_the_token_of_a_mailed_link_is_taken_out() -> None:
    told = record("Bad Request: %s", "/password/reset/MQ/d3adb33f-token/")

    LinkFilter().filter(told)

    assert told.getMessage() == "Bad Request: /password/reset/…"


@pytest.mark.parametrize(
    "secret", ["k" * 54, "s" * 43, f"eyJ{'h' * 60}.{'p' * 300}.{'s' * 86}", f"{'a' * 32}.1.{'m' * 43}"]
)
def test_what_may_be_a_credential_in_an_address_is_taken_out(secret: str) -> None:
    told = record("Not Found: %s", f"/api/me/{secret}/")

    LinkFilter().filter(told)

    assert secret[-40:] not in told.getMessage()
    assert told.getMessage().startswith("Not Found: /api/me/")


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


HOSTILE = [
    'a\r\n{"event": "login_ended"}',
    "a\x00b\x1b[2J\x7f\x9b",
    "a\u202eb\u2066c\u200f",
    "a\u2028b\u2029c\x85d",
    "\ud800",
    "a" * 1_000_000,
]


def plain(line: str) -> bool:
    """Whether this is one short line of printable ASCII."""
    return line.isascii() and line.isprintable() and len(line) < 2_000


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_typed_breaks_or_swells_a_line(typed: str) -> None:
    told = record("authn_login_fail")
    told.event = {"device": typed, typed: 1, "deep": {"er": [typed]}}

    line = JSONFormatter().format(told)

    assert plain(line)
    assert json.loads(line)["event"] == "authn_login_fail"


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("formatter", [JSONFormatter(), LineFormatter()], ids=["json", "text"])
def test_nor_does_it_in_a_line_of_somebody_else(formatter: logging.Formatter, typed: str) -> None:
    line = formatter.format(record("Not Found: %s", typed))

    assert plain(line.replace("…", "..."))


def test_no_field_passes_for_the_name_or_the_time_of_an_event() -> None:
    told = record("csp_violation")
    told.event = {"event": "login_ended", "at": "1970", "level": "DEBUG", "request": "x"}

    token = request_id.set("7")
    line = json.loads(JSONFormatter().format(told))
    request_id.reset(token)

    assert (line["event"], line["level"], line["request"]) == ("csp_violation", "WARNING", "7")
    assert line["at"].endswith("+00:00")
    assert not line["at"].startswith("1970")
    assert list(line)[:3] == ["at", "level", "event"], "what is read first"


def test_wide_and_deep_fields_are_cut() -> None:
    told = record("odd")
    told.event = {"wide": list(range(10_000)), "deep": {"a": {"b": {"c": {"d": {}}}}}, "number": 10**5_000}

    line = json.loads(JSONFormatter().format(told))

    assert len(line["wide"]) == 50
    assert line["deep"] == {"a": {"b": {"c": "…"}}}
    assert line["number"] == "…"


def test_a_trace_is_a_field_of_the_line() -> None:
    try:
        1 / 0  # noqa: B018 - for its trace
    except ZeroDivisionError:
        told = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "x", (), sys.exc_info())

    line = JSONFormatter().format(told)

    assert len(line.splitlines()) == 1
    assert json.loads(line)["trace"].endswith("ZeroDivisionError: division by zero")
