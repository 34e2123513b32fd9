"""Revocation (RFC 7009): a client signs out with either of its tokens, and learns nothing of any other."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.models import Event
from accounts.testing import bob
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Noted
from tokens_stateless import end, refresh
from tokens_stateless.models import Family


def rows() -> dict[str, int]:
    """How many there are in each table."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        counts = {}
        for name in names:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608 - our own tables
            counts[name] = cursor.fetchone()[0]
    return counts


@pytest.mark.parametrize("which", ["access", "refresh"])
def test_either_token_signs_out_of_the_login_that_both_carry(which: str, held: Held) -> None:
    answer = doors.revoke(getattr(held, which))

    assert (answer.status_code, answer.json()) == (200, {})
    assert (held.login.end_reason, held.login.ended_by) == (EndReason.LOGOUT, held.user)
    assert [doors.me(held.access).status_code, doors.refresh(held.refresh).status_code] == [401, 401]


def test_signing_out_is_an_event(held: Held) -> None:
    doors.revoke(held.refresh)

    event = Event.objects.get(name="login_ended")
    assert (event.login_id, event.actor_uuid) == (held.login.pk, held.user.pk)
    assert event.detail == {"flow": "token", "reason": "logout"}


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "saml_assertion", ""])
def test_a_wrong_hint_does_no_harm(hint: str, held: Held) -> None:
    """RFC 7009 section 2.1: it is a hint."""
    answer = doors.revoke(held.refresh, token_type_hint=hint)

    assert (answer.status_code, held.login.end_reason) == (200, EndReason.LOGOUT)


def test_a_spent_refresh_token_still_signs_out(held: Held) -> None:
    """Its holder wants less than it could have had."""
    doors.refresh(held.refresh)

    doors.revoke(held.refresh)

    assert held.login.end_reason == EndReason.LOGOUT


def test_signing_out_twice_changes_nothing(held: Held) -> None:
    doors.revoke(held.refresh)
    before, ended_at = rows(), held.login.ended_at

    answers = [doors.revoke(held.refresh), doors.revoke(held.access)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert (rows(), held.login.ended_at) == (before, ended_at)


def test_an_unknown_token_is_fine_and_writes_nothing(held: Held, noted: Noted) -> None:
    """RFC 7009 section 2.2; T15: nor does an anonymous sign-out."""
    unknown = ["x", "é", held.access[:-4], held.refresh[:-4], "0" * 3000]
    unknown += [forge.forge(forge.header(typ="JWT"), forge.payload(held.access))]
    before = rows()

    answers = [doors.revoke(token) for token in unknown]

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"{}")}
    assert (rows(), held.login.ended_at, len(noted.reasons)) == (before, None, len(unknown))


def test_an_expired_access_token_signs_nobody_out(held: Held) -> None:
    past = forge.now(-400)
    expired = forge.payload(held.access, iat=past, exp=past + 300, auth_time=past)

    answer = doors.revoke(forge.forge(forge.header(), expired))

    assert (answer.status_code, held.login.ended_at) == (200, None)


def test_only_the_login_that_the_token_carries_ends(held: Held) -> None:
    person = bob()
    other = doors.sign_in(person.email).json()

    doors.revoke(held.refresh)

    assert list(Login.objects.live().values_list("user", flat=True)) == [person.pk]
    assert doors.me(other["access"]).status_code == 200


@pytest.mark.nodb
@pytest.mark.parametrize("form", ["", "token=", "toke=x", "token"])
def test_a_form_without_a_token_is_a_bad_request(form: str) -> None:
    answer = Client().post("/api/token/revoke/", form, doors.FORM)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"token"})


def test_only_a_form_is_taken(held: Held) -> None:
    """RFC 7009 section 2.1"""
    kinds = ["application/json", "multipart/form-data", "text/plain"]

    answers = [
        Client().generic("POST", "/api/token/revoke/", f"token={held.refresh}", content_type=kind)
        for kind in kinds
    ]

    assert [answer.status_code for answer in answers] == [415, 415, 415]
    assert held.login.ended_at is None


def test_a_token_in_the_address_signs_nobody_out(held: Held) -> None:
    answers = [
        Client().get("/api/token/revoke/", {"token": held.refresh}),
        Client().post(f"/api/token/revoke/?token={held.refresh}", "", doors.FORM),
    ]

    assert [answer.status_code for answer in answers] == [405, 400]
    assert held.login.ended_at is None


def test_whoever_ends_a_login_ends_its_family(held: Held) -> None:
    logins.end([held.login.pk], reason=EndReason.REVOKED_BY_OPERATOR)

    assert Family.objects.count() == 0


def test_ending_what_has_no_family_is_fine(held: Held) -> None:
    Family.objects.all().delete()

    end.kill([held.login.pk])

    assert logins.end([held.login.pk], reason=EndReason.REVOKED_BY_OPERATOR) == 1


def test_the_end_is_committed_under_atomic_requests(held: Held, atomic_requests: None) -> None:
    doors.revoke(held.refresh)

    assert held.login.end_reason == EndReason.LOGOUT


def test_a_login_of_nobody_can_be_signed_out(held: Held) -> None:
    """The person's row is gone, and the Login has somehow not ended."""
    login = held.login
    Login.objects.update(user=None, expires_at=timezone.now())

    answer = doors.revoke(refresh.write(login.pk, generation=0))

    assert (answer.status_code, held.login.end_reason) == (200, EndReason.LOGOUT)
