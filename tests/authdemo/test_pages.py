"""The project's own pages, and where browsers report what its policy has refused."""

from __future__ import annotations

import json
import logging

import pytest
from django.test import Client, override_settings

from accounts.testing import alice
from authdemo.demo import PASSWORD
from tests.accounts.staff import enter, the_login

REPORT = {
    "csp-report": {
        "document-uri": "http://testserver/",
        "effective-directive": "script-src",
        "blocked-uri": "http://evil.example/" + "x" * 1000,
    }
}


def report(body: bytes) -> int:
    return Client().post("/csp-report/", body, content_type="application/csp-report").status_code


def test_every_page_names_where_violations_are_reported() -> None:
    assert "report-uri /csp-report/" in Client().get("/").headers["Content-Security-Policy"]


def test_a_reported_violation_is_one_short_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("accounts.events").addHandler(caplog.handler)

    assert report(json.dumps(REPORT).encode()) == 204

    logging.getLogger("accounts.events").removeHandler(caplog.handler)
    (line,) = [record for record in caplog.records if record.getMessage() == "csp_violation"]
    assert len(line.__dict__["event"]["blocked-uri"]) == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"csp-report": 1}', b"\xff", b'{"csp-report": {}}'])
def test_a_report_that_is_none_is_refused(body: bytes) -> None:
    assert report(body) == 400


def test_the_demo_people_are_named_only_where_they_can_exist() -> None:
    with override_settings(DEBUG=False):
        assert PASSWORD not in Client().get("/").text
    with override_settings(DEBUG=True):
        assert PASSWORD in Client().get("/").text


def test_the_home_page_tells_which_login_carries_the_very_request() -> None:
    browser = enter(alice().email)
    login = the_login("alice@example.com", "session")

    assert "This very request" not in Client().get("/").text
    assert f"{str(login.pk)[:8]}…" in browser.get("/").text
