"""Who guesses has to wait; whoever is right, or comes back with a new password, does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, models, transaction
from django.db.models import F
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import batches, people, throttle
from accounts.conf import Accounts
from accounts.errors import TooManyAttempts
from accounts.throttle import Attempts

ALICE, BOB = "alice@example.com", "bob@example.com"
HOME, ELSEWHERE = "203.0.113.9", "198.51.100.7"
DAY = timedelta(hours=24)
STRICT = Accounts(free_failures=5, hard_stop_failures=5)


def fail(
    account: str = ALICE, address: str | None = HOME, *, times: int = 1, purpose: str = "password"
) -> None:
    """Guess wrong, so many times."""
    for _ in range(times):
        throttle.reserve(account=account, address=address, purpose=purpose)


def refused(account: str = ALICE, address: str | None = HOME, *, purpose: str = "password") -> int:
    """The seconds that an attempt has to wait; 0 when it was let in and counted."""
    try:
        throttle.reserve(account=account, address=address, purpose=purpose)
    except TooManyAttempts as refusal:
        return refusal.wait or -1
    return 0


def let_pass(time: timedelta) -> None:
    """As if this time had passed, by the database's clock."""
    instants = ("blocked_until", "began_at", "changed_at")
    Attempts.objects.update(**{name: F(name) - time for name in instants})


def block_of_latest() -> timedelta:
    """How long the counter that changed last blocks, to the second."""
    latest = Attempts.objects.order_by("-changed_at", "-failures")[0]
    if latest.blocked_until is None:
        return timedelta()
    return timedelta(seconds=round((latest.blocked_until - latest.changed_at).total_seconds()))


@override_settings(ACCOUNTS=STRICT)
def test_the_first_five_attempts_are_free_and_the_sixth_waits() -> None:
    fail(times=5)

    assert refused(address=ELSEWHERE)
    assert not refused(account=BOB)


@override_settings(ACCOUNTS=STRICT)
def test_whoever_waits_as_long_as_told_is_let_in() -> None:
    fail(times=5)

    let_pass(timedelta(milliseconds=500))
    assert refused() == DAY.total_seconds()
    let_pass(DAY)
    assert not refused()


def test_each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour() -> None:
    fail(address=None, times=4)
    waits = []

    for _ in range(13):
        fail(address=None)
        waits.append(block_of_latest().total_seconds())
        let_pass(timedelta(minutes=16))

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


@override_settings(ACCOUNTS=STRICT)
def test_an_attempt_that_is_refused_counts_nothing_and_prolongs_nothing() -> None:
    fail(times=5)
    before = list(Attempts.objects.order_by("key").values())

    assert all(refused() for _ in range(10))
    assert list(Attempts.objects.order_by("key").values()) == before


def test_what_one_counter_refuses_the_other_does_not_count() -> None:
    with override_settings(ACCOUNTS=STRICT):
        fail(times=5)
        assert refused(address=ELSEWHERE)

    with override_settings(ACCOUNTS=Accounts(address_free_failures=1)):
        assert not refused(account=BOB, address=ELSEWHERE)


def test_the_hundredth_failure_in_a_row_stops_for_a_day_and_then_all_is_new() -> None:
    fail(address=None)
    Attempts.objects.update(failures=98)
    fail(address=None)
    let_pass(timedelta(minutes=16))
    fail(address=None)

    assert block_of_latest() == DAY
    let_pass(DAY - timedelta(minutes=1))
    assert 0 < refused(address=None) <= 60
    let_pass(timedelta(minutes=2))
    fail(address=None, times=5)
    assert Attempts.objects.get().failures == 5


def test_an_account_that_was_quiet_for_a_day_starts_anew() -> None:
    fail(address=None, times=4)

    let_pass(DAY - timedelta(minutes=1))
    fail(address=None)
    assert Attempts.objects.get().failures == 5
    let_pass(DAY)
    fail(address=None)
    assert Attempts.objects.get().failures == 1


def test_an_address_that_is_never_quiet_starts_anew_a_day_after_it_began() -> None:
    with override_settings(ACCOUNTS=Accounts(free_failures=1000, address_free_failures=1000)):
        for hours in (12, 11, 2):
            fail()
            let_pass(timedelta(hours=hours))
        fail()

    assert sorted(Attempts.objects.values_list("failures", flat=True)) == [1, 4]


def test_success_resets_the_account_and_gives_the_address_back_one() -> None:
    fail(times=4)
    throttle.forgive(account=ALICE, address=HOME)

    assert sorted(Attempts.objects.values_list("failures", flat=True)) == [0, 3]


def test_success_lifts_the_block_that_its_own_reservation_made() -> None:
    with override_settings(ACCOUNTS=Accounts(free_failures=5, address_free_failures=5)):
        fail(times=5)
        throttle.forgive(account=ALICE, address=HOME)

        assert not refused()
        assert sorted(Attempts.objects.values_list("failures", flat=True)) == [1, 5]


def test_signing_in_to_an_own_account_in_between_frees_no_guesses_from_that_address() -> None:
    for number in range(4):
        fail(account=f"victim{number}@example.com")
        throttle.reserve(account=BOB, address=HOME)
        throttle.forgive(account=BOB, address=HOME)

    assert Attempts.objects.order_by("-failures")[0].failures == 4


def test_success_without_a_reservation_or_an_address_harms_nothing() -> None:
    throttle.forgive(account=ALICE, address=HOME)
    fail()
    for address in (HOME, HOME, None):
        throttle.forgive(account=ALICE, address=address)

    assert [row.failures for row in Attempts.objects.all()] == [0, 0]


def test_guesses_at_many_accounts_are_counted_at_their_address() -> None:
    with override_settings(ACCOUNTS=Accounts(address_free_failures=50)):
        for number in range(50):
            fail(account=f"person{number}@example.com")

    assert Attempts.objects.order_by("-failures")[0].failures == 50
    assert block_of_latest() == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("203.0.113.9", "203.0.113.10", False),
    ],
)
def test_an_ipv6_network_is_one_address_and_an_ipv4_address_too(one: str, other: str, *, same: bool) -> None:
    fail(account=ALICE, address=one)
    fail(account=BOB, address=other)

    assert max(Attempts.objects.values_list("failures", flat=True)) == (2 if same else 1)


@pytest.mark.parametrize("spelling", ["ALICE@Example.COM", " alice@example.com ", "ａｌｉｃｅ@example.com"])
def test_every_spelling_of_an_account_shares_its_counter(spelling: str) -> None:
    fail(account=ALICE, address=None)
    fail(account=spelling, address=None)

    assert [row.failures for row in Attempts.objects.all()] == [2]


@pytest.mark.nodb
def test_what_was_typed_and_what_it_is_compared_by_share_a_counter() -> None:
    keys = {text: people.email_key(f"a{text}b") for text in map(chr, range(0x110000))}

    assert [text for text, key in keys.items() if people.email_key(key) != key] == []


def test_of_an_endless_account_only_the_beginning_counts() -> None:
    fail(account="x" * 512 + "y", address=None)
    fail(account="x" * 512 + "z", address=None)

    assert [row.failures for row in Attempts.objects.all()] == [2]


@pytest.mark.parametrize("account", ["", "\0", "\ud800", "x" * 1_000_000, "nobody@example.com"])
def test_whatever_is_typed_has_a_counter(account: str) -> None:
    with override_settings(ACCOUNTS=STRICT):
        fail(account=account, address=None, times=5)

        assert refused(account=account, address=None)


def test_each_purpose_has_counters_of_its_own() -> None:
    with override_settings(ACCOUNTS=STRICT):
        fail(times=5, purpose="link")

        assert refused(purpose="link")
        assert not refused()
        throttle.reset(account=ALICE)
        assert refused(purpose="link")


@override_settings(ACCOUNTS=STRICT)
def test_a_reset_password_opens_the_account_at_once() -> None:
    fail(times=5)
    throttle.reset(account=ALICE)

    fail(times=5)
    assert refused()


def test_the_table_names_nobody() -> None:
    fail()

    text = " ".join(str(row) for row in Attempts.objects.values_list())
    assert ALICE not in text
    assert HOME not in text
    with override_settings(SECRET_KEY="another key of no worth whatsoever"):
        fail()
    assert Attempts.objects.count() == 4


@override_settings(ACCOUNTS=STRICT)
def test_the_clock_is_the_database_s() -> None:
    fail(times=5)

    with time_machine.travel(timezone.now() + 10 * DAY, tick=True):
        assert refused() <= DAY.total_seconds()
        assert refused()


def test_a_failed_attempt_costs_four_statements_and_a_refused_one_reads_once() -> None:
    fail()
    with CaptureQueriesContext(connection) as counted:
        fail()
    with override_settings(ACCOUNTS=STRICT):
        fail(times=3)
        with CaptureQueriesContext(connection) as read:
            assert refused()

    kinds = [query["sql"].split()[0] for query in counted]
    assert [kind for kind in kinds if kind not in ("BEGIN", "COMMIT")] == [
        "SELECT",
        "UPDATE",
        "UPDATE",
        "SELECT",
    ]
    assert [query["sql"].split()[0] for query in read] == ["SELECT"]


def at_once(act: Callable[[int], Any], *, threads: int = 50) -> list[Any]:
    """What `act` returns in each of these threads; they start together, each with its own connection."""
    start = threading.Barrier(threads)

    def run(number: int) -> Any:
        try:
            start.wait()
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


@override_settings(ACCOUNTS=STRICT)
@pytest.mark.parametrize("counter", ["none yet", "reset", "of yesterday"])
def test_of_fifty_parallel_attempts_at_an_account_only_the_free_ones_are_let_in(counter: str) -> None:
    if counter != "none yet":
        fail(address=None, times=5)
        throttle.reset(account=ALICE) if counter == "reset" else let_pass(DAY)

    waits = at_once(lambda number: refused(address=f"203.0.113.{number}"))

    assert waits.count(0) == 5
    assert sum(Attempts.objects.filter(failures=1).values_list("failures", flat=True)) == 5


def test_of_fifty_parallel_attempts_from_an_address_only_one_is_let_in_when_the_free_ones_are_gone() -> None:
    fail()
    Attempts.objects.update(failures=60)
    throttle.reset(account=ALICE)

    waits = at_once(lambda number: refused(account=f"person{number}@example.com"))

    assert waits.count(0) == 1
    assert sorted(Attempts.objects.filter(failures__gt=0).values_list("failures", flat=True)) == [1, 61]


def test_parallel_attempts_and_successes_are_all_counted() -> None:
    def attempt(number: int) -> None:
        account = f"person{number}@example.com"
        throttle.reserve(account=account, address=HOME)
        if number % 2:
            throttle.forgive(account=account, address=HOME)

    with override_settings(ACCOUNTS=Accounts(address_free_failures=100)):
        at_once(attempt, threads=30)

    assert Attempts.objects.order_by("-failures")[0].failures == 15


def test_a_counter_that_is_pruned_meanwhile_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    look = throttle._refuse_or_prepare
    looked: list[object] = []

    def look_and_lose(keys: dict[str, str]) -> None:
        look(keys)
        if not looked:
            looked.append(Attempts.objects.all().delete())

    monkeypatch.setattr(throttle, "_refuse_or_prepare", look_and_lose)
    fail()

    assert [row.failures for row in Attempts.objects.all()] == [1, 1]


@override_settings(ACCOUNTS=STRICT)
def test_inside_a_transaction_attempts_are_counted_and_refused_and_the_transaction_lives_on() -> None:
    with transaction.atomic():
        fail(times=5)
        assert refused()
        throttle.forgive(account=BOB, address=HOME)

    assert refused()


@pytest.mark.parametrize("quiet", [timedelta(hours=23), timedelta(hours=25)])
def test_pruning_deletes_what_was_quiet_in_batches_and_nothing_that_blocks(quiet: timedelta) -> None:
    with override_settings(ACCOUNTS=Accounts(free_failures=1, hard_stop_failures=1, hard_stop_delay=2 * DAY)):
        fail(address=None)
    old = [Attempts(key=str(number)) for number in range(batches.FIRST + 1)]
    Attempts.objects.bulk_create(old)
    let_pass(quiet)
    fail(account=BOB, address=None)

    with CaptureQueriesContext(connection) as queries:
        deleted = sum(throttle.prune(timezone.now() - DAY))

    assert deleted == (batches.FIRST + 1 if quiet > DAY else 0)
    assert Attempts.objects.count() == batches.FIRST + 3 - deleted
    assert sum(query["sql"].startswith("DELETE") for query in queries) == (2 if deleted else 0)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite knows no lock of a single row")
def test_pruning_passes_over_a_counter_that_somebody_is_counting_at() -> None:
    fail()
    let_pass(2 * DAY)

    with transaction.atomic(), ThreadPoolExecutor(1) as other:
        Attempts.objects.filter(pk=throttle._keys(ALICE, HOME, "password")["address"]).update(failures=2)
        assert other.submit(prune_and_leave, timezone.now() - DAY).result(timeout=10) == 1

    assert [row.failures for row in Attempts.objects.all()] == [2]


def prune_and_leave(before: datetime) -> int:
    """Prune in a thread, which must close its connection itself; never wait long for a lock."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '3s'")
            return sum(throttle.prune(before))
    finally:
        connection.close()


@pytest.mark.nodb
def test_the_model_has_no_field_for_a_name() -> None:
    texts = [field.name for field in Attempts._meta.fields if isinstance(field, models.CharField)]

    assert texts == ["key"]
    assert str(Attempts(key="0" * 32)) == "0" * 32


def test_asking_for_mail_is_slowed_down_and_never_stopped() -> None:
    with override_settings(ACCOUNTS=STRICT):
        for _time in range(7):
            throttle.reserve(account=ALICE, address=None, purpose="link")
            let_pass(timedelta(minutes=16))

        assert Attempts.objects.get().failures == 7
