"""How often somebody may try: counters per account and per address, shared by every door and every process.

An attempt is counted before its password is looked at, and given back when it was right. The other way
round, fifty parallel attempts would all pass before the first is counted (NIST SP 800-63B-4 section
3.2.2, ASVS 6.3.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts import batches, conf, events, mac, people
from accounts.errors import TooManyAttempts

LONGEST_ACCOUNT = 512


class Attempts(models.Model):
    """One counter. Its key is a keyed hash, so that the table names no person and no address."""

    key = models.CharField(max_length=32, primary_key=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    blocked_until = models.DateTimeField(null=True, editable=False)
    began_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    class Meta:
        app_label = "accounts"
        verbose_name = _("counter of attempts")
        verbose_name_plural = _("counters of attempts")

    def __str__(self) -> str:
        return self.key


class _Rule(NamedTuple):
    """One kind of counter: what is free, where it stops hard, which instant must be old to start anew."""

    free: int
    hard_stop: int | None
    since: str


def reserve(*, account: str, address: str | None, purpose: str = "password") -> int:
    """Count an attempt about to be made; or count nothing and raise TooManyAttempts (`wait` in seconds).

    Returns how many the account has failed before it.

    `account` is what was typed, known or not, so no counter tells which accounts exist. An IPv6 `address`
    counts with its /64; None counts for the account alone. Each `purpose` has counters of its own. The
    count is committed on return, unless the caller has a transaction open and rolls it back. Costs 4
    statements, 1 when refused.
    """
    keys = _keys(account, address, purpose)
    _refuse_or_prepare(keys)
    while (counted := _counted(keys)) is None:
        # Somebody else was quicker, and may have closed the door.
        _refuse_or_prepare(keys)
    if "account" in keys and counted == conf.current().hard_stop_failures:
        # The keyed hash of what was typed: the person may not exist.
        events.note("authn_login_lock", account=keys["account"], failures=counted)
    return counted - 1


def forgive(*, account: str, address: str | None, purpose: str = "password") -> None:
    """Take back a reservation that came out well: the account starts anew, the address gets this one back.

    Not more, or a thief would wipe the count of his address by signing in to an account of his own in
    between.
    """
    keys = _keys(account, address, purpose)
    with transaction.atomic():
        Attempts.objects.filter(pk=keys["account"]).update(failures=0, blocked_until=None)
        # Only this reservation can have made the block: none is granted while another's stands.
        from_address = Attempts.objects.filter(pk=keys.get("address"), failures__gt=0)
        from_address.update(failures=F("failures") - 1, blocked_until=None)


def reset(*, account: str, purpose: str = "password") -> None:
    """Let an account start anew, because its owner has just set a new password through a link."""
    keys = _keys(account, None, purpose)
    Attempts.objects.filter(pk=keys["account"]).update(failures=0, blocked_until=None)


def prune(before: datetime) -> Iterator[int]:
    """Delete the counters that last counted before this instant and block nobody now; yields how many.

    Commits in batches. An instant later than `hard_stop_delay` ago lets counters start anew too early. Passes
    over a counter that somebody counts at: he holds one and may wait for another, and to wait for him in turn
    would be a deadlock.
    """
    idle = Attempts.objects.filter(changed_at__lt=before).exclude(blocked_until__gt=Now())
    return batches.each(idle, by="changed_at", take=lambda keys: idle.filter(pk__in=keys).delete()[0])


def _refuse_or_prepare(keys: dict[str, str]) -> None:
    """Raise when a counter blocks; else see to it that each exists and does not carry what has faded.

    It takes no lock, so whoever hammers at a blocked door costs one read and never SQLite's only write lock.
    """
    fields = ("key", "blocked_until", "began_at", "changed_at")
    rows = {
        row["key"]: row for row in Attempts.objects.filter(pk__in=keys.values()).values(*fields, now=Now())
    }
    waits = [row["blocked_until"] - row["now"] for row in rows.values() if row["blocked_until"]]
    if (wait := max(waits, default=timedelta())) > timedelta():
        raise TooManyAttempts(wait=ceil(wait.total_seconds()))
    if missing := [Attempts(key=key) for key in keys.values() if key not in rows]:
        Attempts.objects.bulk_create(missing, ignore_conflicts=True)
    for kind, key in keys.items():
        since = _rule(kind).since
        if key in rows and rows[key][since] <= (faded := rows[key]["now"] - conf.current().hard_stop_delay):
            # The condition again: of two that see the same old count only the first may wipe it.
            stale = Attempts.objects.filter(Q((f"{since}__lte", faded)), pk=key)
            stale.update(failures=0, blocked_until=None, began_at=Now(), changed_at=Now())


def _counted(keys: dict[str, str]) -> int | None:
    """Count at each counter; how many the account's is at then.

    None, and nothing is counted, when one has closed or gone since the look.
    """
    still_open = Q(blocked_until=None) | Q(blocked_until__lte=Now())
    with transaction.atomic():
        # The first statement writes, so SQLite lets nobody in between. PostgreSQL locks in this order.
        for key in keys.values():
            if not Attempts.objects.filter(still_open, pk=key).update(
                failures=F("failures") + 1, changed_at=Now()
            ):
                transaction.set_rollback(True)
                return None
        rows = Attempts.objects.filter(pk__in=keys.values()).values_list("key", "failures", Now())
        found = {key: (failures, now) for key, failures, now in rows}
        for kind, key in keys.items():
            failures, now = found[key]
            if delay := _delay(failures, _rule(kind)):
                Attempts.objects.filter(pk=key).update(blocked_until=now + delay)
    failures, _now = found[next(iter(keys.values()))]
    return int(failures)


def _rule(kind: str) -> _Rule:
    # An address that many people share is never quiet, so its count lasts a fixed time from its beginning.
    allowed = conf.current()
    if kind == "account":
        return _Rule(free=allowed.free_failures, hard_stop=allowed.hard_stop_failures, since="changed_at")
    if kind == "asked":
        # Nothing can be guessed by asking for mail, and a stop would keep the owner from getting in again.
        return _Rule(free=allowed.free_failures, hard_stop=None, since="changed_at")
    return _Rule(free=allowed.address_free_failures, hard_stop=None, since="began_at")


def _delay(failures: int, rule: _Rule) -> timedelta:
    if rule.hard_stop is not None and failures >= rule.hard_stop:
        return conf.current().hard_stop_delay
    if failures < rule.free:
        return timedelta()
    doublings = min(failures - rule.free, 30)
    return min(timedelta(seconds=2**doublings), conf.current().longest_delay)


def _keys(account: str, address: str | None, purpose: str) -> dict[str, str]:
    """The key of each counter by its kind, in the order in which they are locked: address last."""
    named = {"account" if purpose == "password" else "asked": people.email_key(account[:LONGEST_ACCOUNT])}
    if address is not None:
        named["address"] = _network(address)
    return {
        kind: mac.fingerprint("throttle", f"{purpose}:{kind}:{name}".encode("utf-8", "surrogatepass"))
        for kind, name in named.items()
    }


def _network(address: str) -> str:
    found = ip_address(address)
    # The smallest network that a provider hands out: everybody in it may use any of its addresses.
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
