"""What a process knows, how old that is, and that it refuses to vouch when it cannot know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection

from accounts import feed, flows, standing
from accounts.errors import StandingUnknown
from accounts.feed import News
from accounts.known import Known
from accounts.logins import Login
from accounts.models import User
from accounts.standing import Answer
from tests.accounts.rows import a_login, a_person, asked, check, end, some_logins

HORIZON = flows.horizon().total_seconds()


def gone(_execute: Any, *_args: Any) -> Any:
    """Every statement of the request's own connection fails."""
    raise OperationalError("the server is gone")


def test_a_login_that_stands_is_good_and_an_ended_one_is_ended() -> None:
    ended, other = some_logins(2)
    before = check(ended)

    end(ended)

    assert (before, check(ended), check(other)) == (Answer.GOOD, Answer.ENDED, Answer.GOOD)


def test_a_lower_version_is_stale_and_a_higher_one_is_good() -> None:
    """A higher one says that this process is behind."""
    login = a_login()
    before = check(login, version=1)

    User.objects.update(is_staff=True)

    assert before is Answer.GOOD
    assert [check(login, version=n) for n in (1, 2, 3)] == [Answer.STALE, Answer.GOOD, Answer.GOOD]


def test_an_ended_login_of_a_changed_person_is_ended_and_not_stale() -> None:
    login = a_login()
    check(login)

    User.objects.update(is_active=False)

    assert check(login, version=1) is Answer.ENDED


@pytest.mark.usefixtures("no_reader")
def test_within_the_budget_a_check_costs_no_sql(django_assert_num_queries: Any) -> None:
    login = a_login()
    check(login)

    with django_assert_num_queries(0):
        answers = {check(login) for _ in range(50)}

    assert answers == {Answer.GOOD}
    assert standing.here().asked == 0


@pytest.mark.usefixtures("no_reader")
def test_beyond_the_budget_each_request_asks_the_ledger_and_is_counted(
    clock: Callable[[float], None], django_assert_num_queries: Any
) -> None:
    good, ended = some_logins(2)
    standing.freshen()
    clock(6)
    Login.objects.filter(pk=ended.pk).update(ended_at=ended.started_at)

    with django_assert_num_queries(3):
        answers = [standing.check(one.pk, user=one.user_uuid, version=1) for one in (good, ended, good)]

    assert answers == [Answer.GOOD, Answer.ENDED, Answer.GOOD]
    assert standing.here().asked == 3


@pytest.mark.usefixtures("no_reader")
@pytest.mark.parametrize(("age", "expected"), [(4.5, 0), (5.5, 1)])
def test_the_budget_is_five_seconds(age: float, expected: int, clock: Callable[[float], None]) -> None:
    login = a_login()
    standing.freshen()
    clock(age)

    assert asked(lambda: standing.check(login.pk, user=login.user_uuid, version=1)) == expected


def test_a_budget_of_nothing_asks_every_time() -> None:
    login = a_login()

    assert asked(lambda: [check(login, budget=timedelta(0)) for _ in range(3)]) == 3


@pytest.mark.usefixtures("no_reader")
def test_a_shorter_budget_is_the_callers_to_choose(clock: Callable[[float], None]) -> None:
    login = a_login()
    standing.freshen()
    clock(2)

    def ask(budget: timedelta) -> None:
        standing.check(login.pk, user=login.user_uuid, version=1, budget=budget)

    assert asked(lambda: ask(timedelta(seconds=1))) == 1
    assert asked(lambda: ask(timedelta(seconds=3))) == 0


def test_a_process_that_has_never_read_asks() -> None:
    login = a_login()

    assert asked(lambda: standing.check(login.pk, user=login.user_uuid, version=1)) == 1


def test_the_ledger_tells_ended_stale_unknown_and_orphaned(
    django_assert_num_queries: Any,
) -> None:
    good, ended, expired, orphaned = some_logins(4)
    Login.objects.filter(pk=ended.pk).update(ended_at=ended.started_at)
    Login.objects.filter(pk=expired.pk).update(expires_at=expired.started_at)
    Login.objects.filter(pk=orphaned.pk).update(user=None)
    User._base_manager.update(version=5)

    def answer(login: UUID, version: int) -> Answer:
        return standing.check(login, user=good.user_uuid, version=version, budget=timedelta(0))

    assert [answer(good.pk, version) for version in (4, 5, 6)] == [Answer.STALE, Answer.GOOD, Answer.GOOD]
    assert {answer(who, 5) for who in (ended.pk, expired.pk, orphaned.pk, uuid4())} == {Answer.ENDED}
    with django_assert_num_queries(1):
        answer(good.pk, 5)


@pytest.mark.usefixtures("no_reader")
def test_a_ledger_that_cannot_be_asked_makes_it_refuse_to_vouch(clock: Callable[[float], None]) -> None:
    """Never open: 503."""
    login = a_login()
    standing.freshen()
    clock(6)

    with connection.execute_wrapper(gone), pytest.raises(StandingUnknown) as caught:
        standing.check(login.pk, user=login.user_uuid, version=1)

    assert (caught.value.status_code, caught.value.wait) == (503, 1)


@pytest.mark.usefixtures("no_reader")
def test_hearing_news_makes_nothing_younger(clock: Callable[[float], None]) -> None:
    """Feed 8: a fresh feed is not fresh knowledge."""
    login = a_login()
    standing.freshen()
    clock(3)

    standing.hear(News(ended=(login.pk,)))

    assert standing.here().known.has_ended(login.pk.bytes)
    age = standing.here().age()
    assert age is not None
    assert age >= 3


def test_late_lost_and_repeated_news_changes_no_answer() -> None:
    login, person = a_login(), a_person()
    for news in (
        News(changed=((person.pk, 3),)),
        News(changed=((person.pk, 2),)),
        News(changed=((person.pk, 3),)),
    ):
        standing.hear(news)
        standing.hear(News(ended=(login.pk,)))

    known = standing.here().known
    assert known.version(person.pk.bytes) == 3
    assert known.has_ended(login.pk.bytes)
    assert sum(len(bucket) for _minute, bucket in known._ended) == 1


@pytest.mark.usefixtures("no_reader")
def test_what_it_learned_is_kept_for_a_horizon_and_then_forgotten(clock: Callable[[float], None]) -> None:
    """No copy vouches for longer, so nobody asks for it any more; else the knowledge would grow for ever."""
    login = a_login()
    check(login)
    end(login)
    standing.hear(News(changed=((login.user_uuid, 9),)))
    Login.objects.update(changed_at=None)

    clock(HORIZON - 1)
    standing.here()._read()
    kept = check(login)
    clock(62)
    standing.here()._read()

    known = standing.here().known
    assert kept is Answer.ENDED
    assert (known.has_ended(login.pk.bytes), known.version(login.user_uuid.bytes)) == (False, 0)
    assert (known._ended, known._versions) == ((), ())


def test_knowledge_forgets_by_the_minute_in_which_it_was_learned() -> None:
    known = Known()
    known.learn(ended=[b"a" * 16], versions=[(b"u", 2)], now=59)
    known.learn(ended=[b"b" * 16], versions=[(b"u", 3)], now=60)

    known.forget(before=60)

    assert (known.has_ended(b"a" * 16), known.has_ended(b"b" * 16), known.version(b"u")) == (False, True, 3)


def test_the_age_is_none_before_the_first_read_and_small_after_it() -> None:
    never = standing.here().age()

    age = standing.age()

    assert never is None
    assert age is not None
    assert age < 1


def test_a_topic_published_here_calls_back_after_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(standing, "_topics", {})
    standing.on_topic("locks", lambda: calls.append(1))

    feed.publish(topics=["locks"])
    feed.publish(topics=["doors"])

    assert calls == [1]
