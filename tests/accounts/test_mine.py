"""Where you are signed in, on the page and over the API: yours alone, all of them, at a fixed cost."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import mine
from accounts.logins import EndReason, Login
from accounts.mine import Position
from accounts.testing import alice, bob
from tests.accounts.rows import a_login, a_person, some_logins
from tests.doors import with_cookie, with_token

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def page(client: Client, path: str = "/logins/") -> str:
    """The words of a page, markup and all spaces aside."""
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", answer.text)).split())


def devices(client: Client, path: str = "/logins/") -> list[str]:
    """The devices of the first table, from top to bottom."""
    table = client.get(path).text.partition("</table>")[0]
    return re.findall(r'<span class="device">.*?<span>([^<]*)</span></span>', table, re.DOTALL)


def ago(hours: int) -> Any:
    return timezone.now() - hours * HOUR


def everything(client: Client, path: str = "/api/logins/") -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        assert len(found) < 1_000, "the pages have no end"
        told = client.get(following).json()
        found += told["results"]
        following = told["next"]
    return found


def test_this_device_comes_first_and_the_others_by_last_use() -> None:
    alice()
    browser = with_cookie()
    for device, seen in (("an old one", 3), ("a new one", 1), ("one between", 2)):
        a_login(device=device, seen_at=ago(seen), idle_timeout=DAY)

    assert devices(browser) == ["Unknown device", "a new one", "one between", "an old one"]
    assert "This device" in page(browser).partition("a new one")[0]


def test_nobody_sees_what_is_somebody_elses() -> None:
    alice()
    browser, program = with_cookie(), with_token()
    theirs = a_login(bob(), device="bob's machine")

    assert "bob's machine" not in page(browser)
    assert str(theirs.pk) not in {one["id"] for one in everything(program, "/api/logins/?state=all")}
    assert program.get(f"/api/logins/{theirs.pk}/").status_code == 404


def test_nobody_ends_what_is_somebody_elses() -> None:
    alice()
    browser, program = with_cookie(), with_token()
    theirs = a_login(bob())

    statuses = [browser.post(f"/logins/{theirs.pk}/{act}/").status_code for act in ("end", "not-me")]
    statuses.append(program.delete(f"/api/logins/{theirs.pk}/").status_code)
    statuses.append(program.post(f"/api/logins/{theirs.pk}/not-me/").status_code)

    assert statuses == [404] * 4
    assert Login.objects.live().count() == 3


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ended_at": ago(1), "end_reason": EndReason.REVOKED_BY_OPERATOR}, "ended by an operator"),
        ({"expires_at": ago(1)}, "reached the end of its life"),
        ({"seen_at": ago(3), "idle_timeout": HOUR}, "not used for too long"),
    ],
    ids=["recorded", "past its life", "idle, by the clock"],
)
def test_what_has_ended_is_told_with_its_reason_and_is_not_called_alive(
    fields: dict[str, Any], why: str
) -> None:
    alice()
    browser = with_cookie()
    over = a_login(device="gone by now", **fields)

    assert devices(browser) == ["Unknown device"]
    assert re.search(f"gone by now .* {why}", page(browser))
    told = browser.get(f"/api/logins/{over.pk}/").json()
    assert told["ended_at"] is not None
    assert str(EndReason(told["end_reason"]).label) == why
    assert [one["id"] for one in everything(browser, "/api/logins/?state=ended")] == [str(over.pk)]
    assert str(over.pk) not in [one["id"] for one in everything(browser)]


def test_what_ended_long_ago_is_left_to_the_api() -> None:
    alice()
    browser = with_cookie()
    a_login(device="long gone", ended_at=timezone.now() - mine.LATELY - DAY, end_reason=EndReason.LOGOUT)

    assert "long gone" not in page(browser)
    assert "long gone" in {one["device"] for one in everything(browser, "/api/logins/?state=ended")}


def test_of_many_that_have_ended_the_latest_are_shown() -> None:
    alice()
    browser = with_cookie()
    for hours in range(1, 31):
        a_login(device=f"gone {hours}.", ended_at=ago(hours), end_reason=EndReason.LOGOUT)

    shown = re.findall(r"gone (\d+)\. ", page(browser))
    assert list(dict.fromkeys(map(int, shown))) == list(range(1, mine.MOST_ENDED + 1))


def test_each_login_is_on_one_page_of_the_list() -> None:
    alice()
    browser = with_cookie()
    moment = ago(1)
    some_logins(60, seen_at=moment, idle_timeout=DAY)
    some_logins(60, seen_at=moment - HOUR, idle_timeout=DAY)

    found: list[str] = []
    path: str | None = "/logins/"
    while path:
        assert len(found) < 1_000, "the pages have no end"
        text = browser.get(path).text
        found += re.findall(r"/logins/([0-9a-f-]{36})/end/", text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        path = following and html.unescape(following[1])

    assert len(found) == len(set(found)) == 120


def test_the_api_pages_leave_nothing_out_and_repeat_nothing_while_logins_come_and_go() -> None:
    alice()
    program = with_token()
    before = {str(one.pk) for one in some_logins(120, started_at=ago(1), seen_at=ago(0))}

    first = program.get("/api/logins/").json()
    a_login(device="a late one")
    Login.objects.filter(pk=UUID(first["results"][-1]["id"])).remove()
    rest = everything(program, first["next"])

    found = [one["id"] for one in first["results"] + rest]
    assert len(found) == len(set(found))
    assert before <= set(found)


def test_a_place_in_the_list_survives_being_written_down() -> None:
    place = Position(timezone.now(), uuid4())

    assert Position.read(str(place)) == place


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1-", "-", f"-{uuid4().hex}", f"1-{uuid4()}", f"{'9' * 18}-{uuid4().hex}",
             f"١-{uuid4().hex}", f"1-{uuid4().hex}\n", f"1-{'F' * 32}", "9" * 5000],
)  # fmt: skip
def test_what_is_no_place_in_the_list_is_none(text: str) -> None:
    assert Position.read(text) is None


@pytest.mark.parametrize("before", ["x", "9" * 5000, "%ED%A0%80", f"1-{uuid4()}"])
def test_the_api_says_so_of_a_place_that_is_none(before: str) -> None:
    alice()

    answer = with_token().get(f"/api/logins/?before={before}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "before" in answer.json()["errors"]


@pytest.mark.parametrize(
    ("path", "statements"), [("/logins/", 3), ("/api/logins/", 1), ("/api/logins/?state=ended", 1)]
)
def test_a_list_costs_the_same_statements_however_many_there_are(path: str, statements: int) -> None:
    alice()
    browser = with_cookie()
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            browser.get(path)
        asked = [one["sql"] for one in captured if one["sql"].startswith("SELECT")]
        assert len([sql for sql in asked if 'FROM "accounts_login"' in sql]) == statements
        # The session, where no copy of it is known.
        assert len(asked) <= statements + 1
        some_logins(200)
        some_logins(200, ended_at=ago(1), end_reason=EndReason.LOGOUT)


def test_somebody_with_thousands_gets_a_page_like_everybody() -> None:
    alice()
    browser = with_cookie()
    some_logins(2_000, ended_at=ago(1), end_reason=EndReason.LOGOUT)
    some_logins(3_000)

    assert len(devices(browser)) == 1 + mine.PAGE
    assert "Show older ones" in page(browser)
    assert len(browser.get("/api/logins/").json()["results"]) == mine.PAGE


def test_whoever_is_alone_is_told_what_to_do() -> None:
    alice()

    text = page(with_cookie())

    assert "You are logged in nowhere else." in text
    assert "None of your sign-ins has ended within 30 days." in text
    assert "End all others" not in text


def test_ending_one_leaves_the_rest() -> None:
    alice()
    browser = with_cookie()
    one, other = a_login(), a_login()

    assert browser.post(f"/logins/{one.pk}/end/", follow=True).status_code == 200

    assert {login.pk for login in Login.objects.live()} >= {other.pk}
    one.refresh_from_db()
    assert (one.end_reason, one.ended_by_id) == (EndReason.REVOKED_BY_OWNER, a_person().pk)


def test_ending_all_others_keeps_this_one() -> None:
    alice()
    browser = with_cookie()
    some_logins(3)

    assert "3 other sign-ins have ended." in browser.post("/logins/end-others/", follow=True).text

    assert Login.objects.live().count() == 1
    assert browser.get("/logins/").status_code == 200
