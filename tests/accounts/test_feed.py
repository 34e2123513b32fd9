"""News is told after the commit, to everybody who follows, and nobody's failure keeps it from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from accounts import feed, logins
from accounts.feed import News, Topic
from accounts.logins import EndReason, Login
from tests.accounts.rows import a_login, taken_back

Aside = Callable[[Callable[[], Any]], "Future[Any]"]


@pytest.fixture
def follow() -> Iterator[Callable[[Callable[[News], None]], None]]:
    """As `feed.follow`, until the test ends."""
    before = list(feed._followers)
    yield feed.follow
    feed._followers[:] = before


def fail(_news: News) -> None:
    """A follower that is broken."""
    raise ZeroDivisionError


def test_news_is_told_once_the_transaction_has_been_committed(news: list[News]) -> None:
    ended, changed = uuid4(), (uuid4(), 7)

    with transaction.atomic():
        feed.publish(ended=[ended], changed=[changed])
        told_inside = list(news)

    assert told_inside == []
    assert news == [News(ended=(ended,), changed=(changed,))]


def test_a_follower_finds_the_end_committed(follow: Any, aside: Aside) -> None:
    login, seen = a_login(), []

    def look(told: News) -> None:
        mine = Login.objects.filter(pk__in=told.ended)
        seen.append(aside(lambda: mine.get().end_reason).result(timeout=10))

    follow(look)
    logins.end([login.pk], reason=EndReason.LOGOUT)

    assert seen == [EndReason.LOGOUT]


def test_what_is_rolled_back_was_never_news(news: list[News]) -> None:
    login = a_login()

    with taken_back():
        logins.end([login.pk], reason=EndReason.LOGOUT)

    login.refresh_from_db()
    assert (news, login.ended_at) == ([], None)


def test_a_follower_that_raises_fails_no_end_and_no_other_follower(follow: Any, news: list[News]) -> None:
    """Feed 10."""
    login = a_login()
    feed._followers.insert(0, fail)

    ended = logins.end([login.pk], reason=EndReason.LOGOUT)

    assert (ended, [one.ended for one in news]) == (1, [(login.pk,)])
    assert not Login.objects.live().exists()


def test_a_follower_that_follows_twice_is_told_once(follow: Any) -> None:
    told: list[News] = []
    follow(told.append)
    follow(told.append)

    feed.publish(ended=[uuid4()])

    assert len(told) == 1


def test_nothing_is_no_news(news: list[News]) -> None:
    feed.publish()
    logins.end([], reason=EndReason.LOGOUT)
    logins.end([uuid4()], reason=EndReason.LOGOUT)

    assert news == []


def test_a_topic_is_a_row_that_moves_with_each_publication(news: list[News]) -> None:
    feed.publish(topics=["keys"])
    first = Topic.objects.get()
    feed.publish(topics=["keys"])

    second = Topic.objects.get()
    assert (first.pk, first.version) == (feed.topic_id("keys"), 1)
    assert second.version == 2
    assert second.changed_at >= first.changed_at
    assert [one.topics for one in news] == [((first.pk, 1),), ((first.pk, 2),)]


def test_a_topic_of_a_transaction_that_is_rolled_back_has_not_moved() -> None:
    with taken_back():
        feed.publish(topics=["keys"])

    assert not Topic.objects.exists()
