"""Sessions with a copy in Redis in front of the database, so that a request costs one round trip and no SQL.

The verbs are those of `durable`, which holds the truth. A copy is trusted as long as it may vouch, and only
where standing knows nothing newer of its Login, its person or itself. A copy that a change cannot mark,
because Redis is away, is outdated through the ledger, in the transaction of that change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from accounts import conf as accounts_conf
from accounts import events, logins, standing
from sessions_stateful import conf, copies, durable, sealed
from sessions_stateful.copies import Away, Copies, Found
from sessions_stateful.durable import Row

if TYPE_CHECKING:
    from accounts.standing import Standing

# Clocks of two hosts may differ by so much.
LEEWAY = timedelta(seconds=30)
# Later than any: of what is deleted, no copy is good.
NO_VERSION = 2**63 - 1

insert, exists, was_replaced = durable.insert, durable.exists, durable.was_replaced
delete_expired = durable.delete_expired


def horizon() -> timedelta:
    """How long after it was read a copy may vouch, on any host."""
    return conf.current().copy_lifetime + 2 * LEEWAY


def load(key_hash: str) -> Row | None:
    """As `durable.load`, in one round trip while there is a copy that is good, and no SQL."""
    held = _copies()
    mine = standing.freshen()
    try:
        found = held.load(key_hash)
    except Away:
        return durable.load(key_hash)
    return _good(found, key_hash, mine) or _reread(held, found, key_hash)


async def aload(key_hash: str) -> Row | None:
    """As `load`; another thread is asked only for what needs SQL."""
    held = _copies()
    mine = await standing.afreshen()
    try:
        found = await held.aload(key_hash)
    except Away:
        return await sync_to_async(durable.load)(key_hash)
    return _good(found, key_hash, mine) or await sync_to_async(_reread)(held, found, key_hash)


def _good(found: Found, key_hash: str, mine: Standing) -> Row | None:
    """What a copy says, if it can be trusted."""
    if found.copy is None:
        return None
    row = sealed.read(found.copy, key_hash=key_hash, node=found.node)
    if row is None or row.login is None or row.user is None or row.read_at is None:
        return None
    age = timezone.now() - row.read_at
    if not -LEEWAY <= age <= conf.current().copy_lifetime:
        return None
    if not mine.is_within(accounts_conf.current().standing_budget_seconds):
        mine.asked += 1
        return None
    return row if is_current(row, mine) else None


def is_current(row: Row, mine: Standing) -> bool:
    """Whether nothing newer is known of this session, its Login and its person."""
    login, person = row.login_id, row.user
    if login is None or person is None or mine.known.version(login.bytes) > row.own["version"]:
        return False
    who, version = person[durable.public_id_column()], person["version"]
    # It is, because it was a moment ago: asking once more might ask the database, in an event loop too.
    return mine.judge(login, user=who, version=version, is_fresh=True) is standing.Answer.GOOD


def _reread(held: Copies, found: Found, key_hash: str) -> Row | None:
    row = durable.load(key_hash)
    if row is None or row.read_at is None or found.is_marked or row.refusal(grace=conf.current().idle_grace):
        return row
    # After the commit: what a transaction reads it may have written itself, and it may be rolled back.
    _after_commit(partial(_put_read, held, row, node=found.node, since=row.read_at.timestamp()))
    return row


def _put_read(held: Copies, row: Row, *, node: str, since: float) -> None:
    # That it cannot be put costs the next request a statement, and nothing else.
    with suppress(Away):
        _put(held, row, node=node, since=since)


def _after_commit(do: Callable[[], None]) -> None:
    # A partial will not do: when a robust callback raises, Django asks for its name, and fails without.
    def after() -> None:
        do()

    transaction.on_commit(after, robust=True)


def update(row: Row, values: dict[str, Any]) -> bool:
    """As `durable.update`; its copy is marked before, and one of what was stored put after.

    None under a new key, which is given when the person has just changed, perhaps: the database is asked. The
    old key must be dead whatever anybody puts into Redis, so this is told through the ledger as well.
    """
    if row.login_id is None:
        return durable.update(row, values)
    held, version = _copies(), row.own["version"] + 1
    mark = node = None
    with suppress(Away):
        mark, node = held.mark(row.own["key_hash"])
    if mark is None or node is None or values["key_hash"] != row.own["key_hash"]:
        # A key that dies is outdated in any case: a mark can be lost, and with it the only word of that.
        with transaction.atomic():
            logins.outdate(row.login_id, version=version)
            return durable.update(row, values)
    done = durable.update(row, values)
    new = replace(row, own={**row.own, **values, "version": version}) if done and row.read_at else None
    put = partial(_put_changed, held, new, mark=mark, node=node) if new else None
    _after_commit(put or partial(_settle, held, row, mark=mark))
    return done


def _put_changed(held: Copies, row: Row, *, mark: str, node: str) -> None:
    # Sealed to the server that took the mark: another one, by now, may have lost what was changed since.
    with _outdating(row.login_id, version=row.own["version"]):
        _put(held, row, node=node, since=time.time(), mark=mark)


def _put(held: Copies, row: Row, *, node: str, since: float, mark: str = "") -> None:
    if row.login is None or row.user is None or row.read_at is None:
        return
    lives = _end(row) - timezone.now()
    if lives <= timedelta(0):
        return
    held.put(
        row.own["key_hash"],
        _value(row, node=node),
        version=row.own["version"],
        stays_ms=_milliseconds(min(lives, row.login["idle_timeout"])),
        until_ms=int(since * 1000) + copies.PUT_WITHIN_MS,
        mark=mark,
    )


def _settle(held: Copies, row: Row, *, mark: str) -> None:
    """Let others put copies again, but none of the version that was changed, by us or by who was quicker."""
    with _outdating(row.login_id, version=row.own["version"] + 1):
        held.settle(row.own["key_hash"], version=row.own["version"] + 1, mark=mark)


@contextmanager
def _outdating(login: UUID | None, *, version: int) -> Iterator[None]:
    """After a change: where Redis is away by now, what it may hold is outdated through the ledger."""
    try:
        yield
    except Away:
        if login is not None:
            logins.outdate(login, version=version)


def _value(row: Row, *, node: str) -> bytes:
    idle = _milliseconds(row.login["idle_timeout"]) if row.login else 0
    last = int(_end(row).timestamp() * 1000)
    return f"{idle} {last} {row.own['version']} ".encode() + sealed.write(row, node=node)


def _end(row: Row) -> datetime:
    """When it is over, used or not."""
    end: datetime = row.own["expires_at"]
    return min(end, row.login["expires_at"]) if row.login else end


def _milliseconds(span: timedelta) -> int:
    return max(1, span // timedelta(milliseconds=1))


def delete(key_hash: str) -> None:
    """As `durable.delete`; no copy speaks for it afterwards, though its Login may live on."""
    with suppress(Away):
        _copies().mark(key_hash)
    with transaction.atomic():
        # Through the ledger in any case: a save that is committed before this may put its copy after it.
        row = durable.load(key_hash)
        if row is not None and row.login_id is not None:
            logins.outdate(row.login_id, version=NO_VERSION)
        durable.delete(key_hash)


def delete_of(login_ids: Collection[UUID]) -> None:
    """As `durable.delete_of`. Standing refuses the copies of ended Logins; to save room they go, too."""
    hashes = durable.keys_of(login_ids)
    durable.delete_of(login_ids)
    _after_commit(partial(_remove, _copies(), hashes))


def _remove(held: Copies, hashes: list[str]) -> None:
    with suppress(Away):
        held.remove(hashes)


def renew(login_ids: Collection[UUID]) -> None:
    """Have the copies of these Logins vouch anew, in one statement; those that have ended get none."""
    held = _copies()
    try:
        # Before the rows are read: one that takes over meanwhile may hold copies that a change has marked.
        node_of = held.nodes()
    except Away:
        events.note("session_copies_not_renewed", count=len(login_ids))
        return
    missed = sum(not _renew(held, row, node_of) for row in durable.load_of(login_ids))
    if missed:
        events.note("session_copies_not_renewed", count=missed)


def _renew(held: Copies, row: Row, node_of: Callable[[str], str]) -> bool:
    key_hash: str = row.own["key_hash"]
    try:
        held.renew(key_hash, _value(row, node=node_of(key_hash)), version=row.own["version"])
    except Away:
        return False
    return True


def _copies() -> Copies:
    held = copies.here()
    if held is None:
        raise RuntimeError("There is no Redis for sessions: SESSIONS_STATEFUL.redis_url is empty.")
    return held
