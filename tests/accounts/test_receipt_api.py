"""Receipts over the API: for whoever prefers one; everybody else's answers stay as they were."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.logins import Login
from accounts.testing import alice, bob
from tests.accounts.receipts import Company, company, three
from tests.accounts.rows import a_login, on_postgresql, on_sqlite, some_logins
from tests.accounts.staff import colleague, operator, token

__all__ = ["company", "three"]
PREFER = "return=representation"


def end(client: Client, login: Login, prefer: str | None = PREFER) -> Any:
    return client.delete(f"/api/logins/{login.pk}/", headers={"Prefer": prefer} if prefer else {})


@pytest.mark.parametrize("prefer", [None, "", "return=minimal", "wait=1", "respond-async", "return", ",;=,"])
def test_nobody_else_gets_another_answer_than_before(prefer: str | None) -> None:
    person = alice()
    client = token(person.email)

    one = end(client, a_login(person), prefer)
    others = client.post("/api/logins/end-others/", headers={"Prefer": prefer or ""})

    assert (one.status_code, one.content) == (204, b"")
    assert (others.status_code, others.json()) == (200, {"ended": 0})
    assert "Preference-Applied" not in one.headers


@on_sqlite
@pytest.mark.parametrize("prefer", [PREFER, 'Return="Representation" ; x=1', f"wait=1, {PREFER}"])
def test_whoever_prefers_a_receipt_gets_one(prefer: str) -> None:
    person = alice()

    answer = end(token(person.email), a_login(person), prefer)

    told = answer.json()
    address = told.pop("receipt")
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, PREFER)
    assert told == {
        "ended": 1,
        "known": 0,
        "processes": None,
        "slowest_ms": None,
        "silent": None,
        "bound_seconds": 0.0,
        "at_most_seconds": 5.0,
        "settled": True,
        "text": "Every process knows at its next request.",
    }
    assert address.startswith("/api/receipts/")


@on_sqlite
def test_ending_the_others_tells_what_it_told_and_more() -> None:
    person = alice()
    client = token(person.email)
    some_logins(3, person)

    told = client.post("/api/logins/end-others/", headers={"Prefer": PREFER}).json()

    assert (told["ended"], told["text"]) == (3, "Every process knows at its next request.")


@on_postgresql
@pytest.mark.redis
def test_a_client_hears_how_many_processes_know_and_may_ask_again(three: Company) -> None:
    person = alice()
    client = token(person.email)
    three.rely()

    told = end(client, a_login(person)).json()
    again = client.get(told["receipt"]).json()

    assert (told["ended"], told["known"], told["processes"], told["settled"]) == (1, 3, 3, True)
    assert told["slowest_ms"] > 0
    assert again == told


@on_postgresql
@pytest.mark.redis
def test_hosts_and_processes_are_named_to_those_alone_who_may_end_the_logins_of_others(
    three: Company,
) -> None:
    three.proxy.refuses()
    person, stranger = alice(), operator()
    client = token(person.email)

    told = end(client, a_login(person)).json()
    seen = [one.get(told["receipt"]).json() for one in (client, colleague("view_login"), stranger)]

    assert [one["known"] for one in seen] == [2, 2, 2]
    assert [one["silent"] for one in seen] == [None, None, [three.names[three.far]]]
    assert three.names[three.far] not in str([told, *seen[:2]])
    assert three.names[three.far] in seen[2]["text"]


def test_a_receipt_that_is_none_is_not_found_and_nobody_sees_one() -> None:
    person = bob()
    known = end(token(person.email), a_login(person)).json()["receipt"]
    client = token(alice().email)

    assert [client.get(f"/api/receipts/{name}/").status_code for name in ("x", "A" * 44, "ä", "=")] == [
        404
    ] * 4
    assert Client().get(known).status_code == 401


def test_whoever_ends_the_session_that_asks_gets_the_receipt_and_is_signed_out() -> None:
    client = operator()
    csrf = client.get("/api/session/").json().get("csrf_token", "")
    mine = Login.objects.get(flow="session")

    answer = client.delete(f"/api/logins/{mine.pk}/", headers={"Prefer": PREFER, "X-CSRFToken": csrf})

    assert (answer.status_code, answer.json()["ended"]) == (200, 1)
    assert client.get("/api/me/").status_code == 401
