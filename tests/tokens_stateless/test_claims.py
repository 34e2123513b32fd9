"""What a token says of a Login, and that each claim is read as narrowly as it is written (T11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.conf import settings

from accounts.models import User
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Reasons, statements, unread
from tests.tokens_stateless.forge import MISSING, now
from tokens_stateless.claims import AccessToken
from tokens_stateless.models import SigningKey

TEXTS = ("iss", "aud", "sub", "client_id", "jti", "sid", "email")
NUMBERS = ("iat", "exp", "auth_time", "ver")
FLAGS = ("is_staff", "is_superuser")


def forged(held: Held, **changes: object) -> str:
    return forge.forge(forge.header(), forge.payload(held.access, **changes))


def test_a_token_says_who_for_whom_and_how_long(held: Held) -> None:
    """RFC 9068 section 2.2, our `sid`, and what may change meanwhile; nothing else."""
    _header, said = forge.read(held.access)

    login, origin = held.login, settings.PUBLIC_ORIGIN
    assert set(said) == {*TEXTS, *NUMBERS, *FLAGS}
    assert (said["iss"], said["aud"], said["client_id"]) == (origin, origin, "first-party")
    assert (said["sub"], said["sid"], said["ver"]) == (str(held.user.pk), str(login.pk), 1)
    assert (said["email"], said["is_staff"], said["is_superuser"]) == ("alice@example.com", False, False)
    assert 270 <= said["exp"] - said["iat"] <= 300
    assert said["auth_time"] == said["iat"] == int(login.started_at.timestamp())


def test_the_header_is_exactly_alg_kid_and_typ(held: Held) -> None:
    said, _payload = forge.read(held.access)

    assert said == {"alg": "ES256", "kid": SigningKey.objects.get(state="current").kid, "typ": "at+jwt"}


def test_every_token_has_an_id_of_its_own(held: Held) -> None:
    again = doors.refresh(held.refresh).json()["access"]

    assert forge.read(again)[1]["jti"] != forge.read(held.access)[1]["jti"]


def test_a_token_never_outlives_its_login(held: Held) -> None:
    login = held.login
    login.expires_at = login.started_at + timedelta(seconds=90)

    token = AccessToken.for_login(
        login, held.user, read_at=login.started_at, authenticated_at=login.started_at
    )

    assert token["exp"] == int(login.expires_at.timestamp())


def test_nobody_has_signed_in_after_the_token_was_made(held: Held) -> None:
    """Else it would be refused for its whole life where there is no leeway."""
    read_at = datetime(2026, 11, 22, 12, 0, 0, 999_000, tzinfo=timezone.utc)
    started_at = read_at + timedelta(milliseconds=2)

    token = AccessToken.for_login(held.login, held.user, read_at=read_at, authenticated_at=started_at)

    assert token["auth_time"] == token["iat"]


def test_a_tokens_person_costs_a_look_up_only_for_what_it_does_not_carry(held: Held) -> None:
    token = AccessToken(held.access.encode())  # type: ignore[arg-type]

    with statements(0):
        user = token.user()
        told = (user.pk, user.email, user.is_active, user.is_staff, user.is_authenticated)
    with statements(1):
        joined = user.date_joined

    assert told == (held.user.pk, "alice@example.com", True, False, True)
    assert joined == User.objects.get().date_joined


def test_a_token_that_is_wrong_in_nothing_is_good(held: Held) -> None:
    """What the refusals are measured by: our helper signs as the project does."""
    token = forged(held)

    assert [doors.me(token).status_code, doors.verify(token).status_code] == [200, 200]


@pytest.mark.parametrize(
    ("names", "others"), [(TEXTS, [True, False, 0, 1, "a\0"]), (NUMBERS, [True, False]), (FLAGS, [0, 1])]
)
def test_a_claim_that_is_missing_or_of_another_type_is_refused(
    names: tuple[str, ...], others: list[object], held: Held, reasons: Reasons
) -> None:
    values = [MISSING, None, "", [], {}, 1.5, [1], {"a": 1}, *others]
    cases = [(name, value) for name in names for value in values]

    tokens = {f"{name}={value!r}": forged(held, **{name: value}) for name, value in cases}

    assert {name: unread(token) for name, token in tokens.items()} == dict.fromkeys(tokens, "claims")
    assert set(reasons({name: tokens[name] for name in [*tokens][::5]}).values()) == {"claims"}


@pytest.mark.parametrize("spell", [str, float, lambda value: [value], lambda value: {"at": value}])
def test_the_right_value_in_the_wrong_type_is_refused(
    spell: Callable[[Any], object], held: Held, reasons: Reasons
) -> None:
    right = forge.payload(held.access)

    found = reasons({name: forged(held, **{name: spell(right[name])}) for name in NUMBERS + FLAGS})

    assert found == dict.fromkeys(NUMBERS + FLAGS, "claims")


@pytest.mark.parametrize("name", ["iss", "aud"])
def test_an_issuer_or_audience_that_is_not_ours_to_the_letter_is_refused(
    name: str, held: Held, reasons: Reasons
) -> None:
    ours = settings.PUBLIC_ORIGIN
    others = [ours.upper(), f"{ours}/", f"{ours} ", f" {ours}", ours.replace("http", "https"), ours[:-1], "*"]

    found = reasons({other: forged(held, **{name: other}) for other in others})

    assert set(found.values()) == {"audience"}, found


@pytest.mark.parametrize("name", ["iss", "aud"])
def test_an_issuer_or_audience_in_a_list_is_refused(name: str, held: Held, reasons: Reasons) -> None:
    """We issue one of each, as text."""
    ours = settings.PUBLIC_ORIGIN
    lists = {"alone": [ours], "among others": [ours, "https://other.example"], "by name": {ours: 1}}

    found = reasons({how: forged(held, **{name: value}) for how, value in lists.items()})

    assert set(found.values()) == {"claims"}, found


@pytest.mark.parametrize("name", ["sub", "sid"])
def test_an_id_is_spelled_in_one_way_only(name: str, held: Held, reasons: Reasons) -> None:
    """T12: no library's tolerance decides who somebody is."""
    right = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeee1"
    others = [right.upper(), right.replace("-", ""), f" {right} ", f"{{{right}}}", f"urn:uuid:{right}", "1"]
    others += [
        right[:-1] + "\uff11",
        right[:-1] + "\u0661",
        "\u202e" + right,
        " 1 ",
        "1.0",
        "True",
        "x" * 2000,
    ]

    found = reasons({other: forged(held, **{name: other}) for other in others})

    assert set(found.values()) == {"claims"}, found


INSTANTS = {
    "ten years": ((0, 10 * 365 * 86400, 0), "lifetime"),
    "a second too long": ((0, 301, 0), "lifetime"),
    "ends before it begins": ((0, -1, 0), "lifetime"),
    "ends in 30,000,000,000 years": ((0, 10**18, 0), "lifetime"),
    "has an end of 400 digits": ((0, 10**400, 0), "lifetime"),
    "began before the universe": ((-(10**18), 0, 0), "lifetime"),
    "begins in 30,000,000,000 years": ((10**18, 10**18, 0), "not yet"),
    "has a beginning of 400 digits": ((10**400, 10**400, 10**400), "not yet"),
    "begins a minute from now": ((60, 100, 0), "not yet"),
    "signed in a minute from now": ((0, 100, 60), "not yet"),
    "signed in some day": ((0, 100, 10**18), "not yet"),
    "signed in before 1970": ((0, 100, -(10**12)), "not yet"),
    "ended 31 s ago": ((-200, -31, -200), "expired"),
    "ended 30 s ago": ((-330, -30, -330), "expired"),
    "lies long ago": ((-(10**9), -(10**9), -(10**9)), "expired"),
}


def test_instants_out_of_range_are_refused(held: Held, reasons: Reasons) -> None:
    """Issued, expires, signed in: seconds from now, 30 of which are leeway (RFC 9068 section 4)."""
    tokens = {
        name: forged(held, iat=now(iat), exp=now(exp), auth_time=now(auth_time))
        for name, ((iat, exp, auth_time), _reason) in INSTANTS.items()
    }

    found = reasons(tokens)

    assert found == {name: reason for name, (_instants, reason) in INSTANTS.items()}


def test_a_clock_may_be_half_a_minute_off(held: Held) -> None:
    spans = [(25, 100), (-300, -25), (0, 300), (-10, -10)]
    tokens = [forged(held, iat=now(iat), exp=now(exp), auth_time=now(iat)) for iat, exp in spans]

    assert [doors.me(token).status_code for token in tokens] == [200] * 4


def test_a_version_that_no_row_can_have_is_refused(held: Held, reasons: Reasons) -> None:
    found = reasons({str(number)[:9]: forged(held, ver=number) for number in (0, -1, 2**63, 10**2000)})

    assert set(found.values()) == {"claims"}, found


def test_a_token_that_is_not_to_be_used_yet_is_refused(held: Held, reasons: Reasons) -> None:
    """We write no `nbf`; whoever does means it (RFC 7519 section 4.1.5)."""
    values = [now(35), 10**18, str(now()), None, 1.5, True, [now()]]

    found = reasons({repr(value): forged(held, nbf=value) for value in values})

    assert set(found.values()) == {"not yet"}, found
