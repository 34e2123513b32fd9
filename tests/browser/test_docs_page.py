"""A third party from nothing, in a browser: an operator makes it in the admin, and /api/docs/ tries it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from authdemo.demo import PASSWORD
from tests.tokens_stateless.callers import API, GRANT
from tests.web import WebServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def page(serve: Callable[..., WebServer], browser: Browser) -> Page:
    page = browser.new_page(base_url=serve(workers=1).origin)
    page.set_default_timeout(10_000)
    return page


def make_client(page: Page) -> tuple[str, str]:
    """Its id and secret, as the admin shows them to Olga once."""
    page.goto("/admin/login/?next=/admin/tokens_stateless/client/add/")
    page.get_by_label("email").fill("olga@example.com")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").click()
    page.get_by_label("Name").fill("Reports")
    page.get_by_label("Audiences").fill(API)
    for right in ("May introspect", "May revoke", "For pages"):
        page.get_by_label(right).check()
    page.locator("[name=_save]").click()
    shown = page.locator("dd code")
    return shown.nth(0).inner_text(), shown.nth(1).inner_text()


def authorize(page: Page, client_id: str, secret: str) -> None:
    """Tell the page of docs who calls from now on."""
    page.locator(".auth-wrapper .authorize").first.click()
    form = page.locator(".auth-container", has=page.get_by_label("auth-basic-username"))
    form.get_by_label("auth-basic-username").fill(client_id)
    form.get_by_label("auth-basic-password").fill(secret)
    form.locator("button.authorize").click()
    page.locator(".btn-done").first.click()


def call(page: Page, name: str, **fields: str) -> Any:
    """Try an operation out, again if need be; what it answers."""
    box = page.locator(f"#operations-token-{name}")
    if not box.locator(".execute").count():
        box.locator(".opblock-summary").click()
        box.locator(".try-out__btn").click()
    for field, text in fields.items():
        box.locator(f"tr[data-property-name='{field}'] input").first.fill(text)
    with page.expect_response("**/api/token/**") as answer:
        box.locator(".execute").click()
    expect(box.locator(".live-responses-table .response-col_status").last).to_contain_text(
        str(answer.value.status)
    )
    return json.loads(answer.value.text())


def test_introspection_revocation_and_exchange_work_in_the_docs(page: Page) -> None:
    client_id, secret = make_client(page)
    page.goto("/api/docs/")

    token = call(page, "token_exchange", grant_type=GRANT, audience=API)["access_token"]
    authorize(page, client_id, secret)
    before = call(page, "token_introspect", token=token)
    call(page, "token_revoke", token=token)

    assert (before["active"], before["aud"], before["client_id"]) == (True, API, "first-party")
    assert call(page, "token_introspect", token=token) == {"active": False}
    page.goto("/logins/")
    assert page.url.endswith("/login/?next=/logins/"), "the session ended with the token's login"
