"""The API describes itself truthfully, and its page runs under the strict policy."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client, override_settings
from drf_spectacular.validation import validate_schema
from playwright.sync_api import Browser, expect

from authdemo.codes import CODES
from authdemo.schema import document_problems
from tests.web import WebServer

ERRORS = {"400", "401", "403", "413", "415", "429", "503"}


def schema(client: Client) -> dict[str, Any]:
    return client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()  # type: ignore[no-any-return]


def operations(client: Client) -> list[tuple[str, dict[str, Any]]]:
    return [
        (path, operation)
        for path, methods in schema(client)["paths"].items()
        for operation in methods.values()
    ]


class Parts(HTMLParser):
    """The elements of a page that may load or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_schema_is_valid_openapi_3_1(client: Client) -> None:
    found = schema(client)

    validate_schema(found)  # type: ignore[no-untyped-call]
    assert found["openapi"].startswith("3.1")


def test_every_door_is_described(client: Client) -> None:
    described = {path for path, _operation in operations(client)}

    assert {"/api/token/", "/api/session/", "/api/me/", "/api/logins/{sid}/"} <= described


def test_every_operation_says_which_errors_it_answers(client: Client) -> None:
    for path, operation in operations(client):
        assert operation["responses"].keys() >= ERRORS | ({"404"} if "{" in path else set()), path


def test_an_error_is_a_problem_with_a_listed_code(client: Client) -> None:
    components = schema(client)["components"]

    answer = components["responses"]["Unauthorized"]
    assert answer["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert "WWW-Authenticate" in answer["headers"]
    assert components["schemas"]["Problem"]["properties"]["code"]["enum"] == list(CODES)


def test_an_operation_that_answers_an_error_in_its_own_way_keeps_it() -> None:
    own = {"description": "As its RFC says."}
    described = {"paths": {"/api/": {"post": {"responses": {"400": own}}}}}

    assert document_problems(described)["paths"]["/api/"]["post"]["responses"]["400"] is own


@pytest.mark.parametrize("name", ["sid", "__Host-sid"])
def test_both_ways_to_be_known_are_described(client: Client, name: str) -> None:
    with override_settings(SESSION_COOKIE_NAME=name):
        schemes = schema(client)["components"]["securitySchemes"]

    assert schemes["token"] == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", name)


def test_the_refresh_cookie_is_described(client: Client) -> None:
    found = schema(client)
    operation = found["paths"]["/api/token/refresh/"]["post"]

    assert {(one["in"], one["name"]) for one in operation["parameters"]} == {
        ("cookie", "refresh"),
        ("header", "X-CSRFToken"),
    }
    assert "Set-Cookie" in operation["responses"]["200"]["headers"]
    assert "refresh" not in found["components"]["schemas"]["Pair"]["required"]
    assert "transport" in found["components"]["schemas"]["SignIn"]["properties"]


def test_the_schema_is_everybodys_and_may_be_stored(client: Client) -> None:
    answer = client.get("/api/schema/", headers={"Authorization": "Bearer rubbish"})

    assert (answer.status_code, answer["Cache-Control"]) == (200, "public, max-age=300")


def test_the_page_holds_no_script_and_no_style_and_loads_packaged_files_only(client: Client) -> None:
    tags = Parts(client.get("/api/docs/").text).tags

    loaded = [attrs.get("src") or attrs.get("href") or "" for tag, attrs in tags if tag in ("script", "link")]
    assert [tag for tag, _attrs in tags].count("style") == 0
    assert not [name for _tag, attrs in tags for name in attrs if name == "style" or name.startswith("on")]
    assert all(finders.find(url.removeprefix("/static/")) for url in loaded if url != "/api/docs/?script=")
    assert len(loaded) == 6


@pytest.mark.browser
def test_the_page_runs_under_the_strict_policy(serve: Callable[..., WebServer], browser: Browser) -> None:
    page = browser.new_page(base_url=serve(workers=1).origin)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    page.goto("/api/docs/")

    expect(page.locator("#operations-token-token_issue")).to_be_visible()
    assert said == []
