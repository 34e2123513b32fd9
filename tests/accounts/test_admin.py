"""The operators' list of Logins: what it shows, who may end what with it, and what is written about that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.events import Event
from accounts.logins import EndReason, Login
from accounts.testing import alice, bob
from tests.accounts.rows import a_login, a_person
from tests.accounts.staff import LOGINS, act, colleague, enter, operator, statuses, the_login, token
from tokens_stateless import keyring

OWN = "Unknown device"


def shown(client: Client, **query: str) -> set[str]:
    """The devices on the first page of the list, but for that of whoever looks."""
    answer = client.get(LOGINS, query)
    assert answer.status_code == 200
    return {login.device for login in answer.context["cl"].result_list} - {OWN}


def four_logins() -> None:
    """Each state, flow and age once, named by its device."""
    now = timezone.now()
    rows: dict[str, dict[str, Any]] = {
        "new": {"flow": "session", "started_at": now - timedelta(minutes=10)},
        "older": {
            "flow": "token",
            "started_at": now - timedelta(days=2),
            "seen_at": now - timedelta(hours=2),
        },
        "ended": {
            "flow": "session",
            "started_at": now - timedelta(days=10),
            "ended_at": now,
            "end_reason": EndReason.LOGOUT,
        },
        "expired": {
            "flow": "token",
            "started_at": now - timedelta(days=40),
            "seen_at": now - timedelta(days=39),
            "expires_at": now,
        },
    }
    for device, fields in rows.items():
        a_login(device=device, **fields)


@pytest.mark.parametrize(
    ("query", "devices"),
    [
        ({}, {"new", "older", "ended", "expired"}),
        ({"state": "live"}, {"new", "older"}),
        ({"state": "ended"}, {"ended"}),
        ({"state": "expired"}, {"expired"}),
        ({"flow": "session"}, {"new", "ended"}),
        ({"flow": "token"}, {"older", "expired"}),
        ({"reason": "logout"}, {"ended"}),
        ({"reason": "over_limit"}, set()),
        ({"since": "1h"}, {"new"}),
        ({"since": "7d"}, {"new", "older"}),
        ({"before": "30d"}, {"expired"}),
        ({"idle": "1h"}, {"older", "expired"}),
        ({"staff": "yes"}, set()),
        ({"staff": "no", "state": "live"}, {"new", "older"}),
        ({"address": "203.0.113.0/24"}, {"new", "older", "ended", "expired"}),
        ({"address": "198.51.100.0/24"}, set()),
        ({"email": "alice@"}, {"new", "older", "ended", "expired"}),
        ({"state": "live", "flow": "token", "since": "30d"}, {"older"}),
        ({"state": "live", "reason": "logout"}, set()),
    ],
)
def test_the_list_is_narrowed_by_each_condition_and_by_several(
    query: dict[str, str], devices: set[str]
) -> None:
    client = operator()
    four_logins()

    assert shown(client, **query) == devices


@pytest.mark.parametrize(
    "term",
    [
        "ali",
        "ALI",
        "Alice@EXAMPLE.com",
        " alice ",
        "ＡＬＩＣＥ",
        "203.0.113.9",
        "203.0.113.0/28",
        "{id}",
        "{hex}",
        "{person}",
    ],
)
def test_the_list_is_searched_by_the_beginning_of_an_email_by_address_network_and_id(term: str) -> None:
    client, login = operator(), a_login(device="Alice's thing")
    a_login(a_person("bob@example.com"), device="Bob's other", address="203.0.113.99")

    term = term.format(id=login.pk, hex=login.pk.hex, person=login.user_id)
    assert shown(client, q=term) == {"Alice's thing"}


def test_events_are_found_by_name_by_login_and_by_person() -> None:
    client, person = operator(), alice()
    token(person.email)
    sought = the_login(person.email, "token")

    for query in ({"q": str(sought.pk)}, {"q": person.pk.hex}):
        events = client.get("/admin/accounts/event/", query).context["cl"].result_list
        assert [event.login_id for event in events] == [sought.pk]
    for query in ({"q": "AUTHN_login"}, {"name": "authn_login_success"}):
        assert client.get("/admin/accounts/event/", query).context["cl"].page.total == (2, True)


@pytest.mark.parametrize("term", ["abc", "%", "_", "lice", "00000000", "x" * 250, "\\", "𝟘 ß ﬀ", "a b c"])
def test_a_search_for_what_is_nowhere_finds_nothing(term: str) -> None:
    client = operator()
    a_login(device="curl")

    assert shown(client, q=term) == set()


@pytest.mark.parametrize("query", ["q=%00", "flow=%00", "reason=%00", "p=%00", "o=%00"])
def test_a_nul_in_a_query_is_refused(query: str) -> None:
    """PostgreSQL fails where it is asked for one."""
    assert operator().get(f"{LOGINS}?{query}").status_code == 400


@pytest.mark.parametrize("path", [LOGINS, "/admin/accounts/user/", "/admin/accounts/event/"])
@pytest.mark.parametrize(
    "field", ["password__startswith", "stamp", "user__password__startswith", "id__in", "end_reason__regex"]
)
def test_no_address_feels_its_way_along_a_hidden_field(path: str, field: str) -> None:
    assert operator().get(path, {field: "argon2"}).status_code == 400


def test_the_operators_own_login_is_marked_and_no_other() -> None:
    client = operator()
    a_login()
    enter("olga@example.com")

    page = client.get(LOGINS).content.decode()

    own = next(row for row in page.split("<tr>") if "this is you" in row)
    assert page.count("this is you") == 1
    assert f"{LOGINS}{client.get('/api/me/').json()['login']}/change/" in own


def test_what_a_device_calls_itself_is_escaped() -> None:
    client, login = operator(), a_login(device="<script>alert(1)</script>")

    pages = [client.get(path).content.decode() for path in (LOGINS, f"{LOGINS}{login.pk}/change/")]

    assert not any("<script>alert" in page for page in pages)
    assert all("&lt;script&gt;alert" in page for page in pages)


def test_a_longer_list_costs_no_more_statements() -> None:
    client, counts = operator(), []
    client.get(LOGINS)
    for first, last in ((0, 60), (60, 120)):
        for number in range(first, last):
            ended: dict[str, Any] = {
                "ended_at": timezone.now(),
                "ended_by": a_person(f"operator{number}@example.com"),
            }
            a_login(a_person(f"person{number}@example.com"), **(ended if number % 2 else {}))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(LOGINS)
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_ending_selected_logins_refuses_their_next_request_in_both_flows() -> None:
    client, person = operator(), alice()
    cookie, bearer, other = enter(person.email), token(person.email), token(bob().email)

    chosen = [the_login(person.email, flow) for flow in ("session", "token")]
    act(client, "end_selected", *chosen)

    assert statuses(cookie, bearer, other, client) == [401, 401, 200, 200]
    assert {(row.end_reason, row.ended_by.email) for row in Login.objects.exclude(ended_by=None)} == {  # type: ignore[union-attr]
        (EndReason.REVOKED_BY_OPERATOR, "olga@example.com")
    }


def test_ending_all_of_somebodys_logins_needs_one_of_them_and_spares_the_operators_own() -> None:
    client, person = operator(), alice()
    theirs, other = [enter(person.email), token(person.email)], enter(bob().email)
    elsewhere = token("olga@example.com")

    chosen = [the_login(person.email, "token"), the_login("olga@example.com", "token")]
    act(client, "end_all_of_these_people", *chosen)

    assert statuses(*theirs, elsewhere, other, client) == [401, 401, 401, 200, 200]


def test_whoever_ends_their_own_login_lands_on_the_sign_in_page_and_is_told() -> None:
    client = operator()

    answer = client.post(
        LOGINS,
        {"action": "end_selected", "_selected_action": str(Login.objects.get().pk)},
        follow=True,
    )

    assert answer.redirect_chain[-1][0].startswith("/admin/login/")
    assert "1 login was ended." in answer.content.decode()
    assert Login.objects.get().end_reason == EndReason.REVOKED_BY_OPERATOR


@pytest.mark.parametrize("action", ["end_selected", "end_all_of_these_people"])
def test_each_end_is_in_djangos_log_with_who_and_whom(action: str) -> None:
    client, login = operator(), a_login()

    act(client, action, login)

    entry = LogEntry.objects.get()
    whom = login.pk if action == "end_selected" else login.user_id
    assert (entry.user.email, entry.object_id) == ("olga@example.com", str(whom))
    assert "nded by an operator" in entry.change_message


@pytest.mark.parametrize(
    ("rights", "looks", "ends"),
    [
        ([], 403, False),
        (["end_login"], 403, False),
        (["view_login"], 200, False),
        (["view_login", "end_login"], 200, True),
        (["view_login", "change_login", "delete_login", "change_user", "view_user"], 200, False),
    ],
)
def test_looking_and_ending_are_rights_of_their_own(rights: list[str], looks: int, ends: bool) -> None:
    client, login = colleague(*rights), a_login()

    page = client.get(LOGINS)
    for action in ("end_selected", "end_all_of_these_people", "delete_selected"):
        act(client, action, login)

    assert page.status_code == looks
    assert ("End selected logins" in page.content.decode()) is ends
    assert Login.objects.filter(pk=login.pk).live().exists() is not ends


def test_a_get_never_ends() -> None:
    client, login = operator(), a_login()

    for action in ("end_selected", "end_all_of_these_people", "delete_selected"):
        client.get(LOGINS, {"action": action, "_selected_action": str(login.pk), "index": "0", "post": "yes"})
        client.get(f"{LOGINS}{login.pk}/change/", {"action": action})
    signed_out = client.get("/admin/logout/")

    assert signed_out.status_code == 405
    assert Login.objects.live().count() == 2


def test_without_its_csrf_token_a_form_ends_nothing() -> None:
    operator()
    client, login = Client(enforce_csrf_checks=True), a_login()
    client.cookies["sid"] = enter("olga@example.com").cookies["sid"].value

    answer = act(client, "end_selected", login)

    assert answer.status_code == 403
    assert Login.objects.filter(pk=login.pk).live().exists()


@pytest.mark.parametrize("path", [LOGINS, "/admin/accounts/user/", "/admin/auth/group/"])
@pytest.mark.parametrize("junk", ["abc", "\0", "", "-", "9" * 40, "ß"])
def test_a_chosen_row_that_can_be_none_is_a_clear_400(path: str, junk: str) -> None:
    client = operator()
    action = "end_selected" if path == LOGINS else "delete_selected"

    answer = client.post(path, {"action": action, "_selected_action": junk, "post": "yes"})

    assert answer.status_code == 400
    assert Login.objects.live().count() == 1


@pytest.mark.parametrize("model", ["accounts/login", "accounts/event", "tokens_stateless/signingkey"])
def test_nobody_adds_changes_or_deletes_what_only_happens(model: str) -> None:
    keyring.ensure()
    client, rows = operator(), apps.get_model(model.replace("/", "."))._default_manager.all()
    before, row = list(rows.values()), str(rows.latest("pk").pk)
    acts = ["add/", f"{row}/change/", f"{row}/delete/"]

    answers = [client.post(f"/admin/{model}/{path}", {"post": "yes"}).status_code for path in acts]
    client.post(f"/admin/{model}/", {"action": "delete_selected", "_selected_action": row, "post": "yes"})

    assert answers == [403, 403, 403]
    assert list(rows.values()) == before


def test_events_are_filtered_by_name_and_lead_to_the_login_and_the_person() -> None:
    client, login = operator(), a_login()
    for name in ("login_ended", "authn_step_up"):
        Event.objects.create(name=name, login_id=login.pk, user_uuid=login.user_uuid)

    answer = client.get("/admin/accounts/event/", {"name": "authn_step_up"})

    (event,), page = answer.context["cl"].result_list, answer.content.decode()
    assert event.name == "authn_step_up"
    assert f"{LOGINS}{login.pk}/change/" in page
    assert f"/admin/accounts/event/?q={login.user_uuid}" in page
