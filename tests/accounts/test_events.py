"""A change of the ledger is a row and a log line, a refusal a log line only; neither can be replayed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.db import transaction

from accounts import events, logins
from accounts.events import Event
from accounts.logins import EndReason
from accounts.logs import JSONFormatter
from tests.accounts.rows import a_login, a_person, a_request, taken_back


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged, as it would be written."""
    written: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(JSONFormatter().format(record))

    handler = Handler()
    events.logger.addHandler(handler)
    yield written
    events.logger.removeHandler(handler)


def test_a_record_is_a_row_and_a_line(lines: list[str]) -> None:
    login, user, actor = uuid4(), uuid4(), uuid4()

    events.record("login_ended", request=a_request(), login=login, user=user, actor=actor, reason="logout")

    row, line = Event.objects.get(), json.loads(lines[0])
    assert (row.name, row.login_id, row.user_uuid, row.actor_uuid) == ("login_ended", login, user, actor)
    assert (row.address, row.device, row.detail) == ("203.0.113.9", "curl", {"reason": "logout"})
    assert (line["event"], line["level"], line["login"]) == ("login_ended", "INFO", str(login))
    assert (line["address"], line["device"], line["reason"]) == ("203.0.113.9", "curl", "logout")


def test_a_record_without_a_request_knows_no_place(lines: list[str]) -> None:
    events.record("login_ended", login=uuid4())

    row = Event.objects.get()
    assert (row.address, row.device, row.user_uuid) == (None, "", None)
    assert not {"address", "user", "actor"} & json.loads(lines[0]).keys()


def test_a_line_is_written_only_once_the_row_has_been_committed(lines: list[str]) -> None:
    with transaction.atomic():
        events.record("login_ended")
        inside = list(lines)

    assert (inside, len(lines)) == ([], 1)


def test_what_is_rolled_back_was_no_event(lines: list[str]) -> None:
    with taken_back():
        events.record("login_ended")

    assert (Event.objects.count(), lines) == (0, [])


def test_a_note_is_a_line_at_once_and_no_row(lines: list[str]) -> None:
    with transaction.atomic():
        events.note("authn_login_fail", request=a_request(), reason="x")
        inside = list(lines)

    assert Event.objects.count() == 0
    assert json.loads(inside[0])["level"] == "WARNING"
    assert json.loads(inside[0])["address"] == "203.0.113.9"


def test_a_note_costs_no_sql(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        events.note("authn_token_refused", request=a_request(), reason="form")


def test_a_visitor_cannot_break_the_line(lines: list[str]) -> None:
    hostile = 'x"}\n{"event": "login_ended", "at": "\x1b[2J\u2028'

    events.note("authn_token_refused", request=a_request(agent=hostile), reason=hostile)

    assert len(lines[0].splitlines()) == 1
    assert json.loads(lines[0])["event"] == "authn_token_refused"
    assert "\x1b" not in lines[0]


def test_every_end_is_an_event_that_says_who_and_why() -> None:
    login, olga = a_login(), a_person("olga@example.com")

    logins.end([login.pk], reason=EndReason.REVOKED_BY_OPERATOR, by=olga, request=a_request())

    row = Event.objects.get(name="login_ended")
    assert (row.login_id, row.user_uuid, row.actor_uuid) == (login.pk, login.user_uuid, olga.pk)
    assert row.detail == {"flow": "token", "reason": "revoked_by_operator"}


def test_an_event_names_itself_and_its_time() -> None:
    events.record("login_ended")

    assert str(Event.objects.get()).startswith("login_ended 20")
