"""Ending everything that matches, in the admin: what is asked before, and what the page of the act can do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts import batches, endings
from accounts.endings import Counted, Ending
from accounts.logins import Login
from accounts.search import Search
from accounts.testing import PASSWORD
from tests.accounts.aged import three_minutes_on
from tests.accounts.rows import a_person, some_logins
from tests.accounts.staff import LOGINS, operator, statuses

ENDINGS = "/admin/accounts/ending/"
BEGIN = f"{ENDINGS}begin/"


@pytest.fixture(autouse=True)
def _in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FEWEST", "FIRST", "MOST"):
        monkeypatch.setattr(batches, name, 10)


def page(answer: Any) -> str:
    """What it says, its white space as one sees it."""
    return re.sub(r"\s+", " ", answer.content.decode())


def key_of(answer: Any) -> str:
    """The key of the form that is shown."""
    found = re.search(r'name="key" value="([^"]+)"', answer.content.decode())
    assert found
    return found[1]


def filled(**values: str) -> dict[str, str]:
    """The form as somebody sends it."""
    return {"key": str(uuid4()), "why": "a stolen laptop", **values}


def act(search: Search | None = None, *, stopped: bool = False) -> Ending:
    """An act that somebody has begun."""
    wanted = search or Search()
    counted = endings.count(wanted)
    ending = endings.begin(wanted, why="a drill", by=None, spared=None, counted=counted)
    return endings.stop(ending) if stopped else ending


def history(ending: Ending) -> list[str]:
    """What the admin's history has of it."""
    entries = LogEntry.objects.filter(object_id=ending.pk).order_by("pk")
    return [entry.change_message.split(",")[0].split(":")[0] for entry in entries]


def test_the_filtered_list_is_the_preview_and_leads_to_the_same_search() -> None:
    client, bob = operator(), a_person("bob@example.com")
    some_logins(3, bob)

    listed = page(client.get(f"{LOGINS}?q=BOB&state=live"))
    found = re.search(rf'href="({BEGIN}[^"]*)">End everything that matches', listed)
    assert found
    asked = page(client.get(found[1].replace("&amp;", "&")))

    assert "live logins, of people whose address begins with “bob”" in asked
    assert "<strong>3 logins</strong> of 1 person" in asked


def test_where_all_has_ended_it_is_not_offered() -> None:
    client = operator()

    assert "End everything that matches" not in page(client.get(f"{LOGINS}?state=ended"))
    assert "End everything that matches" in page(client.get(LOGINS))


def test_a_reason_is_asked_for_and_what_was_typed_stays() -> None:
    client, bob = operator(), a_person("bob@example.com")
    some_logins(3, bob)

    without = client.post(f"{BEGIN}?email=bob", filled(why=" "))
    long = client.post(f"{BEGIN}?email=bob", filled(why="x" * 201))

    assert (without.status_code, long.status_code, Ending.objects.count()) == (400, 400, 0)
    assert "This field is required" in page(without)
    assert "x" * 201 in page(long)


def test_it_begins_and_nothing_has_ended_until_somebody_works() -> None:
    client, bob = operator(), a_person("bob@example.com")
    some_logins(3, bob)

    answer = client.post(f"{BEGIN}?email=bob", filled())
    ending = Ending.objects.get()

    assert answer.headers["Location"] == f"{ENDINGS}{ending.pk}/change/"
    assert (ending.why, ending.logins, ending.people, ending.ended) == ("a stolen laptop", 3, 1, 0)
    assert Login.objects.live().filter(user=bob).count() == 3
    # Once: whoever loads the page again is asked.
    assert "data-begins" in page(client.get(answer.headers["Location"]))
    assert "data-begins" not in page(client.get(answer.headers["Location"]))


def test_sent_twice_it_begins_once() -> None:
    client = operator()
    some_logins(3, a_person("bob@example.com"))
    sent = filled()

    first, second = (client.post(f"{BEGIN}?email=bob", sent) for _ in range(2))

    assert first.headers["Location"] == second.headers["Location"]
    assert Ending.objects.count() == 1


def test_of_several_people_it_wants_the_password_and_the_way_keeps_the_search() -> None:
    client = operator()
    some_logins(1, a_person("bob@example.com"))
    some_logins(1, a_person("bobby@example.com"))

    with three_minutes_on():
        sent_away = client.get(f"{BEGIN}?email=bob&since=1d")
        back = parse_qs(urlsplit(sent_away.headers["Location"]).query)["next"][0]
        again = client.post(sent_away.headers["Location"], {"password": PASSWORD, "next": back})
        asked = client.get(again.headers["Location"])

    assert sent_away.headers["Location"].startswith("/login/again/")
    assert {"email", "since", "at"} <= parse_qs(urlsplit(again.headers["Location"]).query).keys()
    assert "<strong>2 logins</strong> of 2 people" in page(asked)


def test_a_password_that_has_grown_old_meanwhile_is_asked_for_and_the_form_stays() -> None:
    client = operator()
    some_logins(1, a_person("bob@example.com"))
    some_logins(1, a_person("bobby@example.com"))

    with three_minutes_on():
        late = client.post(f"{BEGIN}?email=bob", filled())
        of_one = client.post(f"{BEGIN}?email=bobby", filled())

    assert (late.status_code, of_one.status_code) == (400, 302)
    assert "needs a password that was entered lately" in page(late)
    assert 'value="a stolen laptop"' in page(late)


def test_everybody_is_meant_only_where_that_is_said() -> None:
    client = operator()
    some_logins(3)

    shown, unsaid = client.get(BEGIN), client.post(BEGIN, filled())
    said = client.post(BEGIN, filled(everybody="on"))

    assert "everybody is signed out" in page(shown)
    assert (unsaid.status_code, said.status_code, Ending.objects.count()) == (400, 302, 1)


def test_the_operator_stays_signed_in() -> None:
    client = operator()
    some_logins(13)
    client.post(BEGIN, filled(everybody="on"))

    client.post(f"{ENDINGS}{Ending.objects.get().pk}/go-on/")

    assert statuses(client) == [200]
    assert Login.objects.live().count() == 1


def test_who_looks_for_their_own_login_by_its_id_is_told_and_signed_out() -> None:
    client = operator()
    own = Login.objects.get().pk

    shown = client.get(f"{BEGIN}?login={own}")
    client.post(f"{BEGIN}?login={own}", filled())
    client.post(f"{ENDINGS}{Ending.objects.get().pk}/go-on/")

    assert "you are signed out" in page(shown)
    assert statuses(client) == [401]


@pytest.mark.parametrize("query", ["email=bob&nonsense=1", "since=never", "address=10.0.0.0/99", "at=x"])
def test_what_cannot_be_looked_for_ends_nothing(query: str) -> None:
    client = operator()

    answers = [client.get(f"{BEGIN}?{query}"), client.post(f"{BEGIN}?{query}", filled(everybody="on"))]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert Ending.objects.count() == 0


def test_no_link_has_those_chased_who_are_yet_to_sign_in() -> None:
    client = operator()
    later = (timezone.now() + timedelta(days=1)).isoformat()

    client.post(f"{BEGIN}?state=live&at={later.replace('+', '%2B')}", filled())

    assert not Ending.objects.filter(search__at__gt=timezone.now().isoformat()).exists()


def test_a_script_is_told_how_far_it_is_until_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.ending_admin.STEP_SECONDS", 0)
    client = operator()
    some_logins(25, a_person("bob@example.com"))
    where = f"{ENDINGS}{act(Search(email='bob')).pk}/go-on/"

    told = [client.post(where, headers={"Accept": "application/json"}).json() for _ in range(4)]

    assert [each["goes_on"] for each in told] == [True, True, False, False]
    assert [each["text"] for each in told[:3]] == [
        "10 of about 25 logins ended",
        "20 of about 25 logins ended",
        "25 logins ended",
    ]
    assert told[0]["share"] < told[1]["share"] < told[2]["share"] == 1


def test_without_a_script_a_click_works_for_a_while_and_shows_the_page_again() -> None:
    client = operator()
    some_logins(25, a_person("bob@example.com"))
    ending = act(Search(email="bob"), stopped=True)

    answer = client.post(f"{ENDINGS}{ending.pk}/go-on/", {"go on": "yes"})

    shown = page(client.get(answer.headers["Location"]))
    assert (answer.status_code, "25 logins ended" in shown) == (302, True)
    assert "25 logins were ended." in shown


def test_every_act_stands_in_the_history() -> None:
    client = operator()
    some_logins(25, a_person("bob@example.com"))
    client.post(f"{BEGIN}?email=bob", filled())
    ending = Ending.objects.get()

    for verb in ("stop", "stop", "go-on", "drop"):
        client.post(f"{ENDINGS}{ending.pk}/{verb}/", {"go on": "yes"})
    other = act(Search(state="ended"))
    client.post(f"{ENDINGS}{other.pk}/drop/")

    assert history(ending) == ["Begun", "Stopped", "Taken up", "Finished"]
    assert history(other) == ["The rest was left alone"]


def test_the_story_of_a_login_says_why_it_was_ended() -> None:
    client = operator()
    [login] = some_logins(1)

    endings.work(act(Search(login=login.pk)), seconds=0)

    story = page(client.get(f"{LOGINS}{login.pk}/change/"))
    assert re.search(r"operator&#x27;s words</dt> ?<dd>a drill</dd>", story)


def test_a_stopped_act_is_not_worked_on_by_a_script_that_has_not_heard() -> None:
    client = operator()
    some_logins(25, a_person("bob@example.com"))
    ending = act(Search(email="bob"), stopped=True)

    told = client.post(f"{ENDINGS}{ending.pk}/go-on/", headers={"Accept": "application/json"}).json()

    assert (told["goes_on"], Login.objects.live().filter(user__email="bob@example.com").count()) == (
        False,
        25,
    )


def test_what_is_unfinished_is_said_where_operators_come_by() -> None:
    client, ending = operator(), act()
    link = f'href="{ENDINGS}{ending.pk}/change/"'

    assert link in page(client.get("/admin/"))
    assert link in page(client.get(LOGINS))

    endings.drop(ending)
    assert link not in page(client.get("/admin/"))


def test_only_a_post_with_a_token_moves_an_act() -> None:
    ending = act()
    client = operator()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies

    for verb in ("go-on", "stop", "drop"):
        assert client.get(f"{ENDINGS}{ending.pk}/{verb}/").status_code == 405
        assert strict.post(f"{ENDINGS}{ending.pk}/{verb}/").status_code == 403
        assert client.post(f"{ENDINGS}{uuid4()}/{verb}/").status_code == 404
    assert strict.post(BEGIN, filled(everybody="on")).status_code == 403

    ending.refresh_from_db()
    assert (ending.goes_on, ending.ended, Ending.objects.count()) == (True, 0, 1)


def test_what_was_started_before_a_moment_is_one_act() -> None:
    client, bob = operator(), a_person("bob@example.com")
    now = timezone.now()
    some_logins(3, bob, started_at=now - timedelta(hours=2))
    some_logins(2, bob, started_at=now - timedelta(hours=2), flow="session")
    some_logins(4, bob, started_at=now - timedelta(minutes=1))
    moment = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")

    form = client.get(f"{ENDINGS}before/")
    leads = client.get(f"{ENDINGS}before/?moment={moment}&flow=token")

    assert f'value="{now:%Y-%m-%dT%H:%M}' in page(form)
    assert leads.headers["Location"].startswith(f"{BEGIN}?flow=token&before=")
    assert "<strong>3 logins</strong> of 1 person" in page(client.get(leads.headers["Location"]))


@pytest.mark.parametrize("moment", ["", "yesterday", "2999-01-01T00:00:00"])
def test_a_moment_that_is_none_is_said_beside_the_field(moment: str) -> None:
    answer = operator().get(f"{ENDINGS}before/?moment={moment}")

    assert (answer.status_code, "errorlist" in page(answer)) == (400, True)


def test_an_act_whose_flow_is_gone_can_still_be_read() -> None:
    client, ending = operator(), act()
    Ending.objects.update(search={"flow": "badge", "at": timezone.now().isoformat()})

    assert "flow: badge" in page(client.get(f"{ENDINGS}{ending.pk}/change/"))
    assert "flow: badge" in page(client.get(ENDINGS))


def test_the_list_of_acts_says_who_what_why_and_how_far() -> None:
    client = operator()
    by = a_person("olga@example.com")
    endings.begin(
        Search(email="bob"), why="a drill", by=by, spared=None, counted=Counted(logins=34500, people=9)
    )

    listed = page(client.get(ENDINGS))

    for said in (
        "olga@example.com",
        "begins with “bob”",
        "a drill",
        "0 of about 34,500 logins ended",
        "at work",
    ):
        assert said in listed
