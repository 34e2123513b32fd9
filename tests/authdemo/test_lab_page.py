"""The live page: its buttons do what they say, through the public doors, and it shows no credential."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, override_settings

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.testing import bob
from authdemo.conf import Lab
from authdemo.demo import PASSWORD
from authdemo.lab.page import inside, kept, views, words
from authdemo.lab.page.views import ACTS, OF_REDIS
from tests import leaks
from tests.servers import free_port
from tests.stores import Stores
from tests.test_languages import english_in_text, german
from tokens_stateless.models import Family, KeyState, SigningKey

ALICE = "alice@example.com"
WIRE = re.compile("<pre.*?</pre>", re.DOTALL)
# What each act says when nothing is wrong; where there are two, the stores decide.
SAYS: dict[str, tuple[set[str], set[str]]] = {
    "sign-in": ({"sign_in.session"}, {"sign_in.token"}),
    "call": ({"call.nobody"}, {"call.nobody"}),
    "call-100": ({"hundred.session"}, {"hundred.token"}),
    "sign-out": ({"sign_out.session"}, {"sign_out.token"}),
    "end": ({"end.session"}, {"end.token"}),
    "role": ({"role.session"}, {"role.token"}),
    "wait": ({"wait.session"}, {"wait.token"}),
    "tamper": ({"tamper.session"}, {"tamper.token"}),
    "replay": ({"replay.session"}, {"replay.token"}),
    "tabs": ({"tabs.session"}, {"tabs.token"}),
    "drop": ({"drop.session"}, {"drop.token"}),
    "forget": ({"forget.session"}, {"forget.token"}),
    "rotate": ({"rotate.session"}, {"rotate.token"}),
}


class Visitor:
    """Somebody with the page open."""

    def __init__(self) -> None:
        self.browser = Client()

    def press(self, name: str) -> Any:
        """Press a button; returns the page to which that leads."""
        return self.browser.post(f"/lab/{name}/", follow=True)

    @property
    def state(self) -> dict[str, Any]:
        """What is kept for them."""
        return kept.opened(self.browser.session[kept.NAME])

    def said(self) -> tuple[str, str]:
        """The codes of the last sentences."""
        last = self.state["last"]
        return last["session"]["said"]["code"], last["token"]["said"]["code"]

    def exchanges(self, flow: str) -> list[dict[str, Any]]:
        """What the last act has shown of this pane."""
        found: list[dict[str, Any]] = self.state["last"][flow]["exchanges"]
        return found

    def login(self, flow: str) -> Login:
        """The row of what this pane carries."""
        return Login.objects.get(pk=self.state[flow]["login"])


@pytest.fixture
def alice() -> Any:
    """Alice with the password of the demonstration."""
    return get_user_model().objects.create_user(ALICE, PASSWORD)


@pytest.fixture
def visitor(live_server: Any, alice: Any) -> Iterator[Visitor]:
    """A visitor of a page that asks a server of this very process, in DEBUG as `make run` has it."""
    with override_settings(PUBLIC_ORIGIN=live_server.url, DEBUG=True):
        yield Visitor()


@pytest.mark.nodb
def test_there_is_a_sentence_expected_of_each_button() -> None:
    assert set(SAYS) == set(ACTS) - set(OF_REDIS)
    assert set(words.BUTTONS) == set(ACTS)


def test_a_call_says_what_was_looked_up_and_where(visitor: Visitor, stores: Stores) -> None:
    visitor.press("sign-in")
    for _time in range(2):
        visitor.press("call")

    # Without Redis the page's own request writes; then each process on SQLite looks into the ledger.
    is_looked = connection.vendor == "sqlite" and not stores.redis
    token = "call.token.sql" if is_looked else "call.token.free"
    assert visitor.said() == ("call.session.redis" if stores.redis else "call.session.sql", token)


def test_a_call_after_the_end_says_that_it_is_over(visitor: Visitor) -> None:
    visitor.press("end")
    visitor.press("call")

    assert visitor.said() == ("call.session.ended", "call.token.ended")


def test_outside_of_a_demo_no_key_signs_before_others_may_know_it(visitor: Visitor) -> None:
    with override_settings(DEBUG=False):
        visitor.press("rotate")

    assert visitor.said() == ("rotate.early", "rotate.early.token")


def test_a_key_that_was_rotated_has_signed_what_is_called_with_last(visitor: Visitor) -> None:
    visitor.press("rotate")

    before, _early, _refresh, after = (one["claims"].get("kid") for one in visitor.exchanges("token")[-4:])
    assert before != after == SigningKey.objects.get(state=KeyState.CURRENT).kid


@pytest.mark.parametrize("name", sorted(SAYS))
def test_a_button_says_why_each_pane_met_what_it_met(visitor: Visitor, name: str) -> None:
    answer = visitor.press(name)

    session, token = visitor.said()
    assert answer.status_code == 200
    assert session in SAYS[name][0]
    assert token in SAYS[name][1]


@pytest.mark.slow
def test_what_has_come_of_an_act_is_told_in_german(visitor: Visitor) -> None:
    """But for what went over the wire: that is as it was."""
    german(visitor.browser)

    english = {}
    for name in SAYS:
        page = WIRE.sub("", visitor.press(name).content.decode())
        english[name] = english_in_text(html.unescape(page))

    assert {name: found for name, found in english.items() if found} == {}


def test_the_page_shows_neither_cookie_nor_token(visitor: Visitor) -> None:
    """And what is kept of them at rest is encrypted: each test ends with a search of the tables."""
    for name in ("sign-in", "replay", "sign-in", "drop"):
        visitor.press(name)

    assert visitor.state["token"]["refresh"]
    assert leaks.now[0].kinds >= {"session key", "access token", "refresh token"}
    visitor.browser.get("/lab/")


def test_a_visitor_who_only_looks_is_given_no_session() -> None:
    answer = Client().get("/lab/")

    assert answer.status_code == 200
    assert "sid" not in answer.cookies


def test_where_the_lab_is_off_there_is_nothing() -> None:
    with override_settings(LAB=Lab()):
        answers = Client().get("/lab/"), Client().post("/lab/call/")

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize("is_on", [True, False])
def test_the_home_page_leads_there_where_it_is_on(is_on: bool) -> None:
    with override_settings(LAB=Lab(is_on=is_on)):
        assert (b'href="/lab/"' in Client().get("/").content) is is_on


def test_without_a_redis_of_its_own_the_lab_offers_no_button_for_it(visitor: Visitor) -> None:
    assert b"stop-redis" not in visitor.browser.get("/lab/").content
    assert visitor.press("stop-redis").status_code == 404


def test_an_unknown_button_is_not_found() -> None:
    assert Client().post("/lab/explode/").status_code == 404


def test_the_ledger_says_the_same_of_an_end_from_another_device(visitor: Visitor) -> None:
    visitor.press("end")

    reasons = {visitor.login(flow).end_reason for flow in ("session", "token")}
    assert reasons == {EndReason.REVOKED_BY_OWNER}


def test_a_replayed_refresh_token_has_ended_one_login_and_not_the_other(visitor: Visitor) -> None:
    visitor.press("replay")

    assert visitor.login("token").end_reason == EndReason.REFRESH_REUSED
    assert visitor.login("session").ended_at is None


def test_the_steps_are_those_that_the_requests_came_to(visitor: Visitor) -> None:
    """Refused at the last one, and in the end asked for the password again."""
    visitor.press("replay")

    _session, token = visitor.browser.get("/lab/").context["panes"]
    states = {step["number"]: step["state"] for step in token["steps"] if step["state"]}
    assert states == {1: "done", 2: "done", 3: "done", 4: "done", 5: "done", 6: "done", 7: "failed", 9: "now"}


def test_twenty_tabs_have_one_successor(visitor: Visitor) -> None:
    visitor.press("tabs")

    assert visitor.exchanges("token")[-2]["statuses"] == [[200, 20]]
    assert Family.objects.get(pk=visitor.state["token"]["login"]).generation == 1


def test_the_role_is_put_back(visitor: Visitor, alice: Any) -> None:
    visitor.press("role")

    alice.refresh_from_db()
    assert not alice.is_staff
    assert alice.version == 3


def test_signing_in_again_ends_what_was_held_before(visitor: Visitor) -> None:
    visitor.press("sign-in")
    before = [visitor.login(flow) for flow in ("session", "token")]

    visitor.press("sign-in")

    for login in before:
        login.refresh_from_db()
    assert [login.ended_at is None for login in before] == [False, False]
    assert Login.objects.filter(ended_at=None).count() == 2


def test_the_token_that_is_waited_for_is_refreshed_when_it_is_over(visitor: Visitor) -> None:
    visitor.press("wait")
    assert visitor.exchanges("token")[-1]["statuses"] == [[200, 1]]

    time.sleep(inside.SHORT_SECONDS + 1)
    visitor.press("call")

    assert visitor.said()[1] == "call.token.refreshed"


def test_a_token_that_has_expired_meanwhile_is_refreshed_before_an_act(visitor: Visitor) -> None:
    visitor.press("wait")

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=inside.SHORT_SECONDS + 2)):
        visitor.press("tamper")

    assert visitor.said() == ("tamper.session", "tamper.token")
    assert [one["statuses"] for one in visitor.exchanges("token")] == [[[200, 1]], [[401, 1]], [[200, 1]]]


def test_a_token_outlives_the_servers_memory_and_its_client_stays_signed_in(visitor: Visitor) -> None:
    visitor.press("forget")

    assert [visitor.state[flow]["is_in"] for flow in ("session", "token")] == [False, True]


def test_the_visitors_own_sign_in_has_no_part_in_it(visitor: Visitor) -> None:
    person = bob()
    visitor.browser.force_login(person)
    mine = Login.objects.get(user=person)

    for name in ("sign-in", "end", "sign-out"):
        visitor.press(name)

    mine.refresh_from_db()
    assert mine.ended_at is None
    assert visitor.browser.get("/api/me/").json()["email"] == person.email


def test_nothing_is_done_to_a_login_that_is_not_of_the_demonstration(visitor: Visitor) -> None:
    somebody = get_user_model().objects.create_user("somebody@example.com", PASSWORD)
    visitor.browser.force_login(somebody)
    theirs = Login.objects.get(user=somebody)

    with pytest.raises(inside.NotTheDemos):
        inside.own(str(theirs.pk), flow="session")


def test_nothing_is_done_to_a_login_of_the_other_flow_or_one_that_is_over(visitor: Visitor) -> None:
    visitor.press("sign-in")
    login = visitor.login("token")
    with pytest.raises(inside.NotTheDemos):
        inside.own(str(login.pk), flow="session")

    logins.end([login.pk], reason=EndReason.LOGOUT)

    for gone in (str(login.pk), str(uuid4()), ""):
        with pytest.raises(inside.NotTheDemos):
            inside.own(gone, flow="token")


def test_where_there_is_no_demo_person_it_says_so(visitor: Visitor, alice: Any) -> None:
    alice.delete()

    assert b"no Alice" in visitor.press("sign-in").content
    assert b"Signing in was refused" in visitor.press("tabs").content


def test_where_nobody_answers_it_says_so(visitor: Visitor) -> None:
    with override_settings(PUBLIC_ORIGIN=f"http://127.0.0.1:{free_port()}"):
        answer = visitor.press("sign-in")

    assert b"did not answer itself" in answer.content


def test_of_more_acts_than_leave_threads_to_answer_it_does_none(visitor: Visitor) -> None:
    for _place in range(views.AT_ONCE):
        views._places.acquire()
    try:
        answer = visitor.press("sign-in")
    finally:
        for _place in range(views.AT_ONCE):
            views._places.release()

    assert b"busy with other visitors" in answer.content
    assert not Login.objects.exists()


@pytest.mark.parametrize("sealed", ["", "nonsense", 7])
def test_what_no_secret_of_ours_opens_is_as_nothing(visitor: Visitor, sealed: Any) -> None:
    visitor.press("call")
    session = visitor.browser.session
    session[kept.NAME] = sealed
    session.save()

    assert b"Nothing has happened yet" in visitor.browser.get("/lab/").content
