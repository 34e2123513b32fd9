"""A token that was verified once is known when it comes again; all that can change is asked anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client, RequestFactory, override_settings
from rest_framework.request import Request

from accounts import logins, standing
from accounts.feed import News
from accounts.logins import EndReason
from accounts.standing import Answer, Standing
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Noted
from tokens_stateless import conf, keyring, keys
from tokens_stateless.authenticate import TokenAuthentication
from tokens_stateless.models import SigningKey
from tokens_stateless.remembered import Remembered, Verified


def memory() -> Remembered:
    """What this process remembers."""
    return keys.ring().remembered


def authenticated(held: Held) -> Any:
    """The person and the token of one more request."""
    plain = RequestFactory().get("/", headers={"Authorization": f"Bearer {held.access}"})
    return TokenAuthentication().authenticate(Request(plain))


def said(entry: Verified) -> Any:
    """The claims of a token that is remembered."""
    return forge.read(entry.header.removeprefix("Bearer "))[1]


def tokens(held: Held, number: int) -> list[str]:
    """So many good tokens of one Login."""
    return [forge.forge(forge.header(), forge.payload(held.access, jti=str(n))) for n in range(number)]


def test_a_token_is_verified_once(held: Held) -> None:
    statuses = {doors.me(held.access).status_code for _ in range(5)}

    assert (statuses, len(memory()), memory().misses, memory().hits) == ({200}, 1, 1, 4)


def test_what_is_remembered_is_in_no_repr(held: Held) -> None:
    doors.me(held.access)

    shown = repr([keys.ring(), memory(), *memory()._by_signature.values()])

    assert held.access.rpartition(".")[2] not in shown


def test_nothing_that_differs_by_one_letter_is_taken_for_it(held: Held) -> None:
    doors.me(held.access)
    hits = memory().hits
    last = len(held.access)
    others = [
        held.access[:place] + ("B" if held.access[place] == "A" else "A") + held.access[place + 1 :]
        for place in (*range(0, last, 23), *range(last - 5, last))
    ]

    assert {doors.me(other).status_code for other in others} == {401}
    assert (memory().hits, len(memory())) == (hits, 1)


@pytest.mark.parametrize(("seconds", "reason"), [(331, "expired"), (-31, "not yet")])
def test_its_time_is_asked_each_time(seconds: int, reason: str, held: Held, noted: Noted) -> None:
    """To the reasons of strict reading, a clock that was set back included."""
    assert [doors.me(held.access).status_code for _ in range(2)] == [200, 200]

    with time_machine.travel(held.login.started_at.timestamp() + seconds, tick=False):
        statuses = [doors.me(held.access).status_code for _ in range(2)]

    assert (statuses, noted.reasons) == ([401, 401], [reason, reason])
    assert doors.me(held.access).status_code == 200


def test_a_remembered_token_dies_with_its_login(held: Held) -> None:
    before = [doors.me(held.access).status_code for _ in range(2)]

    logins.end([held.login.pk], reason=EndReason.LOGOUT)

    assert (before, doors.me(held.access).status_code) == ([200, 200], 401)


def test_a_remembered_token_is_stale_once_its_person_has_changed(held: Held) -> None:
    before = [doors.me(held.access).status_code for _ in range(2)]

    held.user.is_staff = True
    held.user.save()

    assert (before, doors.me(held.access).json()["code"]) == ([200, 200], "token_stale")


def test_its_standing_is_looked_up_again_only_after_something_was_learned(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Answer] = []
    judge = Standing.judge

    def judges(*arguments: Any, **more: Any) -> Answer:
        judged.append(judge(*arguments, **more))
        return judged[-1]

    monkeypatch.setattr(Standing, "judge", judges)
    asked = [doors.me(held.access).status_code for _ in range(3)]
    before = len(judged)

    somebody = uuid4()
    for _time in range(2):  # as when the ledger is read, which tells all of the last half minute each time
        standing.hear(News(ended=(somebody,)))
        asked.append(doors.me(held.access).status_code)
    asked += [doors.me(held.access).status_code for _ in range(3)]
    between = len(judged)
    standing.hear(News(changed=((held.user.public_id, held.user.version + 1),)))
    asked += [doors.me(held.access).status_code for _ in range(2)]

    assert (asked, before, between) == ([200] * 8 + [401] * 2, 1, 2)
    assert judged == [Answer.GOOD, Answer.GOOD, Answer.STALE, Answer.STALE]


def test_what_is_learned_while_it_is_looked_up_counts_at_the_next_request(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has been found good in the edition before."""
    judge = Standing.judge

    def judges(self: Standing, *arguments: Any, **more: Any) -> Answer:
        answer = judge(self, *arguments, **more)
        standing.hear(News(ended=(held.login.pk,)))
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Standing, "judge", judges)
        first = doors.me(held.access).status_code

    assert (first, doors.me(held.access).status_code) == (200, 401)


def test_a_remembered_token_dies_with_its_key(held: Held) -> None:
    before = [doors.me(held.access).status_code for _ in range(2)]

    keyring.revoke([SigningKey.objects.get(state="current").kid])

    assert (before, doors.me(held.access).status_code) == ([200, 200], 401)
    assert len(memory()) == 0


def test_a_new_ring_remembers_nothing(held: Held) -> None:
    """So does a fork, which throws the ring away."""
    doors.me(held.access)

    keys.forget()

    assert len(memory()) == 0
    assert doors.me(held.access).status_code == 200


def test_other_settings_are_asked_anew(held: Held) -> None:
    before = [doors.me(held.access).status_code for _ in range(2)]

    with override_settings(TOKENS_STATELESS=replace(conf.current(), audience="https://other.example")):
        under = doors.me(held.access).status_code

    assert (before, under, doors.me(held.access).status_code) == ([200, 200], 401, 200)


def test_a_refused_token_is_not_remembered(held: Held) -> None:
    signed, _dot, signature = held.access.rpartition(".")
    bad = [f"{signed}.{forge.with_spare_bit(signature)}", forge.der(held.access), signed, held.access * 8]
    bad += [forge.forge(forge.header(), forge.payload(held.access, exp=1, jti=str(n))) for n in range(5)]

    assert {doors.me(token).status_code for token in bad} == {401}
    assert len(memory()) == 0


@pytest.mark.parametrize("more", ["A", "A.", "A" * 4096])
def test_nor_is_what_stands_before_or_behind_its_signed_part(more: str, held: Held) -> None:
    """However long it is, no more than a signature's letters of it is looked up."""
    doors.me(held.access)
    signed, _dot, signature = held.access.rpartition(".")
    others = [f"{more}{held.access}", f"{held.access}{more}", f"{signed}.{more}{signature}", signature]

    assert {doors.me(other).status_code for other in others} == {401}
    assert (memory().hits, len(memory())) == (0, 1)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_it_is_remembered_by_the_whole_header(scheme: str, held: Held) -> None:
    """Another way to write the same is read strictly, and good."""
    doors.me(held.access)
    headers = {"Authorization": f"{scheme} {held.access}"}

    statuses = [Client().get("/api/me/", headers=headers).status_code for _ in range(2)]

    assert (statuses, memory().hits, len(memory())) == ([200, 200], 1, 1)


@pytest.mark.parametrize("most", [0, 3])
def test_the_memory_is_bounded_and_the_oldest_goes_first(most: int, held: Held) -> None:
    with override_settings(TOKENS_STATELESS=replace(conf.current(), remembered_tokens=most)):
        statuses = {doors.me(token).status_code for token in tokens(held, 10)}
        kept = [said(entry)["jti"] for entry in memory()._by_signature.values()]

    assert statuses == {200}
    assert kept == ["7", "8", "9"][:most]


def test_what_has_ended_makes_room_before_the_memory_is_full(held: Held) -> None:
    with time_machine.travel(held.login.started_at, tick=False) as clock:
        old = forge.forge(forge.header(), forge.payload(held.access, exp=forge.now(60)))
        doors.me(old)
        clock.shift(91)
        doors.me(held.access)

    ends = [said(entry)["exp"] for entry in memory()._by_signature.values()]
    assert ends == [forge.read(held.access)[1]["exp"]]


def test_what_one_request_does_to_its_claims_stays_with_it(held: Held) -> None:
    person, token = authenticated(held)
    token["is_staff"] = token.payload["sub"] = "mine"
    person.is_staff = person.is_superuser = True
    token.login_id = person.pk = None

    again, other = authenticated(held)

    assert (again.is_staff, again.is_superuser, again.pk) == (False, False, held.user.pk)
    assert (other["is_staff"], other["sub"]) == (False, str(held.user.pk))
    assert (other.login_id, other.public_id) == (held.login.pk, held.user.pk)


def test_nor_what_it_does_deep_inside(held: Held) -> None:
    """A claim with a value of its own; we write none today."""
    nested = forge.forge(forge.header(), forge.payload(held.access, act={"sub": "somebody"}))
    held = replace(held, access=nested)
    authenticated(held)[1]["act"]["sub"] = "mine"

    assert authenticated(held)[1]["act"] == {"sub": "somebody"}
