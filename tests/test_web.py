"""The server and the browser of the tests do what others build on: real processes, one database, a page."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from authdemo.demo import PASSWORD
from tests.web import WebServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(serve: Callable[..., WebServer]) -> WebServer:
    return serve()


def test_the_demo_people_can_sign_in_at_a_served_project(served: WebServer) -> None:
    body = json.dumps({"email": "alice@example.com", "password": PASSWORD}).encode()
    request = urllib.request.Request(
        f"{served.origin}/api/token/", data=body, headers={"Content-Type": "application/json"}
    )

    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["access"]


def test_another_server_has_processes_of_its_own_and_the_same_database(served: WebServer) -> None:
    with served.another("second") as second:
        assert second.port != served.port
        assert second.variables == served.variables
        assert second.answers()


def test_a_served_project_starts_again_at_the_same_address(served: WebServer) -> None:
    served.restart()

    assert served.answers()
    assert served.logged().count("Starting granian") == 2


def test_a_command_that_fails_says_why(served: WebServer) -> None:
    with pytest.raises(RuntimeError, match="Unknown command: 'nothing'"):
        served.manage("nothing")


@pytest.mark.browser
def test_a_browser_sees_what_is_served(served: WebServer, browser: Browser) -> None:
    page = browser.new_page()

    page.goto(f"{served.origin}/healthz")

    assert page.inner_text("body") == "ok"
