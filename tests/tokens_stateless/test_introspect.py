"""Introspection (RFC 7662), and revocation by clients (RFC 7009): what one learns of a token, and may end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError, connection

from accounts import logins
from accounts.known import Known
from accounts.logins import EndReason, Login
from accounts.models import Event
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.callers import API, OTHER, ask, page, party, post
from tests.tokens_stateless.conftest import BRACKETS, Held, Noted, settle, statements

INACTIVE = b'{"active":false}'


def test_a_good_token_is_told_as_it_is(held: Held) -> None:
    made = party()
    token = made.child(held.access)

    told = made.introspect(token)

    claims = forge.read(token)[1]
    assert told.json() == {
        "active": True,
        "token_type": "Bearer",
        **{name: value for name, value in claims.items() if name != "ver"},
    }
    assert told.headers["Cache-Control"] == "no-store"
    assert (claims["sub"], claims["sid"]) == (str(held.user.public_id), str(held.login.pk))


def test_a_token_of_a_page_is_told_too(held: Held) -> None:
    made = party()
    token = ask(page()).json()["access_token"]

    told = made.introspect(token).json()

    assert (told["active"], told["client_id"], "act" in told) == (True, "first-party", False)


def test_what_is_not_good_is_inactive_and_nothing_else(held: Held, noted: Noted) -> None:
    """No reason, no claim: only the log has it."""
    made = party()
    token = made.child(held.access)
    forged = {
        "junk": "x",
        "tampered": token[:-4] + "AAAA",
        "expired": forge.forge(forge.header(), forge.payload(token, iat=1, exp=2, auth_time=1)),
        "long": forge.forge(forge.header(), forge.payload(token, exp=forge.read(token)[1]["iat"] + 9999)),
        "more claims": forge.forge(forge.header(), forge.payload(token, is_staff=True)),
        "another actor": forge.forge(forge.header(), forge.payload(token, act={"sub": "x"})),
        "refresh": held.refresh,
    }

    answers = {name: made.introspect(bad) for name, bad in forged.items()}

    assert {name: (at.status_code, at.content) for name, at in answers.items()} == dict.fromkeys(
        forged, (200, INACTIVE)
    )
    assert len([each for each in noted.events if each["name"] == "authn_token_refused"]) == len(forged)


def test_a_client_sees_tokens_for_its_own_audiences_alone(held: Held) -> None:
    """For the project's own, too, only where an operator has said so."""
    made, foreign = party(), party(audiences=(OTHER,))
    inside = party(audiences=(OTHER, settings.TOKENS_STATELESS.audience))
    token = made.child(held.access)

    seen = {
        (name, which): each.introspect(text).json()["active"]
        for name, each in {"made": made, "foreign": foreign, "inside": inside}.items()
        for which, text in {"child": token, "access": held.access}.items()
    }

    assert {key for key, active in seen.items() if active} == {("made", "child"), ("inside", "access")}


def test_an_end_is_seen_at_once_whatever_this_process_knows(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is asked each time; the same process would still vouch for a while."""
    made = party()
    token = made.child(held.access)
    settle(held)
    monkeypatch.setattr(Known, "learn", lambda _self, **_news: None)

    logins.end([held.login.pk], reason=EndReason.LOGOUT)

    assert doors.me(held.access).status_code == 200, "else this test shows nothing"
    assert made.introspect(token).content == INACTIVE


def test_it_costs_two_statements(held: Held) -> None:
    """The client's row, and the Login's."""
    made = party()
    token = made.child(held.access)
    settle(held)

    with statements(2):
        made.introspect(token)


def test_a_token_that_is_stale_is_inactive_until_it_is_fetched_anew(held: Held) -> None:
    """As at our own doors; a follower of the feed can tell by `ver`."""
    made = party()
    token = made.child(held.access)

    held.user.is_staff = True
    held.user.save()
    fresh = made.child(doors.refresh(held.refresh).json()["access"])

    assert [made.introspect(each).json()["active"] for each in (token, fresh)] == [False, True]


def test_a_token_past_its_end_is_inactive(held: Held) -> None:
    made = party()
    token = made.child(held.access)

    with time_machine.travel(forge.read(token)[1]["exp"] + 31, tick=False):
        assert made.introspect(token).content == INACTIVE


def away(table: str) -> Callable[..., Any]:
    """For `connection.execute_wrapper`: the database fails where this table is asked."""

    def execute_or_fail(execute: Any, sql: str, *rest: Any) -> Any:
        if table not in sql or sql.startswith(BRACKETS):
            return execute(sql, *rest)
        raise OperationalError("the database is away")

    return execute_or_fail


@pytest.mark.parametrize("table", ["tokens_stateless_client", "accounts_login"])
@pytest.mark.parametrize("name", ["introspect", "revoke", "exchange"])
def test_while_the_ledger_is_away_nobody_says_anything(held: Held, table: str, name: str) -> None:
    """503 and Retry-After: the token may still be good (RFC 7009 section 2.2.1)."""
    made = party()
    token = made.child(held.access)
    settle(held)

    with connection.execute_wrapper(away(table)):
        answer = made.exchange(held.access) if name == "exchange" else made.post(name, token=token)

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_client_that_may_ends_the_whole_login_with_its_token(held: Held) -> None:
    made = party()
    token = made.child(held.access)

    answer = made.revoke(token)

    assert (answer.status_code, answer.json()) == (200, {})
    assert held.login.end_reason == EndReason.LOGOUT
    assert [doors.me(held.access).status_code, doors.refresh(held.refresh).status_code] == [401, 401]
    assert made.introspect(token).content == INACTIVE
    assert Event.objects.get(name="login_ended").detail["client"] == made.client.pk


@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "junk"])
def test_the_hint_decides_nothing(held: Held, hint: str) -> None:
    made = party()

    made.revoke(made.child(held.access), token_type_hint=hint)

    assert held.login.ended_at


def test_a_client_ends_nothing_with_what_is_not_its_own(held: Held) -> None:
    """200 all the same (RFC 7009 section 2.2): foreign, unknown, of the project itself."""
    made, foreign = party(), party(audiences=(OTHER,))

    answers = [
        foreign.revoke(made.child(held.access)),
        made.revoke(held.access),
        made.revoke(held.refresh),
        made.revoke("x"),
    ]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 4
    assert held.login.ended_at is None


def test_whoever_holds_a_childs_token_cannot_end_the_login_without_the_secret(held: Held) -> None:
    """And is not told that it was done (RFC 7009 section 2.2.1)."""
    token = party().child(held.access)

    answer = doors.revoke(token)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_token_type")
    assert held.login.ended_at is None


def test_a_bearer_of_our_own_tokens_needs_no_client(held: Held) -> None:
    """`none` in the metadata: it may name itself, too."""
    answer = post("revoke", {"token": held.refresh, "client_id": "first-party"})

    assert (answer.status_code, Login.objects.live().count()) == (200, 0)


def test_wrong_credentials_do_not_fall_back_to_the_bearers_right(held: Held) -> None:
    answer = post("revoke", {"token": held.refresh, "client_id": "client-x", "client_secret": "y"})

    assert (answer.status_code, held.login.ended_at) == (401, None)


def test_a_token_for_an_audience_is_of_no_use_where_its_client_is_refused(held: Held) -> None:
    made = party(audiences=(API,), may_exchange=True)

    answer = made.introspect(made.child(held.access))

    assert answer.json()["error"] == "unauthorized_client"
