"""What each kind of staff may do in the console: real requests, and the table of docs/operations.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core import mail as django_mail
from django.test import Client

from accounts import endings, mail
from accounts.endings import Counted, Ending
from accounts.events import Event
from accounts.logins import Login
from accounts.models import User
from accounts.search import Search
from accounts.testing import alice, bob
from tests.accounts.staff import GROUPS, LOGINS, PEOPLE, act, colleague, enter, operator, the_login, token
from tests.tokens_stateless import rings
from tests.tokens_stateless.callers import API, party
from tests.web import PROJECT
from tokens_stateless import keyring
from tokens_stateless.models import Client as Party
from tokens_stateless.models import SigningKey

ENDINGS = "/admin/accounts/ending/"
EVENTS, KEYS, CLIENTS = (
    "/admin/accounts/event/",
    "/admin/tokens_stateless/signingkey/",
    "/admin/tokens_stateless/client/",
)
LOOKS = ("view_login", "view_user", "view_event", "view_signingkey", "view_client", "view_group")
KINDS: dict[str, Callable[[], Client]] = {
    "staff": colleague,
    "looks": lambda: colleague(*LOOKS),
    "ends": lambda: colleague(*LOOKS, "end_login"),
    "superuser": operator,
}
ALICE = "alice@example.com"


@pytest.fixture(autouse=True)
def _people() -> None:
    alice()
    enter(ALICE)
    token(ALICE)
    keyring.ensure()
    rings.ripen()
    party()
    Group.objects.create(name="Support")
    Event.objects.create(name="odd")


def her() -> User:
    found: User = User.objects.get(email=ALICE)
    return found


def live() -> int:
    """How many Logins of Alice live."""
    return Login.objects.live().filter(user__email=ALICE).count()


def her_form(**changes: Any) -> dict[str, Any]:
    """The form of her account, as the browser would send it."""
    values = {"email": ALICE, "is_active": "on", **changes}
    return {name: value for name, value in values.items() if value is not None}


def her_page(client: Client, **changes: Any) -> Any:
    return client.post(f"{PEOPLE}{her().pk}/change/", her_form(**changes))


def her_button(client: Client, act: str, **fields: Any) -> Any:
    """A button of her page."""
    return client.post(f"{PEOPLE}{her().pk}/{act}/", fields)


def rotated(client: Client) -> Any:
    return client.post(f"{KEYS}rotate/")


def revoked(client: Client) -> Any:
    chosen = {"action": "revoke_selected", "_selected_action": [rings.kid("current")], "confirmed": "yes"}
    return client.post(KEYS, chosen)


def renewed(client: Client) -> Any:
    chosen = {
        "action": "renew_selected",
        "_selected_action": [Party.objects.get().pk],
        "confirmed": "yes",
    }
    return client.post(CLIENTS, chosen)


def client_form(**changes: str) -> dict[str, str]:
    return {"name": "Reports", "audiences": API, "scopes": "read", "is_active": "on", **changes}


def an_act() -> Ending:
    """An act that somebody has begun; each time the same."""
    search, counted = Search(email=ALICE), Counted(logins=2, people=1)
    found = Ending.objects.first()
    return found or endings.begin(search, why="a drill", by=None, spared=None, counted=counted)


def begun(client: Client) -> Any:
    return client.post(f"{ENDINGS}begin/?email={ALICE}", {"key": str(uuid4()), "why": "a drill"})


def moved(verb: str) -> Callable[[Client], Any]:
    """One of the buttons of an act; what is to go on is stopped before."""

    def post(client: Client) -> Any:
        if verb == "go-on":
            endings.stop(an_act())
        return client.post(f"{ENDINGS}{an_act().pk}/{verb}/", {"go on": "yes"})

    return post


def mails_to_her() -> int:
    mail.wait()
    return sum(ALICE in message.to for message in django_mail.outbox)


@dataclass(frozen=True)
class Act:
    """Something an operator may want: a request, what it changes, who may, and the event that tells of it."""

    do: Callable[[Client], Any]
    state: Callable[[], Any] | None
    kinds: str
    event: str = ""


def look(path: Callable[[], str] | str) -> Callable[[Client], Any]:
    return lambda client: client.get(path if isinstance(path, str) else path())


def changes(row: Any, suffix: str = "change/") -> Callable[[Client], Any]:
    """The page of some row."""
    kind, manager = row
    return look(lambda: f"{kind}{manager.latest('pk').pk}/{suffix}")


EVERYBODY, WHO_LOOKS, WHO_ENDS, ALL = (
    "staff looks ends superuser",
    "looks ends superuser",
    "ends superuser",
    "superuser",
)
ACTS: dict[str, Act] = {
    "enter the admin": Act(look("/admin/"), None, EVERYBODY),
    "list of logins": Act(look(LOGINS), None, WHO_LOOKS),
    "one login with its story": Act(
        look(lambda: f"{LOGINS}{the_login(ALICE, 'token').pk}/change/"), None, WHO_LOOKS
    ),
    "history of a login": Act(
        look(lambda: f"{LOGINS}{the_login(ALICE, 'token').pk}/history/"), None, WHO_LOOKS
    ),
    "end logins": Act(
        lambda client: act(client, "end_selected", the_login(ALICE, "token")), live, WHO_ENDS, "login_ended"
    ),
    "end all of these people": Act(
        lambda client: act(client, "end_all_of_these_people", the_login(ALICE, "token")),
        live,
        WHO_ENDS,
        "login_ended",
    ),
    "list of acts that end many, one act": Act(
        look(lambda: f"{ENDINGS}{an_act().pk}/change/"), None, WHO_LOOKS
    ),
    "see what an act would end": Act(look(f"{ENDINGS}begin/?email={ALICE}"), None, WHO_ENDS),
    "end everything that matches": Act(begun, Ending.objects.count, WHO_ENDS, "ending_begun"),
    "go on with it": Act(moved("go-on"), live, WHO_ENDS, "ending_taken_up"),
    "stop it": Act(moved("stop"), lambda: an_act().stopped_at, WHO_ENDS, "ending_stopped"),
    "leave the rest alone": Act(moved("drop"), lambda: an_act().dropped_at, WHO_ENDS, "ending_dropped"),
    "list of people, one person": Act(changes((PEOPLE, User.objects)), None, WHO_LOOKS),
    "end all of chosen people": Act(
        lambda client: act(client, "end_all_logins", her(), at=PEOPLE), live, WHO_ENDS, "login_ended"
    ),
    "end all of a person": Act(lambda client: her_button(client, "end-all"), live, WHO_ENDS, "login_ended"),
    "disable a person": Act(
        lambda client: her_page(client, is_active=None), lambda: her().is_active, ALL, "admin_action"
    ),
    "end all but some of a person": Act(
        lambda client: her_button(client, "end-others", spare=the_login(ALICE, "session").pk),
        live,
        WHO_ENDS,
        "login_ended",
    ),
    "disable a person and end all": Act(
        lambda client: her_button(client, "disable"), lambda: her().is_active, ALL, "login_ended"
    ),
    "change an address": Act(
        lambda client: her_page(client, email="other@example.com"),
        lambda: User.objects.filter(email=ALICE).exists(),
        ALL,
        "user_updated",
    ),
    "give rights": Act(
        lambda client: her_page(client, is_staff="on"),
        lambda: her().is_staff,
        ALL,
        "privilege_permissions_changed",
    ),
    "send a link for a new password": Act(
        lambda client: act(client, "send_reset_link", her(), at=PEOPLE), mails_to_her, ALL, "admin_action"
    ),
    "send one from the person's page": Act(
        lambda client: her_button(client, "send-link"), mails_to_her, ALL, "admin_action"
    ),
    "add a person": Act(
        lambda client: client.post(f"{PEOPLE}add/", {"email": "new@example.com", "is_active": "on"}),
        lambda: User.objects.filter(email="new@example.com").exists(),
        ALL,
        "admin_action",
    ),
    "delete a person": Act(
        lambda client: client.post(f"{PEOPLE}{her().pk}/delete/", {"post": "yes"}),
        lambda: User.objects.filter(email=ALICE).exists(),
        ALL,
        "admin_action",
    ),
    "add, change a group": Act(
        lambda client: client.post(f"{GROUPS}add/", {"name": "New"}), Group.objects.count, ALL, "admin_action"
    ),
    "list of events, one event": Act(changes((EVENTS, Event.objects)), None, WHO_LOOKS),
    "list of keys, one key": Act(changes((KEYS, SigningKey.objects)), None, WHO_LOOKS),
    "rotate keys": Act(rotated, rings.states, ALL, "signing_key_rotated"),
    "revoke keys": Act(revoked, rings.states, ALL, "signing_key_revoked"),
    "list of clients, one client": Act(changes((CLIENTS, Party.objects)), None, WHO_LOOKS),
    "add a client": Act(
        lambda client: client.post(f"{CLIENTS}add/", client_form()), Party.objects.count, ALL, "client_made"
    ),
    "change a client": Act(
        lambda client: client.post(f"{CLIENTS}{Party.objects.get().pk}/change/", client_form(name="Other")),
        lambda: Party.objects.get().name,
        ALL,
        "client_changed",
    ),
    "give a client a new secret": Act(
        renewed, lambda: Party.objects.get().secret_hash, ALL, "client_renewed"
    ),
    "switch a client off": Act(
        lambda client: act(client, "switch_off_selected", Party.objects.get(), at=CLIENTS),
        lambda: Party.objects.get().is_active,
        ALL,
        "client_switched_off",
    ),
}


def may(name: str, kind: str) -> bool:
    """Whether this kind of staff may do it."""
    return kind in ACTS[name].kinds.split()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name, one in ACTS.items() if one.state is None])
def test_who_may_look(name: str, kind: str) -> None:
    answer = ACTS[name].do(KINDS[kind]())

    assert answer.status_code == (200 if may(name, kind) else 403)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name, one in ACTS.items() if one.state is not None])
def test_who_may_act_and_every_act_is_history_and_an_event(name: str, kind: str) -> None:
    wanted, client = ACTS[name], KINDS[kind]()
    assert wanted.state
    before, told = wanted.state(), Event.objects.latest("pk").pk

    answer = wanted.do(client)

    assert answer.status_code < 500
    assert (wanted.state() != before) is may(name, kind)
    actors = {event.name: event.actor_uuid for event in Event.objects.filter(pk__gt=told).order_by("pk")}
    who = User.objects.get(pk=client.get("/api/me/").json()["id"])
    assert actors.get(wanted.event) == (who.public_id if may(name, kind) else None)
    assert LogEntry.objects.filter(user=who).exists() is may(name, kind)


def test_whoever_is_no_operator_is_sent_away_from_all_of_it() -> None:
    bob()
    client = enter("bob@example.com")

    for name, wanted in ACTS.items():
        before = wanted.state() if wanted.state else None
        answer = wanted.do(client)
        assert (answer.status_code, (wanted.state() if wanted.state else None) == before) == (302, True), name
        assert answer.headers["Location"].startswith("/admin/login/"), name


@pytest.mark.parametrize("kind", ["staff", "looks", "ends", "superuser"])
@pytest.mark.parametrize("flow", ["session", "token"])
def test_the_api_and_the_pages_know_no_operators_somebody_elses_login_is_404(kind: str, flow: str) -> None:
    theirs = the_login(ALICE, "token").pk
    browser = KINDS[kind]()
    email = browser.get("/api/me/").json()["email"]
    asker = browser if flow == "session" else token(email)

    answers = [
        asker.get(f"/api/logins/{theirs}/"),
        asker.delete(f"/api/logins/{theirs}/"),
        browser.post(f"/logins/{theirs}/end/"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert str(theirs) not in asker.get("/api/logins/").content.decode()
    assert live() == 2


def test_the_table_of_the_documentation_is_this_one() -> None:
    text = (PROJECT / "docs/operations.md").read_text().split("\n## Roles\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]

    head, table = rows[0], {row[0]: row[1:5] for row in rows[2:]}
    assert [re.sub(r" .*", "", cell) for cell in head[1:5]] == list(KINDS)
    assert table == {name: ["yes" if may(name, kind) else "no" for kind in KINDS] for name in ACTS}
