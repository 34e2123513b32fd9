"""`manage.py logins watch`: whoever looks on sees each sign-in and each end when it happens."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from accounts import events, logins, watch_command
from accounts.logins import EndReason
from accounts.models import Event, User
from tests.accounts.rows import a_login, a_person, end, start
from tests.accounts.shell import environment, hear_ctrl_c, program, refused, terminal
from tests.servers import wait_until
from tests.web import PROJECT

HOUR = timedelta(hours=1)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What is done between two looks; after the last, somebody presses Ctrl-C."""
    acts: list[Callable[[], None]] = []

    def sleep(_seconds: float) -> None:
        if not acts:
            raise KeyboardInterrupt
        acts.pop(0)()

    monkeypatch.setattr(time, "sleep", sleep)
    return acts


def watched(*arguments: str, err: io.StringIO | None = None) -> list[str]:
    """What it has written until somebody stopped it."""
    out = io.StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("logins", "watch", *arguments, stdout=out, stderr=err or io.StringIO())
    assert stopped.value.code == 130
    return out.getvalue().splitlines()


def test_a_start_and_an_end_are_a_line_each(looks: list[Callable[[], None]]) -> None:
    start(alice := a_person())
    looks += [partial(sign_in, alice), lambda: end(alice.logins.latest("started_at"))]

    lines = [line.split("\t") for line in watched()]

    login = str(alice.logins.latest("started_at").pk)
    assert [line[1:7] for line in lines] == [
        ["started", "alice@example.com", "203.0.113.9", "token", "curl", login],
        ["ended", "alice@example.com", "203.0.113.9", "token", "curl", login],
    ]
    assert [line[7] for line in lines] == ["", "reason: logout"]


def sign_in(person: User) -> None:
    """Once more."""
    start(person)


def happen() -> None:
    """Something of Alice's, of Bob's, and of an operator's."""
    start(a_person())
    bob = a_login(a_person("bob@example.com"), flow="session", address="10.1.2.3")
    by = a_person("olga@example.com")
    logins.end([bob.pk], reason=EndReason.REVOKED_BY_OPERATOR, by=by, why="stolen")
    events.record("authn_password_change", user=a_person().pk, actor=a_person().pk)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], "authn_login_success login_ended authn_password_change"),
        (["--email", "ALICE"], "authn_login_success authn_password_change"),
        (["--flow", "session"], "login_ended"),
        (["--address", "10.0.0.0/8"], "login_ended"),
        (["--address", "203.0.113.9"], "authn_login_success"),
        (["--event", "authn_password_change", "--event", "login_ended"], "login_ended authn_password_change"),
        (["--email", "nobody"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_conditions_leave_the_rest_out(asked: list[str], found: str, looks: list[Callable[[], None]]) -> None:
    looks.append(happen)

    names = [json.loads(line)["event"] for line in watched("--json", *asked)]

    assert " ".join(names) == found


@pytest.mark.parametrize(("condition", "count"), [("--person", 2), ("--login", 1)])
def test_one_person_or_one_login(condition: str, count: int, looks: list[Callable[[], None]]) -> None:
    alice, login = a_person(), a_login(a_person("bob@example.com"))
    looks += [happen, lambda: end(login)]

    assert len(watched(condition, str(alice.pk if condition == "--person" else login.pk))) == count


def test_json_says_who_did_what_to_whom(looks: list[Callable[[], None]]) -> None:
    looks.append(happen)

    told = json.loads(watched("--json", "--event", "login_ended")[0])

    event = Event.objects.get(name="login_ended")
    assert told.pop("at") == event.at.isoformat().replace("+00:00", "Z")
    assert told == {
        "event": "login_ended", "login": str(event.login_id), "person": str(event.user_uuid),
        "email": "bob@example.com", "flow": "session", "actor": str(event.actor_uuid),
        "actor_email": "olga@example.com", "address": None, "device": None, "login_address": "10.1.2.3",
        "login_device": "curl", "request": None,
        "detail": {"flow": "session", "reason": "revoked_by_operator", "why": "stolen"},
    }  # fmt: skip


def test_it_may_begin_with_what_was(looks: list[Callable[[], None]]) -> None:
    happen()
    Event.objects.filter(name="login_ended").update(at=timezone.now() - HOUR)

    assert [line.split("\t")[1] for line in watched("--since", "10m")] == ["started", "authn_password_change"]
    assert len(watched("--since", "2h")) == 3


def test_a_database_that_was_away_has_cost_nothing(
    looks: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, err = watch_command._told, io.StringIO()

    def away(_piece: Any) -> Any:
        raise OperationalError("gone\x1b[2J")

    looks += [
        lambda: monkeypatch.setattr(watch_command, "_told", away),
        happen,
        lambda: None,
        lambda: monkeypatch.setattr(watch_command, "_told", real),
    ]

    assert len(watched(err=err)) == 3
    assert err.getvalue() == "The database failed, and is tried again: gone\\x1b[2J\n"


@pytest.mark.parametrize("asked", [["--since", "yesterday"], ["--email", ""]], ids=" ".join)
def test_what_cannot_be_read_is_refused(asked: list[str]) -> None:
    assert refused("watch", *asked)[1] == 2


@contextmanager
def program_watching(into: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a program without Redis, which writes into a file."""
    with into.open("wb") as file:
        process = subprocess.Popen(
            program("watch", "--json", "--since", "1m"), cwd=PROJECT,
            env=environment(REDIS_URL="redis://127.0.0.1:1/0"), stdout=file, stderr=file,
            preexec_fn=hear_ctrl_c,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def test_a_pipe_gets_each_line_at_once_and_ctrl_c_is_130(tmp_path: Path) -> None:
    login = start(a_person())

    with program_watching(tmp_path / "seen") as process:
        for number in (1, 2):
            wait_until(
                lambda n=number: (tmp_path / "seen").read_text().count("\n") == n,  # type: ignore[misc]
                what=f"line {number}",
                seconds=30,
            )
            end(login)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130

    names = [json.loads(line)["event"] for line in (tmp_path / "seen").read_text().splitlines()]
    assert names == ["authn_login_success", "login_ended"]


@pytest.mark.slow
def test_a_terminal_gets_lines_that_fit() -> None:
    a_login(device="x" * 80)
    start(a_person())

    with terminal("watch", "--since", "1m", columns=60) as screen:
        screen.see("alice@example.com")
        screen.type("\x03")
        assert screen.ended() == 130

    lines = [line.removeprefix("^C") for line in screen.seen.splitlines()]
    assert max(map(len, lines)) <= 60
    assert "Traceback" not in screen.seen
