"""The page of the token flow's client, which walks the nine steps and keeps its tokens in the browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visitor
from tests.servers import wait_until

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]


def states(visitor: Visitor) -> str:
    """The nine steps: d(one), n(ow), f(ailed), or a dot where nothing has happened."""
    steps = visitor.page.locator("[data-step]").all()
    return "".join((step.get_attribute("data-state") or ".")[0] for step in steps)


def stored(visitor: Visitor) -> list[str]:
    """What lies in the session storage and the local storage of the tab."""
    kept: list[str] = visitor.page.evaluate(
        "() => [...Object.values(sessionStorage), ...Object.values(localStorage)]"
    )
    return kept


def claim(visitor: Visitor, name: str) -> str:
    """A claim of the decoded token, as the page shows it."""
    row = visitor.page.locator("#token-claims > div, #token-header > div").filter(
        has=visitor.page.get_by_text(name, exact=True)
    )
    return row.locator("dd").evaluate("dd => dd.firstChild.textContent")  # type: ignore[no-any-return]


def test_the_client_walks_all_nine_steps(visit: Visit) -> None:
    alice = visit()
    alice.go("/token/")
    alice.act("Call /api/me/")
    assert states(alice) == ".....df.n"

    alice.sign_in_for_token("alice@example.com")
    assert states(alice) == "ddddd...d"
    alice.act("Call /api/me/")
    assert states(alice) == "ddddddd.d"
    alice.act("Sign out")
    assert states(alice) == "dddddddd."
    alice.act("Call /api/me/")
    assert states(alice)[8] == "n"

    alice.sign_in_for_token("alice@example.com")
    assert states(alice) == "ddddd...d"
    alice.forgive("/api/me/")


def test_the_client_shows_what_the_token_says(visit: Visit) -> None:
    alice = visit()

    alice.sign_in_for_token("alice@example.com")

    assert [claim(alice, name) for name in ("alg", "typ", "email")] == [
        "ES256",
        "at+jwt",
        "alice@example.com",
    ]
    assert int(claim(alice, "exp")) - int(claim(alice, "iat")) == 300
    assert alice.page.locator("#access-state").inner_text().startswith("in memory, good for ")


def test_after_a_change_of_role_the_client_refreshes_in_silence(visit: Visit) -> None:
    bob, olga = visit(), visit()
    bob.sign_in_for_token("bob@example.com")
    first = claim(bob, "is_staff")
    olga.sign_in("olga@example.com", path="/login/?next=/admin/accounts/user/?q=bob")
    olga.page.get_by_role("link", name="bob@example.com").click()
    olga.page.get_by_label("Operator").check()
    olga.page.get_by_role("button", name="Save", exact=True).click()
    olga.see("was changed successfully")

    def refreshed() -> bool:
        bob.act("Call /api/me/")
        return "The token was refused, so this page has refreshed it" in bob.page.inner_text("#status")

    wait_until(refreshed, what="a stale token", seconds=2)
    assert (first, claim(bob, "is_staff")) == ("false", "true")
    bob.forgive("/api/me/")


def test_signing_out_clears_the_storage_and_the_login_ends(visit: Visit) -> None:
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    (refresh,) = stored(alice)
    assert "sid" not in {cookie.get("name") for cookie in alice.page.context.cookies()}

    alice.act("Sign out")

    assert stored(alice) == []
    assert alice.page.locator("#decoded").is_hidden()
    assert refresh not in alice.page.content()
    answer = alice.page.request.post(alice.site.url("/api/token/refresh/"), data={"refresh": refresh})
    assert answer.status == 401


def test_a_reload_signs_nobody_out_and_a_wrong_password_nobody_in(visit: Visit) -> None:
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    alice.page.reload()
    alice.see("Still signed in")
    alice.act("Sign out")

    alice.fill("Password", "not her password at all")
    alice.act("Sign in for a token")

    alice.see("No active account with this address and password.")
    assert states(alice)[:2] == "df"
    assert stored(alice) == []
    alice.forgive("/api/token/")
