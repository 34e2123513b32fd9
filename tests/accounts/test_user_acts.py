"""A person's page in the admin: where they are signed in, and what an operator does about it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail as django_mail
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import mail, user_acts
from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import PASSWORD, alice
from tests.accounts.aged import three_minutes_on
from tests.accounts.rows import a_login, a_person, on_sqlite, some_logins
from tests.accounts.staff import PEOPLE, colleague, enter, operator, statuses, token

ACTS = ("end-all", "end-others", "disable", "send-link")


def page(client: Client, person: User, query: str = "") -> str:
    return client.get(f"{PEOPLE}{person.pk}/change/{query}").content.decode()


def do(client: Client, act: str, person: User, *spared: Login) -> Any:
    """Press a button of the page."""
    return client.post(f"{PEOPLE}{person.pk}/{act}/", {"spare": [str(login.pk) for login in spared]})


def said(client: Client, person: User) -> list[str]:
    """The messages of the page."""
    return re.findall(r'<li class="(?:success|warning|info)">\s*([^<]+?)\s*</li>', page(client, person))


def live(person: User) -> set[Any]:
    return set(Login.objects.live().filter(user=person).values_list("pk", flat=True))


def boxes(text: str) -> dict[str, str]:
    """What stands in each box of the page: the id of the Login, and the rest."""
    return dict(re.findall(r'name="spare" value="([^"]+)"[^>]*aria-describedby="[^"]+"([^>]*)>', text))


def test_the_page_tells_how_many_live_of_which_flow_and_leads_to_them() -> None:
    client, person = operator(), a_person()
    some_logins(2, person)
    a_login(person, flow="session")
    a_login(person, ended_at=timezone.now(), end_reason=EndReason.LOGOUT)
    a_login(person, expires_at=timezone.now() - timedelta(seconds=1))

    shown = page(client, person)

    assert "3 live logins" in shown
    assert f'?person={person.pk}&amp;state=live&amp;flow=session">Session 1<' in shown
    assert f'?person={person.pk}&amp;state=live&amp;flow=token">Token 2<' in shown
    for link in (f"/admin/accounts/login/?person={person.pk}", f"/admin/accounts/event/?q={person.pk}"):
        assert f'href="{link}"' in shown
        assert client.get(link).status_code == 200
    assert set(boxes(shown)) == {str(pk) for pk in live(person)}


def test_a_person_without_logins_has_a_page_too() -> None:
    client, person = operator(), a_person()

    assert "0 live logins" in page(client, person)
    assert client.get(f"{PEOPLE}add/").status_code == 200


def test_a_thousand_logins_cost_no_more_statements_than_one_and_twenty_are_shown() -> None:
    client, few, many = operator(), a_person(), a_person("bob@example.com")
    a_login(few)
    some_logins(user_acts.LOOK + 5, many)
    counts, shown = [], ""
    page(client, few)

    for person in (few, many):
        with CaptureQueriesContext(connection) as captured:
            shown = page(client, person)
        counts.append(len(captured))

    assert counts[0] == counts[1]
    assert len(boxes(shown)) == user_acts.SHOWN
    assert f"At least {user_acts.LOOK} live logins" in shown
    assert "Only the 1000 logins used last were looked at." in shown
    assert "Logins that are not shown here are ended, too." in shown


def test_all_are_ended_those_that_are_not_shown_too_and_nobody_elses() -> None:
    client, person, other = operator(), alice(), a_login(a_person("bob@example.com"))
    theirs = [enter(person.email), token(person.email)]
    some_logins(user_acts.SHOWN + 5, person)

    answer = do(client, "end-all", person)

    assert answer.headers["Location"] == f"{PEOPLE}{person.pk}/change/"
    assert (live(person), statuses(*theirs, client)) == (set(), [401, 401, 200])
    assert Login.objects.live().filter(pk=other.pk).exists()
    ended = Login.objects.filter(user=person)
    assert set(ended.values_list("end_reason", "ended_by__email")) == {
        (EndReason.REVOKED_BY_OPERATOR, "olga@example.com")
    }
    assert LogEntry.objects.get().change_message == "All logins ended by an operator."
    assert Event.objects.filter(name="admin_action", user_uuid=person.pk).count() == 1


@on_sqlite
def test_after_it_the_page_says_who_knows() -> None:
    client, person = operator(), a_person()
    some_logins(3, person)

    do(client, "end-all", person)

    assert said(client, person) == ["3 logins were ended. Every process knows at its next request."]
    do(client, "end-all", person)
    assert said(client, person) == ["None of these logins was live."]


def test_all_but_some_are_ended() -> None:
    client, person = operator(), a_person()
    kept, shown, *_more = some_logins(user_acts.SHOWN + 5, person)

    do(client, "end-others", person, kept, shown)

    assert live(person) == {kept.pk, shown.pk}
    assert LogEntry.objects.get().change_message == "All logins but 2 ended by an operator."


def test_all_but_none_is_asked_about_and_ends_nothing() -> None:
    client, person = operator(), a_person()
    some_logins(2, person)

    do(client, "end-others", person)

    assert said(client, person) == ["Nothing was ended: check the logins that are to be spared."]
    assert (len(live(person)), LogEntry.objects.count()) == (2, 0)


def test_somebody_elses_login_is_not_spared_by_naming_it() -> None:
    client, person = operator(), a_person()
    a_login(person)

    do(client, "end-others", person, a_login(a_person("bob@example.com")))

    assert live(person) == set()


def test_disabling_ends_all_and_says_who_it_was() -> None:
    client, person = operator(), alice()
    theirs = [enter(person.email), token(person.email)]

    do(client, "disable", person)

    assert statuses(*theirs) == [401, 401]
    assert enter(person.email).get("/api/me/").status_code == 401
    ended = Login.objects.filter(user=person)
    assert set(ended.values_list("end_reason", "ended_by__email")) == {
        (EndReason.ACCOUNT_DISABLED, "olga@example.com")
    }
    assert "Disabled: alice@example.com can sign in nowhere." in said(client, person)
    assert "This account is disabled" in page(client, person)
    assert LogEntry.objects.get().change_message == "Disabled by an operator, all logins ended."
    rights = Event.objects.get(name="privilege_permissions_changed")
    assert (rights.actor_uuid, rights.detail) == (User.objects.get(is_staff=True).pk, {"is_active": False})


def test_disabling_twice_says_so() -> None:
    client, person = operator(), a_person(is_active=False)

    do(client, "disable", person)

    assert said(client, person) == [
        "Nothing to do: alice@example.com is disabled already, and can sign in nowhere."
    ]
    assert LogEntry.objects.count() == 0


def test_a_link_for_a_new_password_is_mailed() -> None:
    client, person = operator(), alice()

    do(client, "send-link", person)
    mail.wait()

    assert [message.to for message in django_mail.outbox] == [["alice@example.com"]]
    assert said(client, person) == ["The link is on its way."]
    assert LogEntry.objects.get().change_message == "A link for a new password was sent."


def test_nobody_disabled_is_mailed_one() -> None:
    client, person = operator(), a_person(is_active=False)

    do(client, "send-link", person)
    mail.wait()

    assert (django_mail.outbox, LogEntry.objects.count()) == ([], 0)
    assert said(client, person) == ["Nothing was sent: nobody who is disabled can set a password."]


@pytest.mark.parametrize("act", ["end-all", "end-others"])
def test_on_their_own_page_operators_keep_the_login_they_work_with(act: str) -> None:
    client = operator()
    olga, program = User.objects.get(), token("olga@example.com")
    (kept,) = some_logins(1, olga)
    shown = page(client, olga)

    do(client, act, olga, *([kept] if act == "end-others" else []))

    assert [len(boxes(shown)), sum("checked disabled" in rest for rest in boxes(shown).values())] == [3, 1]
    assert "The login with which you work is spared" in shown
    assert statuses(client, program) == [200, 401]
    assert (kept.pk in live(olga)) is (act == "end-others")


def test_nobody_disables_themselves() -> None:
    client = operator()
    olga = User.objects.get()

    answer = do(client, "disable", olga)

    assert "/disable/" not in page(client, olga).split('class="person-acts"')[1]
    assert answer.status_code == 403
    assert User.objects.get().is_active
    assert statuses(client) == [200]


@pytest.mark.parametrize("act", ACTS)
def test_each_act_wants_a_recent_password_and_leads_back_to_the_page(act: str) -> None:
    """ASVS 7.5.3: what was checked is checked again."""
    client, person = operator(), a_person()
    kept, other = some_logins(2, person)

    with three_minutes_on():
        asked = do(client, act, person, kept)
        query = QueryDict(asked.headers["Location"].partition("?")[2]).dict()
        place = client.post("/login/again/", {"password": PASSWORD, **query}).headers["Location"]
        again = client.get(place).content.decode()
        untouched = (len(live(person)), User.objects.get(pk=person.pk).is_active, LogEntry.objects.count())
        done = do(client, act, person, kept)

    assert untouched == (2, True, 0)
    assert place == f"{PEOPLE}{person.pk}/change/?spare={kept.pk}"
    assert "Now do once more what you were about to do." in again
    assert {key: "checked" in rest for key, rest in boxes(again).items()} == {
        str(kept.pk): True,
        str(other.pk): False,
    }
    assert (done.headers["Location"], LogEntry.objects.count()) == (f"{PEOPLE}{person.pk}/change/", 1)


@pytest.mark.parametrize("act", ACTS)
def test_an_act_takes_post_alone_with_the_token_of_the_form(act: str) -> None:
    client, person = operator(), a_person()
    a_login(person)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies

    answers = [client.get(f"{PEOPLE}{person.pk}/{act}/"), do(strict, act, person)]

    assert [answer.status_code for answer in answers] == [405, 403]
    assert len(live(person)) == 1


@pytest.mark.parametrize("act", ACTS)
def test_nobody_by_that_id_is_told_in_the_admins_own_way(act: str) -> None:
    client = operator()

    answers = [client.post(f"{PEOPLE}{key}/{act}/") for key in ("junk", Login().pk)]

    assert [answer.headers.get("Location") for answer in answers] == ["/admin/"] * 2


def test_what_is_no_login_cannot_be_spared() -> None:
    client, person = operator(), a_person()
    a_login(person)

    answer = client.post(f"{PEOPLE}{person.pk}/end-others/", {"spare": ["junk"]})

    assert (answer.status_code, len(live(person))) == (400, 1)


@pytest.mark.parametrize(
    ("rights", "acts"),
    [
        (("view_user",), set()),
        (("view_user", "end_login"), {"end-all", "end-others"}),
        (("view_user", "change_user"), {"disable", "send-link"}),
        (("end_login",), set()),
    ],
)
def test_each_act_has_a_right_of_its_own(rights: tuple[str, ...], acts: set[str]) -> None:
    client, person = colleague(*rights), a_person()
    kept, _other = some_logins(2, person)

    shown = page(client, person)
    answers = {act: do(client, act, person, kept).status_code for act in ("end-others", *ACTS)}

    assert {act for act in ACTS if f"/{act}/" in shown} - {"end-others"} == acts - {"end-others"}
    assert {act for act, status in answers.items() if status == 302} == acts
    assert set(answers.values()) <= {302, 403}


@pytest.mark.parametrize("act", ["disable", "send-link"])
def test_whoever_has_rights_is_disabled_and_mailed_by_superusers_alone(act: str) -> None:
    person = a_person("dora@example.com", is_staff=True)
    client = colleague("view_user", "change_user", "end_login")

    answer = do(client, act, person)

    assert answer.status_code == 403
    assert User.objects.get(pk=person.pk).is_active
    assert do(operator(), act, person).status_code == 302


def test_where_somebody_is_signed_in_is_told_to_those_who_may_see_logins() -> None:
    client, person = colleague("view_user"), a_person()
    login = a_login(person)

    shown = page(client, person)

    assert client.get(f"{PEOPLE}{person.pk}/change/").status_code == 200
    assert not any(text in shown for text in ("live login", str(login.pk), "?person=", "?q="))
