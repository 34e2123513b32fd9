"""Receipts in the admin: with the message after an act, and on later pages while somebody is silent."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client

from accounts.logins import Login
from accounts.testing import alice
from tests.accounts.receipts import Company, company, three
from tests.accounts.rows import a_login, a_person, on_postgresql, on_sqlite, some_logins
from tests.accounts.staff import LOGINS, PEOPLE, act, enter, operator

__all__ = ["company", "three"]
BLOCK = re.compile(r'data-receipt="(/api/receipts/[^"]+)">([^<]+)<')


def page(client: Client, path: str = LOGINS) -> str:
    """What is shown next."""
    return client.get(path).content.decode()


@on_sqlite
def test_after_an_act_the_page_says_who_knows() -> None:
    client, some = operator(), some_logins(2)

    act(client, "end_selected", *some)

    shown = page(client)
    assert "2 logins were ended. Every process knows at its next request." in shown
    assert not BLOCK.search(shown)


@on_sqlite
def test_every_act_that_ends_logins_says_so_and_no_other() -> None:
    client, person = operator(), a_person()
    said = []

    def says() -> None:
        said.append(re.findall(r"\d+ logins? (?:was|were) ended", page(client)))

    some_logins(1, person)
    act(client, "end_all_of_these_people", Login.objects.get(user=person))
    says()
    some_logins(2, person)
    act(client, "end_all_logins", person, at=PEOPLE)
    says()
    some_logins(3, person)
    client.post(f"{PEOPLE}{person.pk}/change/", {"email": person.email})
    says()
    client.post(f"{PEOPLE}{person.pk}/change/", {"email": person.email, "is_active": "on"})
    says()
    some_logins(4, person)
    client.post(f"{PEOPLE}{person.pk}/delete/", {"post": "yes"})
    says()

    expected = [
        "1 login was ended",
        "2 logins were ended",
        "3 logins were ended",
        None,
        "4 logins were ended",
    ]
    assert said == [[one] if one else [] for one in expected]


@on_sqlite
def test_what_had_ended_already_is_not_said_to_have_ended_now() -> None:
    client, login = operator(), a_login()
    act(client, "end_selected", login)
    page(client)

    act(client, "end_selected", login)

    assert "None of these logins was live." in page(client)


@on_postgresql
@pytest.mark.redis
def test_the_page_after_it_has_the_figures(three: Company) -> None:
    client, login = operator(), a_login()

    act(client, "end_selected", login)

    shown = page(client)
    assert "1 login was ended." in shown
    assert re.search(r"3 of 3 processes know, the slowest after [\d.]+\xa0m?s\.", shown)


@on_postgresql
@pytest.mark.redis
def test_while_somebody_is_silent_each_page_says_what_is_known_then(three: Company) -> None:
    """It works without a script, too."""
    client, login = operator(), a_login()
    three.proxy.refuses()
    act(client, "end_selected", login)

    first, second = BLOCK.search(page(client)), BLOCK.search(page(client, PEOPLE))
    three.proxy.passes()
    assert first
    told = client.get(first[1]).json()
    while not told["settled"]:
        told = client.get(first[1]).json()
    last, after = page(client), page(client)

    assert second
    assert all(found[2].startswith("2 of 3 processes know so far.") for found in (first, second))
    assert three.names[three.far] in first[2]
    assert "3 of 3 processes know" in last
    assert not BLOCK.search(last)
    assert "processes know" not in after


@on_postgresql
@pytest.mark.redis
def test_whoever_ends_their_own_login_is_told_all_at_once(three: Company) -> None:
    client = operator()
    three.proxy.refuses()
    mine = Login.objects.get(user__email="olga@example.com")

    act(client, "end_selected", mine)

    shown = page(client, "/login/")
    # In a transaction around the request nobody can know yet.
    in_one = connection.settings_dict["ATOMIC_REQUESTS"]
    known = "Every process knows within 1\xa0s" if in_one else "2 of 3 processes know so far."
    assert f"1 login was ended. {known}" in shown
    assert not BLOCK.search(shown)


@on_sqlite
def test_nothing_is_kept_in_the_session_of_who_only_looks() -> None:
    client = enter(alice().email)

    assert "_receipt" not in client.session
