"""The operators' lists, page by page: what is on them, what they cost, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import paging
from accounts.events import ROWS, Event
from accounts.logins import Login
from accounts.models import User
from tests.accounts.rows import a_login, a_person, some_logins
from tests.accounts.staff import LOGINS, PEOPLE, act, colleague, operator

EVENTS = "/admin/accounts/event/"
HOUR = timedelta(hours=1)
LINK = re.compile(r'<a href="([^"]*)"(?: rel="(?:prev|next)")?>(First|Previous|Next|Last)</a>')


def read(client: Client, address: str, **query: str) -> Any:
    """A page of a list that is there."""
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer


def links(answer: Any) -> dict[str, str]:
    """The addresses of the pages beside one."""
    return {name: unescape(href) for href, name in LINK.findall(answer.content.decode())}


def rows(answer: Any) -> list[Any]:
    """What a page shows."""
    return list(answer.context["cl"].result_list)


def turned(client: Client, address: str, first: dict[str, str], *, by: str = "Next") -> Iterator[list[Any]]:
    """The rows of each page, following one kind of link."""
    answer = read(client, address, **first)
    while True:
        yield rows(answer)
        if by not in links(answer):
            return
        answer = read(client, address + links(answer)[by])


@pytest.fixture
def many() -> None:
    """120 Logins, a few at each instant."""
    now = timezone.now()
    for number in range(40):
        some_logins(3, started_at=now - number * HOUR, seen_at=now - number // 2 * HOUR)


@pytest.mark.usefixtures("many")
def test_the_links_lead_through_all_logins_forth_and_back() -> None:
    client = operator()

    forth = [login.pk for page in turned(client, LOGINS, {}) for login in page]
    back = list(turned(client, LOGINS, {"p": "last"}, by="Previous"))

    expected = list(Login.objects.order_by("-started_at", "-pk").values_list("pk", flat=True))
    assert forth == expected
    assert [login.pk for page in reversed(back) for login in page] == expected


@pytest.mark.usefixtures("many")
def test_filter_search_and_sort_stay_from_page_to_page() -> None:
    client = operator()
    some_logins(70, a_person("bob@example.com"))
    query = {"state": "live", "q": "alice", "o": "-6"}

    first = read(client, LOGINS, **query)
    second = read(client, LOGINS + links(first)["Next"])

    assert all(f"{name}={value}" in links(first)["Next"] for name, value in query.items())
    seen = [login.seen_at for login in (*rows(first), *rows(second))]
    assert (len(seen), seen) == (100, sorted(seen, reverse=True))
    assert {login.user.email for login in rows(second)} == {"alice@example.com"}


@pytest.mark.usefixtures("many")
def test_only_what_an_index_has_in_order_can_be_sorted_by() -> None:
    client = operator()
    a_login(ended_at=timezone.now(), end_reason="logout")

    heads = [
        re.findall(r'class="sortable column-(\w+)', read(client, LOGINS, **query).content.decode())
        for query in ({}, {"state": "live"}, {"idle": "1h"}, {"state": "ended"}, {"reason": "logout"})
    ]

    assert heads[1] == heads[2] == ["started_at", "seen_at", "expires_at"]
    assert heads[0] == heads[3] == heads[4] == ["started_at"]
    for junk in ("1", "-6", "99", "x", "-", "5.6", "²"):
        shown = [login.started_at for login in rows(read(client, LOGINS, o=junk))]
        assert shown == sorted(shown, reverse=junk != "5.6")


@pytest.mark.parametrize(
    ("address", "query"),
    [
        (LOGINS, {}), (LOGINS, {"state": "live"}), (LOGINS, {"q": "alice"}),
        (LOGINS, {"q": "203.0.113.0/24"}), (PEOPLE, {}), (PEOPLE, {"q": "p"}),
        (PEOPLE, {"is_active__exact": "1"}), (EVENTS, {}),
        (EVENTS, {"q": "authn"}),
    ],
)  # fmt: skip
def test_a_page_costs_the_same_statements_at_any_length(address: str, query: dict[str, str]) -> None:
    client, counts = operator(), []
    read(client, address)  # from here on Redis, where there is one, has the session
    for count in (60, 200):
        for number in range(count):
            a_person(f"p{count}.{number}@example.com")
        some_logins(count)
        Event.objects.bulk_create(Event(name="authn_login_success") for _number in range(count))
        with CaptureQueriesContext(connection) as captured:
            read(client, address, **query)
        counts.append(len(captured))
        said = " ".join(each["sql"] for each in captured)

    assert counts[0] == counts[1]
    assert "OFFSET" not in said
    assert re.search(r'(?i)count\([^()]*\)[^()]*FROM "accounts_', said) is None, "a whole table is counted"


@pytest.mark.usefixtures("many")
def test_the_count_is_bounded_and_nothing_offers_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST", 100)
    client = operator()

    page = read(client, LOGINS).content.decode()

    assert "more than 100 logins" in page
    for offered in ("Show all", "Select all 1", 'class="question', "Show counts", "?all="):
        assert offered not in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"flow": "nonsense"}, "Flow: This is none of: "),
        ({"idle": "long"}, "Idle time: This is no span"),
        ({"since": "2026-99-99"}, "Sign-in: This is no instant"),
        ({"address": "10.0.0.0/99"}, "Address: This is no address"),
        ({"login": "1"}, "Login: This is no id."),
        ({"q": "x" * 5000}, "No email address begins like this."),
        ({"q": "bob", "email": "alice"}, "Email address begins with: This is asked for twice."),
        ({"p": "after~junk~junk"}, "There is no such page"),
    ],
)
def test_what_cannot_be_is_said_and_shows_nobody_unasked_for(query: dict[str, str], said: str) -> None:
    client = operator()
    a_login()

    answer = client.get(LOGINS, query)

    assert (answer.status_code, said in answer.content.decode()) == (400, True)
    assert len(rows(answer)) == (2 if "p" in query else 0)


def test_a_list_that_cannot_be_is_acted_on_by_nobody() -> None:
    client, login = operator(), a_login()

    act(client, "end_selected", login, at=f"{LOGINS}?flow=nonsense")
    act(client, "end_selected", login, at=f"{LOGINS}?state=live&reason=logout")
    act(client, "end_selected", login, at=f"{LOGINS}?state=ended")

    assert Login.objects.filter(pk=login.pk).live().exists()


@pytest.mark.parametrize("at", [LOGINS, PEOPLE])
def test_whoever_asks_for_all_that_match_is_refused(at: str) -> None:
    """Django would take this for an action on a million rows."""
    client, login = operator(), a_login()
    chosen = login if at == LOGINS else login.user
    action = "end_selected" if at == LOGINS else "send_reset_link"

    answer = client.post(
        at,
        {"action": action, "_selected_action": str(chosen.pk), "select_across": "1"},  # type: ignore[union-attr]
    )

    assert answer.status_code == 400
    assert Login.objects.live().count() == 2


@pytest.mark.usefixtures("many")
def test_an_action_on_a_page_far_down_ends_what_was_chosen_there() -> None:
    client = operator()
    third = read(client, LOGINS + links(read(client, LOGINS + links(read(client, LOGINS))["Next"]))["Next"])
    chosen = rows(third)[:2]

    act(client, "end_selected", *chosen, at=LOGINS + "?" + third.request["QUERY_STRING"])

    assert set(Login.objects.exclude(ended_at=None).values_list("pk", flat=True)) == {
        one.pk for one in chosen
    }
    assert LogEntry.objects.count() == 2


def test_people_are_paged_and_found_by_flag() -> None:
    client = operator()
    for number in range(110):
        a_person(f"p{number:03}@example.com", is_active=number != 7)

    emails = [person.email for page in turned(client, PEOPLE, {}) for person in page]

    assert emails == sorted(User.objects.values_list("email", flat=True))
    assert [one.email for one in rows(read(client, PEOPLE, is_active__exact="0"))] == ["p007@example.com"]
    assert [one.email for one in rows(read(client, PEOPLE, is_staff__exact="1"))] == ["olga@example.com"]
    assert client.get(PEOPLE, {"is_staff__exact": "perhaps"}).status_code == 400


def test_events_are_paged_and_their_names_offered() -> None:
    client = operator()
    Event.objects.bulk_create(Event(name="user_updated" if number == 9 else "odd") for number in range(120))

    events = [event.pk for page in turned(client, EVENTS, {}) for event in page]

    assert events == list(Event.objects.order_by("-at", "-pk").values_list("pk", flat=True))
    page = read(client, EVENTS).content.decode()
    assert all(f'href="?name={name}"' in page for name in ROWS)
    assert [event.name for event in rows(read(client, EVENTS, name="user_updated"))] == ["user_updated"]


def test_an_empty_list_says_what_to_do() -> None:
    client = operator()

    page = read(client, LOGINS, q="nobody").content.decode()

    assert "Nothing matches. Take away a filter" in page
    assert "0 logins" in page


def test_whoever_may_look_sees_pages_and_no_action() -> None:
    client = colleague("view_login")
    some_logins(60)

    page = read(client, LOGINS)

    assert links(page).keys() == {"Next", "Last"}
    assert 'name="action"' not in page.content.decode()
