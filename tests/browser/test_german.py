"""The pages in German, whose words are long: none scrolls sideways, and scripts speak it, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from authdemo.demo import PASSWORD
from tests.browser.conftest import Visitor
from tests.browser.test_pages import FOR_ALL, FOR_OPERATORS, FOR_PEOPLE

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]


def too_wide(visitor: Visitor, *paths: str) -> dict[str, int]:
    """How wide each of these pages is that is wider than a small telephone."""
    found = {}
    for path in paths:
        visitor.go(path)
        assert visitor.page.evaluate("document.documentElement.lang") == "de"
        if (needed := visitor.page.evaluate("document.documentElement.scrollWidth")) > 375:
            found[path] = needed
    return found


def signed_in(visit: Visit, email: str) -> Visitor:
    """Somebody who prefers German, on a small telephone."""
    visitor = visit(width=375, locale="de-DE")
    visitor.go("/login/")
    visitor.fill("E-Mail-Adresse", email)
    visitor.fill("Passwort", PASSWORD)
    visitor.press("Anmelden")
    visitor.arrive("/logins/")
    return visitor


def test_the_pages_fit_a_small_telephone_in_german(visit: Visit) -> None:
    assert too_wide(visit(width=375, locale="de-DE"), *FOR_ALL) == {}
    assert too_wide(signed_in(visit, "alice@example.com"), *FOR_PEOPLE) == {}


def test_the_admin_fits_a_small_telephone_in_german(visit: Visit) -> None:
    olga = signed_in(visit, "olga@example.com")
    olga.go("/admin/accounts/login/")
    login = olga.page.locator("#result_list tbody th a").first.get_attribute("href") or ""

    assert too_wide(olga, *FOR_OPERATORS, login) == {}


def test_the_token_client_speaks_german(visit: Visit) -> None:
    alice = visit(locale="de-DE")
    alice.go("/token/")
    alice.fill("E-Mail-Adresse", "alice@example.com")
    alice.fill("Passwort", PASSWORD)
    alice.act("Für ein Token anmelden")
    alice.act("/api/me/ aufrufen")
    alice.see("Der Server kennt Sie als alice@example.com.")
    alice.act("Abmelden")
    alice.see("Abgemeldet. Die Anmeldung ist beendet")


def test_the_lab_fits_a_small_telephone_in_german(visit: Visit) -> None:
    somebody = visit(width=375, locale="de-DE")
    assert too_wide(somebody, "/lab/") == {}

    for act in ("Anmelden", "100-mal aufrufen", "Vom anderen Gerät beenden", "Cookie und Token fälschen"):
        somebody.press(act)
        somebody.see(f"Erledigt: {act}.")
        for summary in somebody.page.locator("#panes summary").all():
            summary.click()

        assert somebody.page.evaluate("document.documentElement.scrollWidth") <= 375


def test_a_visitor_chooses_another_language_at_the_foot_of_a_page(visit: Visit) -> None:
    bob = visit()
    bob.go("/login/?next=/password/change/")

    bob.page.get_by_role("button", name="Deutsch").click()
    bob.see("Anmelden")

    assert bob.page.url.endswith("/login/?next=/password/change/")
    assert bob.page.get_by_role("button", name="Deutsch").get_attribute("aria-current") == "true"
    bob.go("/signup/")
    bob.see("Konto anlegen")


def test_the_list_of_logins_shows_its_last_column_in_german(visit: Visit) -> None:
    olga = signed_in(visit, "olga@example.com")
    olga.page.set_viewport_size({"width": 1280, "height": 800})
    olga.go("/admin/accounts/login/")

    results = olga.page.locator(".results")
    assert results.evaluate("list => list.scrollWidth - list.clientWidth") <= 0
