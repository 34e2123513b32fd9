"""The page of the token flow's client, which walks the nine steps and keeps its tokens in the browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Site, Visitor
from tests.servers import wait_until

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]


def states(visitor: Visitor) -> str:
    """The nine steps: d(one), n(ow), f(ailed), or a dot where nothing has happened."""
    steps = visitor.page.locator("[data-step]").all()
    return "".join((step.get_attribute("data-state") or ".")[0] for step in steps)


def stored(visitor: Visitor) -> list[str]:
    """All that a script of the page could read when the page is gone: both storages, cookies, databases."""
    kept: list[str] = visitor.page.evaluate(
        """async () => [...Object.values(sessionStorage), ...Object.values(localStorage), document.cookie,
            ...(await indexedDB.databases()), ...(await caches.keys())].filter(Boolean)"""
    )
    return kept


def carried(visitor: Visitor) -> str | None:
    """The refresh token in the browser's cookie."""
    found = {cookie.get("name"): cookie.get("value") for cookie in visitor.page.context.cookies()}
    return found.get("refresh")


def ask(site: Site, statement: str) -> str:
    """Have this done to the site's database, as by another process; what it prints."""
    names = "from accounts.models import Login, User; from tokens_stateless.models import Family"
    return site.server.manage("shell", "-v", "0", "-c", f"{names}; {statement}")


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
    assert 270 <= int(claim(alice, "exp")) - int(claim(alice, "iat")) <= 300
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
        return "out of date, so this page has refreshed it" in bob.page.inner_text("#status")

    wait_until(refreshed, what="a stale token", seconds=2)
    assert (first, claim(bob, "is_staff")) == ("false", "true")
    bob.forgive("/api/me/")


def test_signing_out_clears_the_cookie_and_the_login_ends(visit: Visit) -> None:
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    refresh = carried(alice)
    assert refresh
    assert stored(alice) == []
    assert "sid" not in {cookie.get("name") for cookie in alice.page.context.cookies()}

    alice.act("Sign out")

    assert (stored(alice), carried(alice)) == ([], None)
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


def test_an_ended_login_is_said_and_the_form_offered(visit: Visit) -> None:
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    ask(alice.site, "[login.delete() for login in Login.objects.live().filter(flow='token')]")

    def offered() -> bool:
        alice.act("Call /api/me/")
        return alice.page.locator("#sign-in").is_visible()

    wait_until(offered, what="the end", seconds=3)
    alice.see("You are signed out. The refresh token is not valid. Sign in again.")
    assert alice.page.locator("#email").input_value() == "alice@example.com"
    assert states(alice)[8] == "n"
    alice.forgive("/api/me/", "/api/token/refresh/")


def test_a_new_csrf_token_from_another_page_is_no_hindrance(visit: Visit) -> None:
    """A sign-in at the page changes the secret; the client asks again, once."""
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    other = Visitor(alice.site, alice.page.context.new_page())
    other.sign_in("alice@example.com")

    alice.act("Refresh")

    alice.see("A fresh access token.")
    alice.forgive("/api/token/refresh/")


def test_requests_at_the_same_time_share_one_refresh(visit: Visit) -> None:
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    sent: list[str] = []
    alice.page.on("request", lambda request: sent.append(request.url.removeprefix(alice.site.server.origin)))

    answers = alice.page.evaluate(
        """async () => {
            const client = new TokenClient(document.getElementById("client").dataset);
            const answers = await Promise.all(Array.from({ length: 10 }, () => client.get("/api/me/")));
            return answers.map(({ body }) => body.email);
        }"""
    )

    assert answers == ["alice@example.com"] * 10
    assert sent.count("/api/token/refresh/") == 1


def press_at_once(tabs: list[Visitor], button: str) -> set[str]:
    """Press a button in every tab before any has its answer; what they say then, up to the first comma."""
    for tab in tabs:
        tab.page.evaluate("id => document.getElementById(id).click()", button)
    for tab in tabs:
        tab.page.wait_for_selector('#client[aria-busy="false"]')
    return {tab.page.inner_text("#status").partition(",")[0] for tab in tabs}


@pytest.mark.slow
def test_twenty_tabs_of_which_one_goes_stale_at_once(visit: Visit) -> None:
    """T3: each refreshes for itself, in two processes; the cookie that all share holds the one successor."""
    alice = visit()
    alice.sign_in_for_token("alice@example.com")
    tabs = [alice, *(Visitor(alice.site, alice.page.context.new_page()) for _ in range(19))]
    for tab in tabs[1:]:
        tab.page.goto(alice.site.url("/token/"), wait_until="commit")
    for tab in tabs[1:]:
        tab.see("Still signed in")
    stale = {"What the token said about you was out of date"}
    window_over = "Family.objects.update(rotated_at=None)"
    promote = "u = User.objects.get(email='alice@example.com'); u.is_staff = True; u.save()"

    ask(alice.site, f"{window_over}; {promote}")
    wait_until(lambda: press_at_once([alice], "call") == stale, what="a stale token", seconds=3)
    assert press_at_once(tabs[1:], "call") == stale
    ask(alice.site, window_over)
    assert press_at_once(tabs, "refresh") == {
        "A fresh access token. The refresh token in the cookie has moved on"
    }

    sid, generation, _mac = str(carried(alice)).split(".")
    family = f"Family.objects.filter(login__ended_at=None, pk='{sid}').values_list('generation', flat=True)"
    assert ask(alice.site, f"print(*{family})").strip() == generation
    assert {claim(tab, "is_staff") for tab in tabs} == {"true"}
    alice.forgive("/api/me/")
