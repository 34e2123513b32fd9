"""The story of a Login: everything once, newest first, in pages, at the same price however long it is."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import credentials, logins, story
from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob, olga
from tests.accounts.rows import a_login, a_person, on_postgresql, on_sqlite
from tests.accounts.staff import LOGINS, PEOPLE, act, colleague, enter, operator, the_login, token
from tokens_stateless.models import Stretch

TIMES = re.compile(r'<time datetime="([^"]+)"')


def page_of(login: Login, client: Any = None, **query: str) -> str:
    """The page of a Login in the admin."""
    answer = (client or operator()).get(f"{LOGINS}{login.pk}/change/", query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def titles(login: Login) -> list[str]:
    """What has happened, in words, newest first."""
    return [str(moment.title) for moment in story.page_of(login).moments]


def many_events(login: Login, count: int) -> None:
    """Events of this Login and of its person, some at one instant."""
    rng, start = random.Random(7), login.started_at
    rows = Event.objects.bulk_create(
        Event(
            name="authn_step_up" if number % 3 else "user_updated",
            login_id=login.pk if number % 3 else None,
            user_uuid=login.user_uuid,
        )
        for number in range(count)
    )
    for row in rows:
        row.at = start + timedelta(seconds=1 + rng.randrange(count // 4))
    Event.objects.bulk_update(rows, ["at"])


def all_pages(login: Login) -> list[story.Moment]:
    """The whole story, page by page."""
    found: list[story.Moment] = []
    before = None
    while True:
        page = story.page_of(login, before=before)
        assert len(page.moments) <= story.PAGE
        found += page.moments
        if page.older is None:
            return found
        before = story.place(str(page.older))


def test_it_begins_with_the_sign_in_and_ends_with_who_ended_it_and_why() -> None:
    client, person = operator(), alice()
    enter(person.email)
    login = the_login(person.email, "session")

    act(client, "end_selected", login)

    login.refresh_from_db()
    end, start = story.page_of(login).moments
    assert (start.kind, start.at, start.address) == ("start", login.started_at, "127.0.0.1")
    assert (end.kind, end.at, end.who) == ("end", login.ended_at, "olga@example.com")
    assert end.details == [("reason", "ended by an operator")]
    assert end.request_id == Event.objects.get(name="login_ended").request_id != ""


def test_a_password_entered_again_and_a_changed_one_are_told() -> None:
    person = alice()
    client = enter(person.email)
    client.post("/login/again/", {"password": PASSWORD})

    credentials.change_password(person, OTHER_PASSWORD, keep=the_login(person.email, "session").pk)

    assert titles(the_login(person.email, "session")) == [
        "Password changed",
        "Password entered again",
        "Signed in",
    ]


def test_changes_of_rights_are_told_with_who_made_them() -> None:
    client, person = operator(), alice()
    token(person.email)
    team = Group.objects.create(name="Support")

    client.post(
        f"{PEOPLE}{person.pk}/change/",
        {"email": person.email, "is_active": "on", "is_staff": "on", "groups": [team.pk]},
    )

    rights = [
        moment
        for moment in story.page_of(the_login(person.email, "token")).moments
        if moment.title == "Rights changed"
    ]
    assert [(moment.details, moment.who) for moment in rights] == [
        ([("given", "Support")], "olga@example.com"),
        ([("operator", "yes")], "olga@example.com"),
    ]


def test_what_befell_the_person_before_and_after_is_not_part_of_it() -> None:
    person = alice()
    person.is_staff = True
    person.save()
    login = a_login(person)
    logins.end([login.pk], reason=EndReason.LOGOUT)
    person.is_staff = False
    person.save()

    assert titles(Login.objects.get(pk=login.pk)) == ["Ended", "Signed in"]


def test_nothing_of_other_people_and_other_logins_is_told() -> None:
    login, other = a_login(alice()), a_login(bob())
    mine = a_login(User.objects.get(email="alice@example.com"))
    for one in (other, mine):
        Event.objects.create(name="authn_step_up", login_id=one.pk, user_uuid=one.user_uuid)
    Event.objects.create(name="user_updated", user_uuid=other.user_uuid)

    assert titles(login) == ["Signed in"]


@pytest.mark.parametrize("reason", [EndReason.IDLE_TIMEOUT, EndReason.ABSOLUTE_TIMEOUT])
def test_a_timeout_tells_the_last_use(reason: EndReason) -> None:
    login = a_login()
    logins.end([login.pk], reason=reason)

    end = story.page_of(Login.objects.get(pk=login.pk)).moments[0]

    assert [label for label, _value in end.details] == ["reason", "last used"]


def test_a_live_login_says_when_it_would_end_by_itself() -> None:
    page = page_of(a_login())

    assert "if it is not used before" in page


def test_the_pages_tell_everything_once_and_in_order() -> None:
    login = a_login(started_at=timezone.now() - timedelta(days=1))
    many_events(login, 400)

    found = all_pages(login)

    assert len(found) == 401
    assert len({(moment.at, moment.title, moment.order) for moment in found}) == 401
    assert [moment.at for moment in found] == sorted((moment.at for moment in found), reverse=True)
    assert found[-1].kind == "start"


@pytest.mark.parametrize("junk", ["", "x", "1~2~3", "2026-01-01~1~1", "2026-01-01T00:00:00+00:00~a~b", "~~~"])
def test_a_place_that_is_none_is_the_first_page(junk: str) -> None:
    login = a_login()

    assert "Signed in" in page_of(login, before=junk)


def test_a_long_story_costs_no_more_statements_than_a_short_one() -> None:
    client, person, counts = operator(), a_person(), []
    short, long = (a_login(person, started_at=timezone.now() - timedelta(days=1)) for _ in range(2))
    many_events(long, 1_000)
    Stretch.objects.bulk_create(
        Stretch(
            login=long,
            slot=slot,
            first_generation=slot,
            last_generation=slot,
            first_at=long.started_at,
            last_at=long.started_at,
        )
        for slot in range(200)
    )
    page_of(short, client)

    for login in (short, long):
        with CaptureQueriesContext(connection) as captured:
            page_of(login, client)
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 14


def plans(login: Login) -> list[str]:
    """How the database would find each part of the story."""
    with CaptureQueriesContext(connection) as captured:
        story.page_of(login, before=story.Place(timezone.now(), 1, 10**9))
        story.others(login)
    asked = [query["sql"] for query in captured if "accounts_event" in query["sql"]]
    with connection.cursor() as cursor:
        found = []
        for sql in asked:
            cursor.execute(("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + sql)
            found.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
    return found


@on_sqlite
def test_each_part_is_one_piece_of_an_index_on_sqlite() -> None:
    login = a_login(started_at=timezone.now() - timedelta(days=1))
    many_events(login, 40)
    with connection.cursor() as cursor:
        # An earlier test may have left statistics of other rows.
        cursor.execute("ANALYZE accounts_event")

    found = plans(login)

    assert [re.findall(r"INDEX (\w+)", plan) for plan in found] == [["event_login"], ["event_person"]]
    assert not any("TEMP B-TREE" in plan for plan in found)


@on_postgresql
def test_each_part_is_one_piece_of_an_index_on_postgresql() -> None:
    login = a_login(started_at=timezone.now() - timedelta(days=1))
    many_events(login, 2_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_event")

    found = plans(login)

    assert not any("Seq Scan" in plan for plan in found)


def test_the_page_leads_to_the_person_and_to_their_other_logins() -> None:
    login, other, foreign = a_login(), a_login(device="The other"), a_login(bob(), device="Bob's")

    page = page_of(login)

    assert f"{LOGINS}{other.pk}/change/" in page
    assert f'{PEOPLE}{login.user_id}/change/">The person</a>' in page
    assert f"{LOGINS}{foreign.pk}/change/" not in page


def test_whoever_may_not_see_people_has_no_link_to_them() -> None:
    login, client = a_login(), colleague("view_login")

    page = page_of(login, client)

    assert ">The person</a>" not in page
    assert "End this login" not in page


def test_a_login_can_be_ended_from_its_page() -> None:
    client, login = colleague("view_login", "end_login"), a_login()

    page = page_of(login, client)
    act(client, "end_selected", login)

    assert 'name="action" value="end_selected"' in page
    assert "End this login" not in page_of(login, client)


def test_the_story_of_somebody_deleted_is_still_told() -> None:
    client, person = operator(), alice()
    login = a_login(person)
    person.delete()

    page = page_of(login, client)

    assert "The person was deleted" in page
    assert "the account was deleted" in page


def test_what_strangers_typed_is_escaped() -> None:
    login = a_login(device="<script>alert(1)</script>")
    Event.objects.create(
        name="<b>odd", login_id=login.pk, device="<i>thing", detail={"<u>key": ["<s>one", {"a": "<q>"}]}
    )

    page = page_of(login)

    assert not any(tag in page for tag in ("<script>alert", "<b>odd", "<i>thing", "<u>key", "<s>one", "<q>"))
    assert "&lt;s&gt;one" in page


def test_times_are_written_for_machines_too() -> None:
    login = a_login()

    assert login.started_at.isoformat() in TIMES.findall(page_of(login))


def test_an_actor_who_was_deleted_has_no_name() -> None:
    login, operator_who_left = a_login(), olga()
    logins.end([login.pk], reason=EndReason.REVOKED_BY_OPERATOR, by=operator_who_left)
    operator_who_left.delete()

    assert story.page_of(Login.objects.get(pk=login.pk)).moments[0].who == "somebody who was deleted"
