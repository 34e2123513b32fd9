"""The news: what has just ended or changed, told after the commit to everybody in this process who follows.

News only makes refusals quicker. Late, lost or repeated news changes nothing but the delay: the ledger is
read anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now


@dataclass(kw_only=True)
class Wanted:
    """How far the news has come whose receipt somebody wants (`accounts.receipt`), in Logins that have ended.

    Not safe for threads: one thread ends under one receipt.
    """

    key: bytes = field(default_factory=lambda: os.urandom(16))
    published: int = 0
    committed: int = 0
    pushed: int = 0
    # Entries of the stream, numbered, so that one that comes twice counts once.
    entries: int = 0


# Whoever publishes while it is set wants a receipt.
wanted: ContextVar[Wanted | None] = ContextVar("wanted", default=None)


@dataclass(frozen=True, kw_only=True)
class News:
    """Logins that have ended, and people and topics with the version that they have moved to."""

    ended: tuple[UUID, ...] = ()
    changed: tuple[tuple[UUID, int], ...] = ()
    topics: tuple[tuple[UUID, int], ...] = ()
    wanted: Wanted | None = field(default=None, compare=False)


class Topic(models.Model):
    """Something small of which every process keeps a copy (a key ring, say), stamped at each change."""

    id = models.UUIDField(primary_key=True)
    version = models.PositiveBigIntegerField(default=1)
    changed_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["changed_at", "id"], name="topic_changed"),)

    def __str__(self) -> str:
        return str(self.id)


_followers: list[Callable[[News], None]] = []


def topic_id(name: str) -> UUID:
    """The id under which a topic's changes are published."""
    return uuid5(NAMESPACE_URL, f"topic:{name}")


def follow(follower: Callable[[News], None]) -> None:
    """Have `follower` called with the news of this process, after each commit that published some."""
    if follower not in _followers:
        _followers.append(follower)


def publish(
    *, ended: Iterable[UUID] = (), changed: Iterable[tuple[UUID, int]] = (), topics: Iterable[str] = ()
) -> None:
    """Tell the news, if any, once the current transaction is committed, at once when there is none.

    A follower that raises is logged; it fails neither what was committed nor the other followers.
    """
    moved = tuple(_moved(topic_id(name)) for name in topics)
    news = News(ended=tuple(ended), changed=tuple(changed), topics=moved, wanted=wanted.get())
    if news != News():
        if news.ended and news.wanted:
            _count(news.wanted, len(news.ended))
        for follower in _followers:
            transaction.on_commit(_telling(follower, news), robust=True)


def _count(receipt: Wanted, ended: int) -> None:
    receipt.published += ended

    def commit() -> None:
        receipt.committed += ended

    transaction.on_commit(commit)


def _moved(topic: UUID) -> tuple[UUID, int]:
    moved = {"version": F("version") + 1, "changed_at": Now()}
    Topic.objects.update_or_create(id=topic, defaults=moved, create_defaults={"changed_at": Now()})
    return topic, Topic.objects.values_list("version", flat=True).get(id=topic)


def _telling(follower: Callable[[News], None], news: News) -> Callable[[], None]:
    # No functools.partial: when a robust callback raises, Django asks for its name, and fails itself without.
    def tell() -> None:
        follower(news)

    return tell
