"""Sessions with a copy in Redis: which copy is trusted, and what is never undone or brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import conf, logins, standing
from accounts.api import MeView
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.standing import Standing
from accounts.testing import alice, bob, olga
from sessions_stateful import conf as sessions_conf
from sessions_stateful import copies, durable, fast, issue, keys, sealed
from sessions_stateful.models import Session
from sessions_stateful.store import SessionStore
from tests.sessions_stateful import third_party
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.copied import Copied, warm
from tests.sessions_stateful.third_party import (
    beside,
    held_visit,
    holding,
    key,
    put,
    statements,
    tab,
    touches_cookie,
    visit,
    who,
)

pytestmark = [pytest.mark.redis, pytest.mark.urls("tests.sessions_stateful.third_party")]
ALICE = "alice@example.com"


def signed_in(person: User | None = None) -> Client:
    browser = Client()
    browser.force_login(person or alice())
    return browser


def end_all() -> None:
    logins.end(list(Login.objects.values_list("pk", flat=True)), reason=EndReason.REVOKED_BY_OPERATOR)


def colour(browser: Client) -> str:
    return visit(tab(browser), lambda request: request.session.get("colour")).content.decode()  # type: ignore[no-any-return]


def test_a_request_costs_one_round_trip_and_no_statement(copied: Copied) -> None:
    browser = warm(signed_in())

    with statements(0), copied.round_trips(1):
        answer = visit(browser, lambda request: [request.user.email, request.session.session_key[:0]])

    assert answer.content == b"['alice@example.com', '']"


def test_what_one_request_makes_of_a_copy_the_next_does_not_see(copied: Copied) -> None:
    """A copy whose bytes are still the same is not looked into again."""
    browser = warm(signed_in())
    put(browser, colours=["red"])
    before = sealed._looked.cache_info().hits

    def spoil(request: Any) -> None:
        request.session["colours"].append("blue")
        request.user.email = "other@example.com"

    visit(tab(browser), spoil)
    answer = visit(tab(browser), lambda request: (request.session["colours"], request.user.email))

    assert answer.content == b"(['red'], 'alice@example.com')"
    assert sealed._looked.cache_info().hits > before


def test_the_idle_time_is_slid_by_each_request(copied: Copied) -> None:
    browser = warm(signed_in())
    copied.set_left_ms(browser, 1000)

    who(browser)

    full = sessions_conf.current().idle_timeout / timedelta(milliseconds=1)
    assert full - 5000 < copied.left_ms(browser) <= full


def test_no_request_lifts_a_session_past_its_absolute_end(copied: Copied) -> None:
    """Feed 15: 100 s are left, and the idle timeout is half an hour."""
    browser = signed_in()
    end = timezone.now() + timedelta(seconds=100)
    Login.objects.update(expires_at=end)
    Session.objects.update(expires_at=end)

    for _visit in range(2):
        warm(browser)

    assert 90_000 < copied.left_ms(browser) <= 100_000


def test_an_idle_session_is_gone_in_both(copied: Copied) -> None:
    browser = warm(signed_in())
    copied.set_left_ms(browser, 1)
    idle = sessions_conf.current()

    with time_machine.travel(timezone.now() + idle.idle_timeout + idle.idle_grace, tick=True):
        assert who(browser) is None


@pytest.mark.parametrize(("seconds", "asked"), [(299, 0), (301, 1), (-29, 0), (-31, 1)])
def test_a_copy_vouches_for_five_minutes_on_any_host(copied: Copied, seconds: int, asked: int) -> None:
    """One that was read by a clock that is ahead of ours must not vouch for longer."""
    browser = warm(signed_in())

    with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True), statements(asked):
        assert who(browser) == ALICE


def test_a_change_of_the_person_is_effective_at_once_and_signs_nobody_out(copied: Copied) -> None:
    person = alice()
    browser = warm(signed_in(person))

    User.objects.filter(pk=person.pk).update(email="other@example.com", is_staff=True)

    assert visit(browser, lambda request: (request.user.email, request.user.is_staff)).content == (
        b"('other@example.com', True)"
    )


def test_an_ended_login_is_refused_though_redis_still_has_its_copy(copied: Copied) -> None:
    """S4: as after a Redis that was away when it ended; also when nothing is known of the end any more."""
    browser = warm(signed_in())
    copy = copied.raw(browser) or b""

    end_all()
    assert copied.raw(browser) is None
    copied.put_raw(copied.name(browser), copy)
    answer = tab(browser).get("/api/me/")
    standing.stop()
    with time_machine.travel(timezone.now() + fast.horizon(), tick=True):
        later = who(browser)

    assert (answer.status_code, touches_cookie(answer), later) == (401, False, None)


def test_a_disabled_and_enabled_account_stays_signed_out(copied: Copied) -> None:
    """S13"""
    person = alice()
    browser = warm(signed_in(person))
    copy = copied.raw(browser) or b""
    people = User.objects.filter(pk=person.pk)

    people.update(is_active=False)
    people.update(is_active=True)
    copied.put_raw(copied.name(browser), copy)

    assert who(browser) is None


def test_a_copy_that_is_put_after_the_end_revives_nobody(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1: a request has read the row; the Login is ended; the request puts its copy."""
    browser, load = signed_in(), durable.load

    def request(held: Any) -> Any:
        def slow(key_hash: str) -> Any:
            row = load(key_hash)
            monkeypatch.undo()
            held.wait()
            return row

        monkeypatch.setattr(durable, "load", slow)
        return held_visit(tab(browser), lambda request: request.user.email)

    with beside(request) as held:
        end_all()

    assert held.answer.status_code == 200
    assert copied.raw(browser)
    assert who(browser) is None


def test_a_copy_of_what_was_read_before_a_change_does_not_undo_it(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1 for a change: a request has read the row; another one saves; the first puts its copy."""
    browser, load = signed_in(), durable.load

    def request(held: Any) -> Any:
        def slow(key_hash: str) -> Any:
            row = load(key_hash)
            monkeypatch.undo()
            held.wait()
            return row

        monkeypatch.setattr(durable, "load", slow)
        return held_visit(tab(browser), lambda request: request.user.email)

    with beside(request):
        put(tab(browser), colour="red")

    assert colour(browser) == "red"


def test_a_copy_is_put_within_a_minute_or_not_at_all(copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever forbids a copy from before a change stays for longer than that."""
    browser, load = signed_in(), durable.load

    def late(key_hash: str) -> Any:
        row = load(key_hash)
        assert row
        assert row.read_at
        return replace(row, read_at=row.read_at - timedelta(seconds=61))

    monkeypatch.setattr(durable, "load", late)
    warm(browser)

    assert (copied.raw(browser) or b"from").startswith(b"from")


def test_while_a_change_is_under_way_nobody_puts_a_copy(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S2: a request has marked the copy; another one reads the old row; the change is committed."""
    browser, update = warm(signed_in()), durable.update

    def save(held: Any) -> Any:
        def slow(*args: Any) -> bool:
            held.wait()
            return update(*args)

        monkeypatch.setattr(durable, "update", slow)
        return put(tab(browser), colour="red")

    with beside(save):
        with statements(1):
            before = colour(browser)
        assert (copied.raw(browser) or b"").startswith(b"mark ")

    assert (before, colour(browser)) == ("None", "red")
    with statements(0):
        colour(browser)


def test_two_changes_at_once_are_both_in_the_copy(copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3, S8: one has put its mark; the other comes and goes; the first goes on."""
    browser, mark = warm(signed_in()), copies.Copies.mark

    def save(held: Any) -> Any:
        def slow(ours: Any, key_hash: str) -> tuple[str, str]:
            monkeypatch.undo()
            put_there = mark(ours, key_hash)
            held.wait()
            return put_there

        monkeypatch.setattr(copies.Copies, "mark", slow)
        return put(tab(browser), size=3)

    with beside(save):
        put(tab(browser), colour="red")

    with statements(0):
        answer = visit(browser, lambda request: (request.session["colour"], request.session["size"]))
    assert answer.content == b"('red', 3)"


@pytest.mark.parametrize("new_key", [False, True])
def test_a_redis_that_is_lost_between_mark_and_copy_undoes_nothing(
    copied: Copied, monkeypatch: pytest.MonkeyPatch, new_key: bool
) -> None:
    """Somebody has taken the mark away meanwhile, and put a copy of before the change there."""
    browser, update = warm(signed_in()), durable.update
    old, copy = tab(browser), copied.raw(browser) or b""

    def slow(*args: Any) -> bool:
        monkeypatch.undo()
        written = update(*args)
        copied.put_raw(copied.name(old), copy)
        copied.cut_off()
        return written

    monkeypatch.setattr(durable, "update", slow)
    if new_key:
        visit(browser, lambda request: request.session.cycle_key())
    else:
        put(browser, colour="red")
    copied.back()

    assert copied.raw(old) == copy
    assert (who(old), colour(browser)) == ((None, "None") if new_key else (ALICE, "red"))


@pytest.mark.parametrize("lost", ["emptied", "cut off"])
@pytest.mark.parametrize("act", ["step up", "delete"])
def test_a_redis_that_is_lost_between_mark_and_commit_brings_no_dead_key_back(
    copied: Copied, monkeypatch: pytest.MonkeyPatch, act: str, lost: str
) -> None:
    """Somebody who has read the old row has put a copy of it where the mark was."""
    browser = warm(signed_in())
    old, copy, verb = tab(browser), copied.raw(browser) or b"", {"step up": "update", "delete": "delete"}[act]
    real = getattr(durable, verb)

    def slow(*args: Any) -> Any:
        monkeypatch.undo()
        done = real(*args)
        copied.put_raw(copied.name(old), copy)
        if lost == "cut off":
            copied.cut_off()
        return done

    monkeypatch.setattr(durable, verb, slow)
    if act == "delete":
        Session.objects.get().delete()
    else:
        visit(browser, lambda request: issue.step_up(request, request.user))
    copied.back()

    assert who(old) is None


def test_a_late_copy_whose_mark_is_gone_undoes_no_later_change(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has saved and not put its copy yet; another saves; Redis is emptied; the first puts."""
    browser, put_copy = warm(signed_in()), fast._put_changed

    def save(held: Any) -> Any:
        def slow(*args: Any, **more: Any) -> None:
            monkeypatch.undo()
            held.wait()
            put_copy(*args, **more)

        monkeypatch.setattr(fast, "_put_changed", slow)
        return put(tab(browser), colour="red")

    with beside(save):
        put(tab(browser), size=3)
        copied.server.empty()

    assert visit(browser, lambda request: request.session.get("size")).content == b"3"


def test_a_save_that_overtakes_a_delete_brings_nothing_back(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S2: it has put its mark over that of the delete, is committed before it, and puts its copy after it."""
    browser, mark, put_copy = warm(signed_in()), copies.Copies.mark, fast._put_changed

    def save(held: Any) -> Any:
        def slow(*args: Any, **more: Any) -> None:
            held.wait()
            put_copy(*args, **more)

        monkeypatch.setattr(fast, "_put_changed", slow)
        return put(tab(browser), colour="red")

    def overtaken(ours: Any, key_hash: str) -> tuple[str, str]:
        monkeypatch.undo()
        put_there = mark(ours, key_hash)
        stack.enter_context(beside(save))
        return put_there

    monkeypatch.setattr(copies.Copies, "mark", overtaken)
    with ExitStack() as stack:
        Session.objects.get().delete()

    assert who(browser) is None


def test_the_copy_under_a_replaced_key_is_dead(copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that is put later, by a request that had read the row under the old key."""
    browser, load = signed_in(), durable.load
    old = tab(browser)

    def request(held: Any) -> Any:
        def slow(key_hash: str) -> Any:
            row = load(key_hash)
            monkeypatch.undo()
            held.wait()
            return row

        monkeypatch.setattr(durable, "load", slow)
        return held_visit(tab(old), lambda request: request.user.email)

    with beside(request):
        visit(browser, lambda request: request.session.cycle_key())

    assert key(browser) != key(old)
    assert (who(old), who(browser)) == (None, ALICE)


@pytest.mark.parametrize("act", ["change", "new key", "delete"])
def test_what_cannot_be_marked_is_outdated_through_the_ledger(copied: Copied, act: str) -> None:
    """S4: Redis is cut off, not emptied, and comes back with what it had."""
    browser = warm(signed_in())
    old = tab(browser)
    do = {
        "change": lambda request: request.session.update({"colour": "red"}),
        "new key": lambda request: request.session.cycle_key(),
        "delete": lambda request: request.session.delete(),
    }[act]

    copied.cut_off()
    visit(browser, do)
    copied.back()

    assert copied.raw(old)
    assert colour(old) == ("red" if act == "change" else "None")
    assert (who(old), who(browser)) == {
        "change": (ALICE, ALICE),
        "new key": (None, ALICE),
        "delete": (None, None),
    }[act]


def test_what_cannot_be_marked_is_outdated_for_other_processes_too(copied: Copied) -> None:
    """They learn of it as of a changed person, from the ledger; a starting one as well."""
    browser = warm(signed_in())
    copied.cut_off()
    put(browser, colour="red")
    copied.back()

    standing.stop()

    assert colour(browser) == "red"


def test_what_a_redis_brings_back_after_a_restart_is_not_trusted(copied: Copied) -> None:
    """S4: saved and ended while it was down; then it starts with its old data."""
    kept, ended = warm(signed_in(alice())), warm(signed_in(bob()))
    copied.server.stop(keep=True)

    put(kept, colour="red")
    logins.end([Login.objects.get(user__email="bob@example.com").pk], reason=EndReason.LOGOUT)
    Login.objects.update(copy_version=0, changed_at=None)
    standing.stop()
    copied.server.start()
    copied.back()

    assert copied.raw(kept)
    assert copied.raw(ended)
    assert (colour(kept), who(ended)) == ("red", None)


def test_a_session_survives_a_redis_that_was_emptied(copied: Copied) -> None:
    browser = warm(signed_in())
    copied.server.empty()

    assert who(browser) == ALICE
    assert copied.raw(browser)


def test_a_redis_that_is_away_is_not_asked_each_time_and_nobody_notices(copied: Copied, noted: Noted) -> None:
    """S6"""
    browser = warm(signed_in())
    copied.cut_off()
    taken = copied.proxy.taken

    answers = [tab(browser).get("/api/me/") for _visit in range(20)]

    assert [(answer.status_code, touches_cookie(answer)) for answer in answers] == [(200, False)] * 20
    assert copied.proxy.taken - taken <= 2
    assert noted.names.count("session_copies_away") == 1
    copied.back()
    who(browser)
    assert noted.names[-1] == "session_copies_back"


def test_a_redis_that_does_not_answer_costs_one_request_its_patience(copied: Copied) -> None:
    browser = warm(signed_in())
    copied.proxy.holds()

    assert who(browser) == ALICE
    with statements(1), copied.round_trips(0):
        assert who(browser) == ALICE


def test_a_redis_that_is_full_is_read_and_nothing_is_lost(copied: Copied) -> None:
    browser = warm(signed_in())
    with copied.server.client() as client:
        client.config_set("maxmemory", 1)

    with statements(0):
        assert who(browser) == ALICE
    put(browser, colour="red")

    # Another process, which has not heard of the change yet, must not find it there.
    assert copied.raw(browser) is None
    assert colour(browser) == "red"


def test_a_redis_that_may_not_write_is_done_without(copied: Copied) -> None:
    browser = warm(signed_in())
    with copied.server.client() as client:
        client.replicaof("127.0.0.1", 1)

    put(browser, colour="red")

    assert (who(browser), colour(browser)) == (ALICE, "red")
    with copied.server.client() as client:
        client.replicaof("NO", "ONE")
    copied.back()
    assert colour(browser) == "red"


FORGED: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda value: value[:-3] + bytes([value[-3] ^ 1]) + value[-2:],
    "cut": lambda value: value[:-1],
    "longer": lambda value: value + b" ",
    "no seal": lambda value: b" ".join(value.split(b" ", 3)[:3]) + b" ",
    "zeros": lambda value: b" ".join(value.split(b" ", 3)[:3]) + b" " + bytes(100),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_copy_that_was_tampered_with_is_nobody_s_and_an_event(
    copied: Copied, noted: Noted, forged: str
) -> None:
    """S9"""
    browser = warm(signed_in())
    copied.put_raw(copied.name(browser), FORGED[forged](copied.raw(browser) or b""))

    with statements(1):
        assert who(browser) == ALICE

    assert "session_copy_tampered" in noted.names


def test_another_one_s_copy_is_not_accepted(copied: Copied) -> None:
    """S9"""
    mine, hers = warm(signed_in()), warm(signed_in(olga()))

    copied.put_raw(copied.name(mine), copied.raw(hers) or b"")

    assert who(mine) == ALICE


@pytest.mark.parametrize(
    "value", [b"", b"\0", b"mark", b"1 2 3", b"1 2 3 ", b"9 99999999999999 1 x", b"\xff" * 70]
)
def test_whatever_stands_in_redis_fails_no_request(copied: Copied, value: bytes) -> None:
    browser = warm(signed_in())

    copied.put_raw(copied.name(browser), value)

    assert who(browser) == ALICE


def test_another_kind_of_value_fails_no_request(copied: Copied) -> None:
    browser = warm(signed_in())
    with copied.server.client() as client:
        client.delete(copied.name(browser))
        client.lpush(copied.name(browser), "x")

    assert who(browser) == ALICE


def test_made_up_keys_and_visitors_put_nothing_into_redis(copied: Copied) -> None:
    """S7; an anonymous session has no Login of which standing would know, so it has no copy."""
    for _visitor in range(20):
        holding(durable_key()).get("/api/me/")
    browser = Client()
    put(browser, colour="red")

    assert colour(browser) == "red"
    assert copied.names() == []


def durable_key() -> str:
    return SessionStore()._get_new_session_key()


def test_redis_holds_nothing_that_can_be_put_into_a_cookie(copied: Copied) -> None:
    """S9"""
    browser = warm(signed_in())

    held = copied.name(browser).encode() + (copied.raw(browser) or b"")

    assert key(browser)[:20].encode() not in held
    assert who(holding(copied.name(browser)[-44:-1])) is None


def test_a_row_that_is_deleted_in_code_takes_its_copy_along(copied: Copied) -> None:
    one, other = warm(signed_in(alice())), warm(signed_in(bob()))

    Session.objects.get(login__user__email=ALICE).delete()
    Session.objects.all().delete()

    assert (who(one), who(other)) == (None, None)


def test_a_view_with_a_budget_of_nothing_asks_the_database(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an end that nobody was told of, a view that asks each time learns all the same."""
    browser = warm(signed_in())
    Login.objects.update(ended_at=timezone.now())

    assert who(browser) == ALICE
    monkeypatch.setattr(MeView, "standing_budget", timedelta(0), raising=False)
    assert who(browser) is None


def test_a_view_with_a_budget_of_nothing_asks_after_it_has_saved_too(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved is what the copy said of its person."""
    browser = warm(signed_in(olga()))
    User._base_manager.update(is_staff=False)
    monkeypatch.setattr(third_party.view, "standing_budget", timedelta(0), raising=False)

    def save_first(request: Any) -> bool:
        request.session["colour"] = "red"
        request.session.save()
        return bool(request.user.is_staff)

    assert visit(browser, save_first).content == b"False"


def test_beyond_the_budget_the_database_is_asked(copied: Copied, settings: Any) -> None:
    browser = warm(signed_in())
    settings.ACCOUNTS = conf.Accounts(standing_budget=timedelta(0))

    with statements(1):
        assert who(browser) == ALICE


def test_a_budget_that_runs_out_on_the_way_asks_nothing_in_an_event_loop(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was good a moment ago; the database must not be asked where that would hold up everybody."""
    browser, answers = warm(signed_in()), chain([True], repeat(False))
    monkeypatch.setattr(Standing, "is_within", lambda *_budget: next(answers))

    row = asyncio.run(fast.aload(keys.hashed(key(browser))))

    assert row
    assert row.is_copy


def test_what_is_in_use_vouches_anew_without_a_statement_on_the_path(copied: Copied) -> None:
    browser = warm(signed_in())
    first = copied.raw(browser)

    with time_machine.travel(timezone.now() + timedelta(minutes=4), tick=True):
        with statements(0):
            who(browser)
        left = copied.left_ms(browser)
        logins.writer.flush()
        assert copied.raw(browser) != first
        assert copied.left_ms(browser) <= left
    with time_machine.travel(timezone.now() + timedelta(minutes=8), tick=True), statements(0):
        assert who(browser) == ALICE


@pytest.mark.parametrize("what", ["ended", "marked", "changed", "nothing"])
def test_what_has_moved_on_does_not_vouch_anew(copied: Copied, what: str) -> None:
    browser = warm(signed_in())
    login = Login.objects.get()
    name, copy = copied.name(browser), copied.raw(browser) or b""
    if what == "ended":
        Login.objects.update(ended_at=timezone.now())
    elif what == "marked":
        copied.put_raw(name, copy := b"mark 1")
    elif what == "changed":
        idle, last, _version, rest = copy.split(b" ", 3)
        copied.put_raw(name, copy := b" ".join((idle, last, b"99", rest)))
    else:
        copied.server.empty()

    fast.renew([login.pk])

    assert copied.raw(browser) == (None if what == "nothing" else copy)


def test_whoever_becomes_an_operator_has_the_shorter_times_at_once(copied: Copied) -> None:
    person, chosen = alice(), sessions_conf.current()
    browser = warm(signed_in(person))

    User.objects.filter(pk=person.pk).update(is_staff=True)
    warm(browser)

    assert copied.left_ms(browser) <= chosen.staff_idle_timeout / timedelta(milliseconds=1)
