"""Pages of a list: each row once, in either direction, whatever comes in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Q

from accounts import listing, paging
from accounts.events import Event
from accounts.logins import Login
from accounts.models import User
from accounts.paging import Along, BadPlace, Page, Place, Stretch, Total, Walk
from accounts.search import Search
from tests.accounts.rows import a_login, a_person, some_logins

NOW = datetime.now(timezone.utc)
HOUR = timedelta(hours=1)
WAYS = [(by, is_descending) for by in ("started", "seen", "expires") for is_descending in (True, False)]


def a_walk(*, by: str = "started", is_descending: bool = True, **values: str) -> Walk:
    """The way to some Logins."""
    return listing.walk(Search.read(values), by=by, is_descending=is_descending)


def page(walk: Walk, text: str = "", *, size: int = 10) -> Page:
    """The page at a place."""
    return walk.page(walk.place(text), rows=walk.model._base_manager.all(), size=size)


def turned(walk: Walk, first: str = paging.FIRST, *, size: int = 10) -> Iterator[Page]:
    """Each page, on to the last one, or back to the first."""
    text: str | None = first
    while text is not None:
        found = page(walk, text, size=size)
        yield found
        text = found.previous if first == paging.LAST else found.next


def forth(walk: Walk, **options: Any) -> list[UUID]:
    """The keys of all rows, from page to page."""
    return [row.pk for each in turned(walk, **options) for row in each.rows]


def back(walk: Walk, **options: Any) -> list[UUID]:
    """The same from the end on, in the order of the list."""
    pages = list(turned(walk, paging.LAST, **options))
    return [row.pk for each in reversed(pages) for row in each.rows]


@pytest.fixture
def logins() -> list[Login]:
    """Some of each flow and state, with three of each instant."""
    made = []
    for number in range(30):
        at = NOW - number // 3 * HOUR
        fields: dict[str, Any] = {
            "started_at": at,
            "seen_at": at,
            "expires_at": NOW + HOUR - number // 3 * HOUR,
        }
        if number % 4 == 0:
            fields.update(ended_at=NOW, end_reason="logout")
        made.append(a_login(flow="session" if number % 2 else "token", **fields))
    return made


@pytest.mark.parametrize("size", [1, 4, 30])
@pytest.mark.parametrize(("by", "is_descending"), WAYS)
@pytest.mark.usefixtures("logins")
def test_every_row_comes_once_in_its_order_in_both_directions(
    by: str, is_descending: bool, size: int
) -> None:
    walk = a_walk(by=by, is_descending=is_descending, idle="0s")
    sign = "-" if is_descending else ""
    expected = list(
        Login.objects.filter(ended_at=None)
        .order_by(f"{sign}{listing.COLUMNS[by]}", f"{sign}pk")
        .values_list("pk", flat=True)
    )

    assert forth(walk, size=size) == expected
    assert back(walk, size=size) == expected


def test_neither_a_new_row_nor_an_ended_one_moves_the_page_that_one_is_on(logins: list[Login]) -> None:
    walk = a_walk()
    before = forth(walk)
    first = page(walk)

    new = some_logins(15, started_at=NOW + HOUR)
    Login.objects.filter(pk=first.rows[3].pk).update(ended_at=NOW)
    second = page(a_walk(), first.next or "")

    assert [row.pk for row in second.rows] == before[10:20]
    assert {row.pk for row in page(a_walk(), second.previous or "").rows} == set(before[:10])
    assert {login.pk for login in new} <= set(back(a_walk()))


def test_a_page_whose_rows_have_gone_says_how_to_get_back() -> None:
    some_logins(12, started_at=NOW - HOUR)
    following = page(a_walk()).next or ""
    Login.objects.filter(pk__in=forth(a_walk())[10:]).remove()

    gone = page(a_walk(), following)

    assert (gone.rows, gone.next) == ([], None)
    assert len(page(a_walk(), gone.previous or "").rows) == 10


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty rows are looked at and no more."""
    for module in (paging, listing):
        monkeypatch.setattr(module, "FEW", 20)
    monkeypatch.setattr(paging, "LOOK", 20)
    monkeypatch.setattr(paging, "COUNTED", 20)
    monkeypatch.setattr(paging, "GLANCE", 5)
    monkeypatch.setattr(paging, "MOST", 30)


@pytest.mark.usefixtures("impatient")
def test_what_is_rare_among_many_is_found_with_every_look_bounded() -> None:
    """Neither the flow nor the state is rare, both together are."""
    for number in range(100):
        ended: dict[str, Any] = {} if number % 2 else {"ended_at": NOW}
        address = "10.0.0.1" if number < 50 else "192.0.2.1"
        a_login(flow="session", started_at=NOW - number * HOUR, address=address, **ended)
    rare = some_logins(3, started_at=NOW - 90 * HOUR, flow="token", address="10.0.0.9")
    some_logins(60, started_at=NOW - 101 * HOUR, flow="token", address="192.0.2.9", ended_at=NOW)
    walk = a_walk(flow="token", address="10.0.0.0/8")

    pages = list(turned(walk))

    assert sorted(forth(walk)) == sorted(back(walk)) == sorted(login.pk for login in rare)
    assert walk.few is not None or all(len(each.rows) + 1 <= 20 for each in pages)


@pytest.mark.usefixtures("impatient")
def test_where_the_look_ends_the_page_says_so_and_the_next_one_goes_on() -> None:
    for number in range(90):
        a_login(
            a_person("even@example.com" if number % 2 else "odd@example.com"), started_at=NOW - number * HOUR
        )
    lonely = a_login(started_at=NOW - 70 * HOUR)
    far = Walk(model=Login, along=Along("started_at"), is_descending=True, wanted=Q(user=lonely.user))

    first, second = list(turned(far))[:2]

    assert (first.rows, first.total, first.looked_to) == ([], Total(0, is_all=False), NOW - 19 * HOUR)
    assert second.looked_to == NOW - 39 * HOUR
    assert forth(far) == back(far) == [lonely.pk]


@pytest.mark.usefixtures("impatient")
def test_the_count_ends_at_a_bound() -> None:
    some_logins(25)
    few = page(a_walk()).total
    some_logins(10)

    assert (few, page(a_walk()).total) == (Total(25, is_all=True), Total(30, is_all=False))
    assert page(a_walk(state="live")).total == Total(30, is_all=False)


@pytest.mark.parametrize(
    "text",
    [
        "abc", "after", "after~", "after~~", "after~2026-11-23~", "between~2026-11-23T00:00Z~{id}", "2",
        "after~x~{id}", "after~2026-11-23T00:00~{id}", "after~2026-11-23T00:00Z~x", "after~\0~{id}",
        "before~" + "9" * 5000,
    ],
)  # fmt: skip
def test_a_text_that_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(BadPlace):
        a_walk().place(text.format(id=UUID(int=7)))


def test_a_place_is_a_text_that_names_it_again() -> None:
    walk, key = a_walk(), (NOW, UUID(int=7))

    for place in (Place(False), Place(True), Place(False, key), Place(True, key)):
        assert walk.place(str(place)) == place


def test_people_are_found_by_address_flag_and_id_in_the_order_of_their_addresses() -> None:
    for number in range(30):
        a_person(f"p{number:02}@example.com", is_staff=number % 3 == 0, is_active=number != 4)
    four = User.objects.get(email="p04@example.com")

    for text, flags, expected in (
        ("", {}, range(30)),
        ("P1", {}, range(10, 20)),
        ("", {"is_staff": True}, range(0, 30, 3)),
        ("p1", {"is_staff": False}, (10, 11, 13, 14, 16, 17, 19)),
        ("", {"is_active": False}, (4,)),
        ("", {"is_active": False, "is_staff": True}, ()),
        (str(four.pk), {}, (4,)),
        (str(four.pk), {"is_staff": True}, ()),
        ("nobody", {}, ()),
    ):
        walk = listing.people(text, flags)
        emails = list(User.objects.in_bulk(forth(walk, size=4)).values())
        assert sorted(one.email for one in emails) == [f"p{number:02}@example.com" for number in expected]
        assert forth(walk, size=4) == back(walk, size=4)


@pytest.mark.usefixtures("impatient")
def test_more_people_than_can_be_put_in_order_are_walked_from_where_they_begin() -> None:
    for number in range(60):
        a_person(f"{'ab'[number % 2]}{number:02}@example.com")

    walk = listing.people("b", {})

    assert walk.few is None
    assert len(forth(walk)) == len(back(walk)) == 30


def test_events_are_found_by_name_and_id_in_the_order_of_their_time() -> None:
    whose = UUID(int=5)
    names = ("authn_login_success", "login_ended", "authn_password_change")
    Event.objects.bulk_create(
        Event(
            name=names[number % 3],
            login_id=whose if number % 5 == 0 else None,
            user_uuid=whose if number % 5 == 1 else None,
        )
        for number in range(30)
    )

    for text, name, count in (
        ("", None, 30), ("AUTHN_", None, 20), ("", "login_ended", 10), ("authn", "login_ended", 0),
        (str(whose), None, 12), (whose.hex, "login_ended", 4), ("nothing", None, 0), ("", "nothing", 0),
    ):  # fmt: skip
        walk = listing.events(text, name)
        pks: list[Any] = forth(walk, size=3)
        assert (len(pks), pks) == (count, back(walk, size=3))
        assert pks == list(
            Event.objects.filter(pk__in=pks).order_by("-at", "-pk").values_list("pk", flat=True)
        )


def test_a_stretch_that_nothing_is_in_costs_no_statement(django_assert_num_queries: Any) -> None:
    nothing = Walk(model=Login, along=Along("started_at", (Stretch(Q(pk__in=[])),)))

    with django_assert_num_queries(0):
        assert nothing.page(Place(False), rows=Login.objects.all()).rows == []
