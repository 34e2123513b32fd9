"""Every button of the lab, in a browser, on several processes: the panes tell what the counters tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from authdemo.lab.page import words
from tests import leaks
from tests.authdemo.test_lab_page import SAYS
from tests.browser.conftest import Site, Visitor
from tests.browser.test_pages import faults
from tests.served_lab import Counters, LabServer, held, remember, rows
from tests.stores import Stores
from tests.web import WebServer

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]
WORKERS = 2
LIVE = "SELECT count(*) FROM accounts_login WHERE ended_at IS NULL"
ENDED_BY_REPLAY = "SELECT count(*) FROM accounts_login WHERE end_reason = 'refresh_reused'"
# Those that come from what was held before need a sign-in first.
FIRST = ("sign-in", "call")


@pytest.fixture(scope="module", params=["its own redis", "no redis"])
def site(
    request: pytest.FixtureRequest,
    stores: Stores,
    prepared_database: Callable[[], str],
    serve: Callable[..., WebServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Two processes, beside a Redis that can be stopped, and without any."""
    mail = tmp_path_factory.mktemp("mail")
    variables = {"EMAIL_URL": f"file://{mail}"}
    if request.param == "no redis":
        yield Site(serve(workers=WORKERS, REDIS_URL="", **variables), mail)
        return
    server = LabServer(
        stores.directory / "lab",
        variables={"DATABASE_URL": prepared_database(), **variables},
        workers=WORKERS,
    )
    with server:
        yield Site(server, mail)


def press(visitor: Visitor, name: str) -> None:
    """Press the button of this name, and wait until the panes show what has come of it."""
    visitor.page.get_by_role("button", name=str(words.BUTTONS[name][0]), exact=True).click()
    visitor.page.locator("#bench:not([aria-busy])").wait_for()
    visitor.see(f"Done: {words.BUTTONS[name][0]}.")


def sentences(visitor: Visitor) -> list[str]:
    """Why each pane met what it met."""
    return visitor.page.locator("[data-why]").all_inner_texts()


def figure(visitor: Visitor, flow: str, name: str) -> list[str]:
    """Of each exchange of a pane, the number of statements, of trips, or the workers."""
    places = visitor.page.locator(f".pane.{flow} [data-{name}]")
    return [places.nth(at).get_attribute(f"data-{name}") or "" for at in range(places.count())]


def statuses(visitor: Visitor, flow: str) -> list[str]:
    """How each exchange of a pane was answered."""
    return visitor.page.locator(f".pane.{flow} .status").all_inner_texts()


def fits(said: str, code: str) -> bool:
    """Whether this is that sentence, whatever the figures in it."""
    parts = (re.escape(part) for part in re.split(r"%\(\w+\)s", str(words.WHY[code])))
    return re.fullmatch(r"[\d:]+".join(parts), said) is not None


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    """Somebody with the lab before them, signed in with both."""
    somebody = visit()
    somebody.go("/lab/")
    press(somebody, "sign-in")
    return somebody


@pytest.mark.slow
def test_every_button_says_why_and_shows_no_credential(visitor: Visitor) -> None:
    server, wrong = visitor.site.server, {}
    for name, (session, token) in SAYS.items():
        if name not in FIRST:
            press(visitor, name)
            found = sentences(visitor)
            if not all(
                any(fits(said, code) for code in codes)
                for said, codes in zip(found, (session, token), strict=True)
            ):
                wrong[name] = found
        remember(server)
        leaks.now[0].look(f"page after {name}", visitor.page.content())

    assert wrong == {}


def test_without_a_script_the_buttons_do_the_same(visit: Visit, site: Site) -> None:
    plain = visit(scripts=False)
    plain.go("/lab/")

    for name in ("sign-in", "end"):
        press(plain, name)

    assert [
        fits(said, f"end.{flow}") for said, flow in zip(sentences(plain), ("session", "token"), strict=True)
    ] == [True, True]


def test_a_hundred_calls_cost_what_redis_and_the_processes_say(visitor: Visitor) -> None:
    server = visitor.site.server
    press(visitor, "call")
    counters = Counters(server.redis_url) if isinstance(server, LabServer) else None
    before = counters.trips() if counters else 0

    press(visitor, "call-100")

    assert statuses(visitor, "session") == statuses(visitor, "token") == ["100 × 200"]
    trips, statements = (int(figure(visitor, "session", name)[0]) for name in ("trips", "statements"))
    if counters:
        # The visitor's own session is looked for by each of the two requests of a button.
        assert 100 <= trips == counters.trips() - before - 2
        assert statements < 10
        counters.close()
    else:
        assert (trips, statements >= 100) == (0, True)
    assert figure(visitor, "token", "trips") == ["0"]
    assert int(figure(visitor, "token", "statements")[0]) < 10
    assert len(figure(visitor, "session", "workers")[0].split()) == WORKERS


def test_what_has_ended_in_the_panes_has_ended_in_the_ledger(visitor: Visitor) -> None:
    server = visitor.site.server
    [(before,)], [(replayed,)] = rows(server, LIVE), rows(server, ENDED_BY_REPLAY)

    press(visitor, "end")
    assert rows(server, LIVE) == [(before - 2,)]
    press(visitor, "replay")

    assert rows(server, ENDED_BY_REPLAY) == [(replayed + 1,)]
    assert statuses(visitor, "token")[-1] == "401"


def test_redis_stops_and_starts_and_both_go_on(visitor: Visitor) -> None:
    server = visitor.site.server
    if not isinstance(server, LabServer):
        assert visitor.page.get_by_role("button", name="Stop Redis").count() == 0
        return

    press(visitor, "stop-redis")
    without = figure(visitor, "session", "statements")[-1], figure(visitor, "session", "trips")[-1]
    said = sentences(visitor)
    press(visitor, "start-redis")

    assert without == ("1", "0")
    assert [
        fits(one, f"stop_redis.{flow}") for one, flow in zip(said, ("session", "token"), strict=True)
    ] == [True, True]
    # That may have been over a new connection, which costs some more.
    assert figure(visitor, "session", "statements")[-1] == "0"
    assert int(figure(visitor, "session", "trips")[-1]) >= 1


@pytest.mark.slow
def test_the_seconds_are_counted_down_and_then_the_token_is_refreshed(visitor: Visitor) -> None:
    press(visitor, "wait")
    visitor.page.locator(".countdown .seconds").wait_for()

    visitor.see("Done: Call.")

    assert fits(sentences(visitor)[1], "call.token.refreshed")


def test_the_page_is_fit_for_everybody_before_and_after(visit: Visit) -> None:
    somebody = visit()
    somebody.go("/lab/")
    assert faults(somebody) == {}

    for name in ("sign-in", "end"):
        press(somebody, name)
    for summary in somebody.page.locator("#panes summary").all():
        summary.click()

    assert faults(somebody) == {}


def test_the_keyboard_stays_on_the_button_that_it_has_pressed(visitor: Visitor) -> None:
    button = visitor.page.get_by_role("button", name="Call", exact=True)
    button.focus()
    visitor.page.keyboard.press("Enter")
    visitor.see("Done: Call.")

    assert button.evaluate("button => button === document.activeElement")


def test_what_is_kept_is_kept_of_the_visitor_alone(visitor: Visitor, visit: Visit) -> None:
    other = visit()
    other.go("/lab/")

    other.see("Nothing has happened yet")
    assert len(list(held(visitor.site.server))) >= 1
