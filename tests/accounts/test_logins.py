"""The ledger's verbs: a Login is started once and ended for good, and its row outlives what carries it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import flows, logins
from accounts.errors import InvalidCredentials
from accounts.events import Event
from accounts.feed import News
from accounts.flows import Flow
from accounts.logins import EndReason, Login
from accounts.models import User
from tests.accounts.rows import WAYS, a_login, a_person, a_request, row, some_logins, start, taken_back, write

LOGOUT = EndReason.LOGOUT


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[list[UUID]]:
    """What a third flow, "badge", was told to kill, call by call."""
    calls: list[list[UUID]] = []

    def kill(ids: Sequence[UUID]) -> None:
        calls.append(list(ids))

    monkeypatch.setattr(flows, "_flows", dict(flows._flows))
    flows.register(Flow(name="badge", label="Badge", end=kill, horizon=timedelta))
    return calls


def ids(some: Sequence[Login]) -> list[UUID]:
    """Their ids."""
    return [login.pk for login in some]


def test_a_sign_in_is_one_row_that_says_who_how_and_from_where() -> None:
    person = a_person()

    login = start(person, flow="session")

    login.refresh_from_db()
    assert (login.user, login.user_uuid, login.flow) == (person, person.pk, "session")
    assert (login.device, login.address) == ("curl", "203.0.113.9")
    assert login.expires_at - login.started_at == timedelta(hours=12)
    assert (login.seen_at, login.idle_timeout) == (login.started_at, timedelta(minutes=30))
    assert (login.ended_at, login.changed_at, login.end_reason, login.is_live) == (None, None, "", True)
    assert row(person)["last_login"] == login.started_at


def test_its_id_is_random() -> None:
    person = a_person()
    first, second = start(person), start(person)

    assert {first.pk.version, second.pk.version} == {4}
    assert first.pk.fields[0] != second.pk.fields[0]


def test_a_sign_in_is_an_event() -> None:
    login = start(a_person())

    event = Event.objects.get(name="authn_login_success")
    assert (event.login_id, event.user_uuid, event.actor_uuid) == (login.pk, login.user_uuid, login.user_uuid)


def test_a_sign_in_moves_neither_stamp_nor_version() -> None:
    person = a_person()
    before = row(person)

    start(person)

    after = row(person)
    assert {**after, "last_login": None} == before


def test_a_sign_in_that_is_rolled_back_has_not_happened() -> None:
    person = a_person()

    with taken_back():
        start(person)

    assert (Login.objects.count(), Event.objects.count(), row(person)["last_login"]) == (0, 0, None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!another"}])
def test_a_person_who_was_changed_since_they_were_verified_is_not_signed_in(
    change: dict[str, Any], way: str
) -> None:
    """Feed 13."""
    verified = a_person()
    write(User.objects.get(), way, **change)

    with pytest.raises(InvalidCredentials):
        start(verified)
    assert (Login.objects.count(), Event.objects.filter(name="authn_login_success").count()) == (0, 0)


@pytest.mark.parametrize("change", [{"email": "new@example.com"}, {"is_staff": True}, {"is_superuser": True}])
def test_other_changes_keep_nobody_out(change: dict[str, Any]) -> None:
    verified = a_person()
    User.objects.update(**change)

    assert start(verified).is_live


def test_an_end_says_when_why_and_by_whom() -> None:
    login, olga, now = a_login(), a_person("olga@example.com"), timezone.now()

    ended = logins.end([login.pk], reason=EndReason.REVOKED_BY_OPERATOR, by=olga, request=a_request())

    login.refresh_from_db()
    assert (ended, login.end_reason, login.ended_by) == (1, "revoked_by_operator", olga)
    assert login.ended_at
    assert abs(login.ended_at - now) < timedelta(seconds=5)
    assert login.changed_at == login.ended_at
    assert not login.is_live


def test_an_end_takes_its_instant_from_the_databases_clock() -> None:
    login = a_login()

    with CaptureQueriesContext(connection) as captured:
        logins.end([login.pk], reason=LOGOUT)

    (update,) = [one["sql"] for one in captured if one["sql"].startswith('UPDATE "accounts_login"')]
    assert len(re.findall(r"STATEMENT_TIMESTAMP\(\)|STRFTIME", update)) == 2


def test_ending_an_ended_one_is_fine_and_changes_nothing(news: list[News]) -> None:
    login = a_login()
    logins.end([login.pk], reason=LOGOUT)
    login.refresh_from_db()

    again = logins.end([login.pk, uuid4()], reason=EndReason.REVOKED_BY_OWNER)

    first = login.ended_at
    login.refresh_from_db()
    assert (again, login.end_reason, login.ended_at) == (0, "logout", first)
    assert (Event.objects.count(), len(news)) == (1, 1)


def test_an_end_of_several_tells_their_flows_and_the_feed_each_once(
    killed: list[list[UUID]], news: list[News]
) -> None:
    some = some_logins(3, flow="badge")
    gone = a_login(flow="whose app is gone")
    spared = a_login(flow="badge")

    count = logins.end([*ids(some), *ids(some), gone.pk], reason=LOGOUT)

    assert count == 4
    assert killed == [sorted(ids(some))]
    assert [set(one.ended) for one in news] == [{*ids(some), gone.pk}]
    assert list(Login.objects.live()) == [spared]


def test_many_are_ended_in_pieces_of_500_each_a_transaction_of_its_own(
    killed: list[list[UUID]], news: list[News]
) -> None:
    some = some_logins(1001, flow="badge")

    with CaptureQueriesContext(connection) as captured:
        count = logins.end(ids(some), reason=LOGOUT)

    commits = [one["sql"] for one in captured].count("COMMIT")
    assert (count, commits) == (1001, 3)
    assert [len(call) for call in killed] == [len(one.ended) for one in news] == [500, 500, 1]
    assert list(chain(*killed)) == sorted(ids(some))


def test_a_piece_of_500_costs_a_handful_of_statements() -> None:
    """The fewer, the shorter it keeps others waiting."""
    few, many = some_logins(2), some_logins(500)

    with CaptureQueriesContext(connection) as of_few:
        logins.end(ids(few), reason=LOGOUT)
    with CaptureQueriesContext(connection) as of_many:
        logins.end(ids(many), reason=LOGOUT)

    assert len(of_few) <= 8
    assert len(of_many) <= 15


def test_a_piece_that_fails_leaves_the_pieces_before_it_ended(
    killed: list[list[UUID]], news: list[News], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = some_logins(501, flow="badge")

    def kill_once(_ids: Sequence[UUID]) -> None:
        if news:
            raise OSError("the store is away")

    flows.register(Flow(name="badge", label="Badge", end=kill_once, horizon=timedelta))
    with pytest.raises(OSError, match="away"):
        logins.end(ids(some), reason=LOGOUT)

    assert Login.objects.live().count() == 1
    assert (len(news), Event.objects.count()) == (1, 500)


def test_an_end_that_is_rolled_back_kills_and_publishes_nothing(news: list[News]) -> None:
    login = a_login()

    with taken_back():
        logins.end([login.pk], reason=LOGOUT)

    login.refresh_from_db()
    assert (login.is_live, login.changed_at, news, Event.objects.count()) == (True, None, [], 0)


def test_ending_all_of_a_person_spares_one_and_everybody_else(news: list[News]) -> None:
    alice, bob = a_person("alice@example.com"), a_person("bob@example.com")
    kept, *gone = some_logins(3, alice)
    others = a_login(bob)

    count = logins.end_all(alice, reason=EndReason.REVOKED_BY_OWNER, by=alice, keep=kept.pk)

    assert count == 2
    assert set(Login.objects.live()) == {kept, others}
    assert [set(one.ended) for one in news] == [set(ids(gone))]


def test_ending_all_of_a_person_spares_several() -> None:
    alice = a_person()
    kept, also_kept, _gone = some_logins(3, alice)

    assert logins.end_all(alice, reason=LOGOUT, keep=[kept.pk, also_kept.pk]) == 1

    assert set(Login.objects.live()) == {kept, also_kept}


def test_ending_all_of_nobody_is_fine() -> None:
    assert logins.end_all(a_person(), reason=LOGOUT) == 0
    assert logins.end_all_of([], reason=LOGOUT) == 0


def test_live_are_those_that_neither_ended_nor_expired() -> None:
    live, expired, ended = some_logins(3)
    Login.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    logins.end([ended.pk], reason=LOGOUT)

    assert list(Login.objects.live()) == [live]
    assert [Login.objects.get(pk=one.pk).is_live for one in (live, expired, ended)] == [True, False, False]


def test_deleting_ends_instead_through_instance_queryset_and_relation() -> None:
    """S15."""
    alice = a_person()
    first, second, _third = some_logins(3, alice)

    gone = [first.delete(), Login.objects.filter(pk=second.pk).delete(), alice.logins.all().delete()]

    assert gone == [(1, {})] * 3
    assert Login.objects.count() == 3
    assert set(Login.objects.values_list("end_reason", flat=True)) == {EndReason.REVOKED_BY_OPERATOR}


def test_cleaning_alone_takes_rows_away() -> None:
    kept, gone = some_logins(2)

    assert Login.objects.filter(pk=gone.pk).remove() == 1
    assert list(Login.objects.all()) == [kept]


@pytest.mark.parametrize("named", [None, ["device", "ended_at", "end_reason", "ended_by", "changed_at"]])
def test_a_stale_copy_that_is_saved_revives_nothing(named: Any) -> None:
    """Section 6, line 2: not through a concurrent save."""
    stale = a_login()
    logins.end([stale.pk], reason=LOGOUT)

    stale.device = "renamed"
    stale.save(update_fields=named)

    fresh = Login.objects.get()
    assert (fresh.device, fresh.end_reason, fresh.is_live) == ("renamed", "logout", False)
    assert fresh.changed_at == fresh.ended_at


def test_a_login_names_its_flow_and_device_and_nothing_that_opens_a_door() -> None:
    known, unknown = a_login(), a_login(flow="gone")

    assert (str(known), str(unknown)) == ("Token · curl", "gone · curl")
    assert known.pk.hex not in str(known)


def test_what_is_outdated_late_takes_nothing_back() -> None:
    """Two processes that are cut off from Redis tell of their changes in any order; a third one starts."""
    login = a_login()

    logins.outdate(login.pk, version=5)
    logins.outdate(login.pk, version=4)

    login.refresh_from_db()
    assert login.copy_version == 5


@pytest.mark.parametrize("reason", EndReason)
def test_every_reason_fits_its_column_and_has_words(reason: EndReason) -> None:
    login = a_login()

    logins.end([login.pk], reason=reason)

    assert Login.objects.get().end_reason == reason
    assert str(reason.label)
