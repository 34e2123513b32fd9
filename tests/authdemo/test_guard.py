"""What a request of ours may cost, as counts that no busy machine moves; and planted faults that are seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from accounts.testing import PASSWORD, alice
from authdemo.lab import instructions, measure, targets, variants, ways
from authdemo.lab.measure import Result
from authdemo.lab.run import Run
from sessions_stateful import store
from sessions_stateful.copies import Copies
from tests.accounts import shell
from tests.authdemo import planted
from tests.programs import MissingService
from tests.stores import give_up
from tokens_stateless import authenticate, claims, conf

ROUNDS = 8
AIM_OF_THE_FIRST = "a token seen first: no more instructions than simplejwt stateless, ES256"
SQLITE = connection.vendor == "sqlite"
with_redis = pytest.mark.skipif(not settings.REDIS_URL, reason="without Redis there is no round trip to it")


def few_remembered() -> override_settings:
    """Of a few tokens in turn each is seen first."""
    return override_settings(TOKENS_STATELESS=replace(conf.current(), remembered_tokens=2))


def tokens(user: Any) -> list[Result]:
    """Ours, beside nobody."""
    names = (ways.NOBODY, ways.BEFORE, ways.FIRST)
    with few_remembered():
        chosen = [one for one in variants.token_variants(user) if one.name in names]
        return measure.measure(chosen, rounds=ROUNDS, calls=2)


def sessions(user: Any) -> list[Result]:
    """Ours, beside nobody."""
    names = (variants.PLAIN, variants.SESSION)
    chosen = [one for one in variants.session_variants(user) if one.name in names]
    return measure.measure(chosen, rounds=ROUNDS, calls=2)


def costs(results: list[Result]) -> dict[str, tuple[float, float | None]]:
    """Statements and round trips of each that is not its own floor."""
    return {one.name: (one.statements, one.round_trips) for one in results if one.floor}


def verdicts(**found: Any) -> dict[str, str]:
    """What a run that has found this says to each target."""
    run = Run(database=connection.vendor, has_redis=bool(settings.REDIS_URL), **found)
    return {one.target.aim: one.verdict for one in targets.judged(run)}


def flipped(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The targets that were met before, and are not met after."""
    return [aim for aim in before if (before[aim], after[aim]) == ("met", "not met")]


def test_a_token_costs_no_statement_and_no_round_trip() -> None:
    trips = 0 if settings.REDIS_URL else None

    assert costs(tokens(alice())) == {ways.BEFORE: (0, trips), ways.FIRST: (0, trips)}


def test_a_session_costs_one_round_trip_or_one_statement() -> None:
    assert costs(sessions(alice())) == {variants.SESSION: (0, 1) if settings.REDIS_URL else (1, None)}


def test_a_sign_in_costs_as_many_statements_as_it_did() -> None:
    doors = variants.sign_in_variants(alice(), PASSWORD)

    found = costs(measure.measure(doors, rounds=1, calls=1, warm_up=2))

    page, token = (19, 18) if SQLITE else (16, 15)
    assert [found["sign in at the page"][0], found["sign in for a token"][0]] == [page, token]
    assert {trips for _statements, trips in found.values()} == {0 if settings.REDIS_URL else None}


@pytest.mark.parametrize("seam", ["load", "authenticate"])
def test_an_extra_statement_is_seen(monkeypatch: pytest.MonkeyPatch, seam: str) -> None:
    """Planted where a session is loaded, and where a token is judged."""
    user = alice()
    before = verdicts(tokens=tokens(user), sessions=sessions(user))

    if seam == "load":
        monkeypatch.setattr(store.front(), "load", planted.asking(store.front().load))
    else:
        monkeypatch.setattr(authenticate, "_accepted", planted.asking(authenticate._accepted))
    after = verdicts(tokens=tokens(user), sessions=sessions(user))

    session = (
        "a session with Redis: no statement" if settings.REDIS_URL else "a session without Redis: 1 statement"
    )
    seen = {"load": session, "authenticate": "a token seen before: no statement"}
    assert flipped(before, after) == [seen[seam]]


@with_redis
def test_a_doubled_round_trip_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted where the copy of a session is read."""
    user = alice()
    before = verdicts(sessions=sessions(user))

    monkeypatch.setattr(Copies, "load", planted.twice(Copies.load))
    after = verdicts(sessions=sessions(user))

    assert flipped(before, after) == ["a session with Redis: 1 round trip"]


def test_a_verification_that_is_a_fifth_slower_is_seen_beside_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both in one run, in turn; by the processor time of the thread, so no other process counts."""
    slow = planted.a_fifth_slower(claims.read)
    with few_remembered():
        first = next(one for one in variants.token_variants(alice()) if one.name == ways.FIRST)

        def planted_call() -> Any:
            with monkeypatch.context() as patch:
                patch.setattr(claims, "read", slow)
                return first.call()

        plain = replace(first, floor=None)
        slower = replace(first, name="a fifth slower", call=planted_call, floor=first.name)
        beside, seen = measure.measure([plain, slower], rounds=400, calls=planted.EACH)

    assert seen.cpu_added.low > 0
    assert seen.cpu_added.middle > 0.05 * beside.cpu


# Of what simplejwt's stateless token adds, which hardly moves. They were 0.046 (SQLite: 0.064), 0.93, and
# 0.30 (without Redis: 0.77).
MOST = {ways.BEFORE: 0.072 if SQLITE else 0.052, ways.FIRST: 1.0}
MOST[variants.SESSION] = 0.35 if settings.REDIS_URL else 0.88


def counted(directory: Path, *names: str, module: str) -> dict[str, float]:
    """Instructions that each adds, by valgrind, on the database of this test."""
    if not instructions.available():
        give_up(MissingService("no valgrind and vgdb on the PATH"))
    alice()
    environment = shell.environment(DJANGO_SETTINGS_MODULE="tests.authdemo.guarded_settings")
    return instructions.count(environment, directory=directory, names=names, module=module)


@pytest.mark.slow
def test_a_request_takes_no_more_instructions_than_it_did(tmp_path: Path) -> None:
    added = counted(tmp_path, *MOST, ways.STATELESS, module="authdemo.lab.instructions")

    found = {name: added[name] / added[ways.STATELESS] for name in MOST}
    assert {name: ratio for name, ratio in found.items() if ratio > MOST[name]} == {}


@pytest.mark.slow
def test_a_verification_that_is_a_fifth_slower_is_seen_by_its_instructions(tmp_path: Path) -> None:
    """By the bound above, and by the target."""
    added = counted(tmp_path, ways.FIRST, ways.STATELESS, module="tests.authdemo.planted")

    assert added[ways.FIRST] / added[ways.STATELESS] > MOST[ways.FIRST]
    assert verdicts(instructions=added)[AIM_OF_THE_FIRST] == "not met"
