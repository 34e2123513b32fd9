"""Faults that people live with elsewhere, forced and refused here. For T11 and T17 see tests/standards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, override_settings

from accounts import credentials, logins
from accounts.conf import Accounts
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from tests.servers import wait_until
from tests.stores import Stores
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Aside, Held
from tests.tokens_stateless.test_end import rows
from tokens_stateless import refresh
from tokens_stateless.models import Family


def in_days(days: float) -> Any:
    """The clock of this process, so much later."""
    return time_machine.travel(Login.objects.get().started_at + timedelta(days=days), tick=False)


def together(job: Callable[[], Any], *, times: int, aside: Aside) -> list[Any]:
    """What this job returns in so many threads that begin at the same time."""
    barrier = Barrier(times)

    def begin() -> Any:
        barrier.wait(20)
        return job()

    return [racer.result(timeout=50) for racer in [aside(begin) for _ in range(times)]]


def test_fifty_parallel_uses_give_fifty_working_answers_and_one_successor(held: Held, aside: Aside) -> None:
    """T1"""
    answers = together(lambda: doors.refresh(held.refresh), times=50, aside=aside)

    successors = {answer.json()["refresh"] for answer in answers}
    access = {answer.json()["access"] for answer in answers}
    assert {answer.status_code for answer in answers} == {200}
    assert (len(successors), len(access), Family.objects.get().generation) == (1, 50, 1)
    assert {doors.me(token).status_code for token in access} == {200}
    assert doors.refresh(successors.pop()).status_code == 200


def test_fifty_parallel_replays_end_the_login_once(held: Held, aside: Aside) -> None:
    """T1, T6"""
    doors.refresh(held.refresh)

    with in_days(1):
        answers = together(lambda: doors.refresh(held.refresh), times=50, aside=aside)

    assert {answer.status_code for answer in answers} == {401}
    assert held.login.end_reason == EndReason.REFRESH_REUSED


def test_a_use_and_an_end_at_once_leave_it_ended(held: Held, aside: Aside) -> None:
    """T1, feed 12: whichever comes first, nobody waits for the other for ever, and nothing lives on."""
    using = [aside(lambda: doors.refresh(held.refresh)) for _ in range(10)]
    ending = [aside(lambda: logins.end([held.login.pk], reason=EndReason.LOGOUT)) for _ in range(5)]

    assert sum(end.result(timeout=20) for end in ending) == 1
    handed_out = [answer.json() for use in using if (answer := use.result(timeout=20)).status_code == 200]
    assert {doors.me(pair["access"]).status_code for pair in handed_out} <= {401}
    assert {doors.refresh(pair["refresh"]).status_code for pair in handed_out} <= {401}


def test_a_replay_ends_what_the_token_has_become(held: Held) -> None:
    """T6: the thief's newest tokens, and the owner's."""
    token, handed_out = held.refresh, [held.access]
    for day in (1, 2, 3):
        with in_days(day):
            pair = doors.refresh(token).json()
            token, handed_out = pair["refresh"], [*handed_out, pair["access"]]

    with in_days(3):
        assert doors.me(handed_out[-1]).status_code == 200
        assert doors.refresh(held.refresh).status_code == 401
        assert doors.me(handed_out[-1]).status_code == 401
        assert doors.refresh(token).status_code == 401


def test_fifty_refreshes_reach_no_further_than_the_first_token(held: Held) -> None:
    """T7: the last one is good until the Login's end and not a second longer."""
    end, token = held.login.expires_at, held.refresh
    for turn in range(50):
        with in_days(0.59 * (turn + 1)):
            token = doors.refresh(token).json()["refresh"]

    with in_days(30 - 1 / 86400):
        answer = doors.refresh(token).json()
    with in_days(30):
        refused = doors.refresh(answer["refresh"])

    assert forge.read(answer["access"])[1]["exp"] <= end.timestamp()
    assert (refused.status_code, held.login.expires_at) == (401, end)


def by_logout(held: Held) -> None:
    doors.revoke(held.refresh)


def by_password(held: Held) -> None:
    credentials.change_password(held.user, OTHER_PASSWORD)


def by_disabling(held: Held) -> None:
    User.objects.update(is_active=False)


def by_disabling_and_enabling(held: Held) -> None:
    User.objects.update(is_active=False)
    User.objects.update(is_active=True)


def by_deleting_the_person(held: Held) -> None:
    held.user.delete()


def by_deleting_the_row(held: Held) -> None:
    Login.objects.all().delete()


ENDS = [
    by_logout,
    by_password,
    by_disabling,
    by_disabling_and_enabling,
    by_deleting_the_person,
    by_deleting_the_row,
]


@pytest.mark.parametrize("end", ENDS)
def test_no_door_knows_an_ended_login_any_more(end: Callable[[Held], None], held: Held) -> None:
    """T8: "verify" least of all; and T10, a refresh for somebody who is gone."""
    assert doors.verify(held.access).status_code == 200

    end(held)

    answers = [doors.me(held.access), doors.verify(held.access), doors.refresh(held.refresh)]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert {answer.json()["code"] for answer in answers} == {"token_not_valid"}


def test_what_another_process_ends_is_refused_here(held: Held, elsewhere: Callable[..., str]) -> None:
    """T8: at the next request on SQLite, within a second on PostgreSQL."""
    assert doors.verify(held.access).status_code == 200
    verb = f"logins.end([UUID('{held.login.pk}')], reason=logins.EndReason.REVOKED_BY_OPERATOR)"

    elsewhere("shell", "-c", f"from uuid import UUID; from accounts import logins; {verb}")
    if connection.vendor != "sqlite":
        wait_until(lambda: doors.me(held.access).status_code == 401, what="the news", seconds=1)

    answers = [doors.me(held.access), doors.verify(held.access), doors.refresh(held.refresh)]
    assert [answer.status_code for answer in answers] == [401, 401, 401]


def everything(stores: Stores) -> str:
    """All that is at rest, as text: each row of each table, and each key and value in Redis."""
    found: list[object] = []
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")  # noqa: S608 - our own tables
            for row in cursor.fetchall():
                found += [bytes(value) if isinstance(value, memoryview) else value for value in row]
    if stores.redis:
        with stores.redis.client() as client:
            found += [(key, client.dump(key)) for key in client.scan_iter()]
    return "\n".join(map(repr, found))


def test_nothing_at_rest_can_be_replayed(held: Held, stores: Stores) -> None:
    """T9: neither a token, nor a part of one that proves anything, in any spelling."""
    first, second = doors.sign_in().json(), doors.refresh(held.refresh).json()
    pairs = [{"access": held.access, "refresh": held.refresh}, first, second]

    stored = everything(stores)

    assert held.login.pk.hex in stored.replace("-", "")
    proofs = [token.rpartition(".")[2] for pair in pairs for token in (pair["access"], pair["refresh"])]
    raw = [forge.unpart(proof) for proof in proofs]
    spelled = [*proofs, *(data.hex() for data in raw), *(repr(data)[2:-1] for data in raw)]
    assert [secret for secret in [*spelled, "eyJ", PASSWORD] if secret in stored] == []


def test_no_event_or_log_line_can_be_replayed(held: Held, caplog: Any, capfd: Any) -> None:
    """T9"""
    pair = doors.refresh(held.refresh).json()
    for token in (held.access[:-1] + "A", pair["access"] + "A", held.refresh[:-1] + "A", held.refresh):
        doors.me(token)
        doors.verify(token)
        doors.refresh(token)
        doors.revoke(token)

    written = caplog.text + repr([vars(record) for record in caplog.records]) + "".join(capfd.readouterr())

    assert "token_refused" in written
    for secret in (held.access, pair["access"], held.refresh, pair["refresh"]):
        assert not any(part in written for part in secret.split(".")[1:] if len(part) > 2)


ODD: dict[str, list[object]] = {
    "exp": ["soon", "", None, [], {}, True, 1e400, 10**18, 10**400, -1, 1.5],
    "sub": [True, 1, 1.0, " 1 ", "1", "\u0661", "abc", [1], {"id": 1}, None],
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_claim_is_refused_calmly(name: str, held: Held) -> None:
    """T10; T12: a subject is a random id in text, and nothing that a number could be taken for."""
    tokens = [forge.forge(forge.header(), forge.payload(held.access, **{name: odd})) for odd in ODD[name]]

    answers = [door(token) for token in tokens for door in (doors.me, doors.verify, doors.refresh)]

    assert {answer.status_code for answer in answers} == {401}


def test_who_is_given_the_key_of_somebody_deleted_is_not_admitted_by_their_token(held: Held) -> None:
    """T12: not even when the random id itself comes back, as from a backup."""
    key = held.user.pk
    held.user.delete()
    get_user_model().objects.create_user("mallory@example.com", PASSWORD, id=key)

    assert [doors.me(held.access).status_code, doors.refresh(held.refresh).status_code] == [401, 401]


def page(password: str) -> Any:
    """Alice at the sign-in page."""
    return Client().post("/login/", {"email": "alice@example.com", "password": password})


@pytest.mark.parametrize("password", [f"  {PASSWORD}  ", f"\t{PASSWORD}\n", f"\u00a0{PASSWORD}"], ids=repr)
def test_a_password_is_the_same_bytes_at_every_door(password: str) -> None:
    """T13"""
    get_user_model().objects.create_user("alice@example.com", password)

    right = doors.sign_in(password=password), page(password)
    wrong = doors.sign_in(password=password.strip()), page(password.strip())

    assert [answer.status_code for answer in right] == [200, 302]
    assert [answer.status_code for answer in wrong] == [401, 400]


@override_settings(ACCOUNTS=Accounts(free_failures=3))
def test_a_guesser_at_the_token_door_is_told_to_wait_even_with_the_right_password() -> None:
    """T14: as at the page, and with the same counter."""
    alice()
    for _ in range(2):
        doors.sign_in(password=OTHER_PASSWORD)
    page(OTHER_PASSWORD)

    answer = doors.sign_in()

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert int(answer.headers["Retry-After"]) >= 1
    assert (page(PASSWORD).status_code, Login.objects.count()) == (429, 0)


@override_settings(ACCOUNTS=Accounts(free_failures=3))
def test_a_failed_attempt_counts_although_its_request_is_refused(atomic_requests: None) -> None:
    """T14, feed 11: a transaction around the request would forget it."""
    alice()

    statuses = [doors.sign_in(password=OTHER_PASSWORD).status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 429, 429]


def test_a_token_in_a_cookie_moves_nothing(held: Held) -> None:
    """T15: a foreign page can make a browser send it. Of the cookie that is ours, see test_cookie."""
    client, before = Client(), rows()
    for name in ("access", "token", "jwt", "my-app-auth"):
        client.cookies[name] = held.access
    for name in ("__Secure-refresh", "refresh_token", "my-app-refresh"):
        client.cookies[name] = held.refresh

    answers = [client.post(f"/api/token/{door}/", "", doors.FORM) for door in ("refresh", "verify", "revoke")]
    answers += [client.post(f"/api/token/{door}/", {}, "application/json") for door in ("refresh", "verify")]

    assert {answer.status_code for answer in answers} == {400}
    assert (rows(), held.login.ended_at, Family.objects.get().generation) == (before, None, 0)
    assert client.get("/api/me/").status_code == 401


def test_an_anonymous_sign_out_writes_nothing() -> None:
    """T15"""
    before = rows()

    answers = [doors.revoke("x"), Client().post("/api/token/revoke/", "", doors.FORM)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert rows() == before


def test_pages_that_a_server_renders_in_parallel_sign_nobody_out(held: Held, aside: Aside) -> None:
    """T3: each comes with the token that the browser had, and none can tell the others of its successor."""

    def render() -> tuple[int, str]:
        pair = doors.refresh(held.refresh).json()
        return doors.me(pair["access"]).status_code, pair["refresh"]

    rendered = together(render, times=20, aside=aside)

    ((status, successor),) = set(rendered)
    assert (status, held.login.ended_at) == (200, None)
    with in_days(1):
        assert doors.refresh(successor).status_code == 200


def test_an_answer_that_was_lost_is_given_again(held: Held) -> None:
    """T5: and what it brings is no worse than the lost one."""
    lost = doors.refresh(held.refresh).json()

    again = doors.refresh(held.refresh).json()

    assert (again["refresh"], doors.me(again["access"]).status_code) == (lost["refresh"], 200)
    with in_days(1):
        assert doors.refresh(again["refresh"]).status_code == 200


def test_who_has_lost_the_race_between_two_tabs_is_no_thief(
    held: Held, aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T3: both have read the same token before either has rotated it."""
    barrier, real = Barrier(2), refresh.read

    def meet(text: object) -> refresh.RefreshToken:
        token = real(text)
        barrier.wait(10)
        return token

    monkeypatch.setattr(refresh, "read", meet)
    tabs = [aside(lambda: doors.refresh(held.refresh)) for _ in range(2)]

    first, second = (tab.result(timeout=20).json()["refresh"] for tab in tabs)

    assert (first, held.login.ended_at) == (second, None)
