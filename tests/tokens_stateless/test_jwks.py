"""The key set that others fetch: what it shows, how long it may be kept, and that it outlives an outage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.utils import timezone

from accounts.conf import Accounts
from tests.tokens_stateless import doors, forge, rings
from tests.tokens_stateless.conftest import Held, statements
from tokens_stateless import conf, keyring, keys
from tokens_stateless.models import KeyState, SigningKey

ADDRESS = "/.well-known/jwks.json"


def age() -> int:
    """For how many seconds the key set may be kept."""
    return int(Client().get(ADDRESS).headers["Cache-Control"].removeprefix("public, max-age="))


def away(execute: Any, sql: str, *rest: Any) -> Any:
    """The database does not answer."""
    raise OperationalError("the database is away")


def test_it_shows_the_public_members_of_the_keys_that_verify() -> None:
    signing = keyring.ensure()[0]

    answer = Client().get(ADDRESS)

    current, standby = answer.json()["keys"]
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert (current["kid"], standby["kid"]) == (signing, rings.kid("standby"))
    for key in (current, standby):
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")


def test_it_is_never_empty() -> None:
    """Others keep what they are told for minutes, and who asks first may come before the first sign-in."""
    assert SigningKey.objects.count() == 0

    assert rings.published() == set(rings.states())
    assert sorted(rings.states().values()) == ["current", "standby"]


def test_the_first_key_outlives_a_request_in_a_transaction(atomic_requests: None) -> None:
    assert keys.signer()[0] in rings.published()
    assert rings.published() == set(rings.states())


def test_a_stranger_verifies_our_tokens_with_it_alone(held: Held) -> None:
    """With PyJWT, as a resource server would."""
    told = jwt.PyJWKSet.from_dict(Client().get(ADDRESS).json())
    kid = jwt.get_unverified_header(held.access)["kid"]

    said = jwt.decode(
        held.access, told[kid].key, ["ES256"], audience=settings.PUBLIC_ORIGIN, issuer=settings.PUBLIC_ORIGIN
    )

    assert said["sid"] == str(held.login.pk)


def test_whoever_keeps_it_as_long_as_allowed_can_verify_what_comes_after_a_rotation(held: Held) -> None:
    told = jwt.PyJWKSet.from_dict(Client().get(ADDRESS).json())
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        keyring.rotate()
        fresh = doors.refresh(held.refresh).json()["access"]

    assert forge.read(fresh)[0]["kid"] in {key.key_id for key in told.keys}


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(timedelta(days=9), 300), (timedelta(minutes=4), 240), (timedelta(seconds=9), 60), (-timedelta(9), 60)],
    ids=str,
)
def test_it_may_be_kept_until_the_next_rotation_at_most(left: timedelta, seconds: int) -> None:
    keyring.ensure()
    due_at = SigningKey.objects.get(state=KeyState.CURRENT).due_at

    with time_machine.travel(due_at - left, tick=False):
        assert age() == seconds


def test_it_is_never_kept_longer_than_the_setting_says() -> None:
    chosen = replace(conf.current(), jwks_max_age=timedelta(seconds=20))

    with override_settings(TOKENS_STATELESS=chosen):
        assert age() == 20


def test_whoever_has_it_already_is_told_so_in_short() -> None:
    client = Client()
    first = client.get(ADDRESS)

    again = client.get(ADDRESS, headers={"If-None-Match": first.headers["ETag"]})
    keyring.revoke([rings.kid("standby")])
    changed = client.get(ADDRESS, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content, again.headers["Cache-Control"]) == (
        304,
        b"",
        "public, max-age=300",
    )
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


def test_it_is_read_only() -> None:
    client = Client()

    answers = [getattr(client, verb)(ADDRESS).status_code for verb in ("post", "put", "patch", "delete")]

    assert answers == [405] * 4
    assert client.head(ADDRESS).status_code == 200


def test_asking_again_costs_no_statement() -> None:
    Client().get(ADDRESS)

    with statements(0):
        Client().get(ADDRESS)


@pytest.mark.parametrize(("kept", "told"), [(timedelta(minutes=5), 200), (timedelta(0), 503)], ids=str)
def test_while_the_database_is_away_it_is_told_for_as_long_as_it_could_have_been_kept(
    kept: timedelta, told: int
) -> None:
    """What is known is told for a minute at a time, though this process must not rely on it itself."""
    rings.published()
    behind = Accounts(standing_budget=timedelta(0))

    with (
        override_settings(ACCOUNTS=behind, TOKENS_STATELESS=replace(conf.current(), jwks_max_age=kept)),
        connection.execute_wrapper(away),
    ):
        answer = Client().get(ADDRESS)

    assert answer.status_code == told
    assert answer.headers.get("Cache-Control") == ("public, max-age=60" if told == 200 else None)


def test_a_key_set_that_is_known_to_be_out_of_date_is_not_told() -> None:
    """503: it may show a key that was revoked."""
    rings.published()
    keys.forget()

    with connection.execute_wrapper(away):
        answer = Client().get(ADDRESS)

    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (
        503,
        "unavailable",
        "5",
    )
