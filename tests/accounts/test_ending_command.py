"""`manage.py logins end` and `end-before`: all that is chosen ends, nothing else, and it can be stopped."""

from __future__ import annotations

import io
import json
import signal
import subprocess
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from accounts import ending_run, endings, logins
from accounts.endings import Ending
from accounts.logins import EndReason, Login
from accounts.models import Event, User
from tests.accounts.receipts import company
from tests.accounts.rows import a_login, a_person, on_postgresql, some_logins
from tests.accounts.shell import environment, hear_ctrl_c, program, refused, run, said, terminal, told
from tests.servers import wait_until
from tests.web import PROJECT

__all__ = ["company"]

WHY = ("--reason", "laptop stolen")
HOUR = timedelta(hours=1)


def live() -> int:
    return Login.objects.live().count()


def three_of_two() -> list[Login]:
    """Two of Alice's and one of Bob's."""
    return [*some_logins(2), a_login(a_person("bob@example.com"), flow="session")]


def test_by_ids_just_these_end() -> None:
    first, second, third = some_logins(3)

    text = said("end", str(first.pk), str(third.pk), str(first.pk), *WHY, "--yes")

    assert text.startswith("2 logins were ended. ")
    assert list(Login.objects.live()) == [second]
    assert Ending.objects.count() == 0


def test_by_conditions_all_that_match_end() -> None:
    his = three_of_two()[2]

    (told_so,) = told("end", "--email", "ALICE@", *WHY, "--yes")

    assert (told_so["logins"], told_so["ended"], told_so["is_done"], told_so["resume"]) == (2, 2, True, None)
    assert told_so["search"]["email"] == "alice@"
    assert list(Login.objects.live()) == [his]


def test_all_wants_to_be_said() -> None:
    three_of_two()

    assert refused("end", *WHY, "--yes")[1] == 2
    said("end", "--all", *WHY, "--yes")

    assert live() == 0


@pytest.mark.parametrize("moment", ["now", "30m", "2100-01-01T00:00Z"])
def test_before_a_moment_everything_that_was_started_ends(moment: str) -> None:
    a_login(started_at=timezone.now() - HOUR)
    a_login(started_at=timezone.now() - HOUR, flow="session")

    said("end-before", moment, "--flow", "token", *WHY, "--yes")
    before = live()
    said("end-before", moment, *WHY, "--yes")

    assert (before, live()) == (1, 0)


def test_what_was_started_since_is_left_alone() -> None:
    login = a_login()

    assert said("end-before", "1h", *WHY, "--yes") == "There is nothing to end.\n"
    assert list(Login.objects.live()) == [login]


def test_every_end_says_why_and_that_a_command_did_it() -> None:
    login, other = a_login(), a_login(a_person("bob@example.com"))

    said("end", "--email", "alice", *WHY, "--yes")
    said("end", str(other.pk), *WHY, "--yes")

    ended = Event.objects.filter(name="login_ended")
    assert {event.login_id for event in ended} == {login.pk, other.pk}
    assert {(event.detail["why"], event.actor_uuid) for event in ended} == {("laptop stolen", None)}
    assert all(event.request_id.startswith("manage.py-") for event in Event.objects.all())
    assert len({event.request_id for event in ended}) == 2


@pytest.mark.parametrize("chosen", ["id", "condition"])
def test_an_operators_name_may_stand_on_it(chosen: str) -> None:
    olga, login = User.objects.create_superuser("olga@example.com"), a_login()
    what = [str(login.pk)] if chosen == "id" else ["--flow", "token"]

    said("end", *what, *WHY, "--yes", "--by", "Olga@example.com")

    login.refresh_from_db()
    assert (login.ended_by_id, login.end_reason) == (olga.pk, EndReason.REVOKED_BY_OPERATOR)
    assert Event.objects.get(name="login_ended").actor_uuid == olga.pk


def test_the_right_to_end_is_asked_of_whoever_it_is() -> None:
    carol = a_person("carol@example.com", is_staff=True)
    asked = ("end", "--all", *WHY, "--yes", "--by", "carol@example.com")
    a_login()

    without = refused(*asked)
    carol.user_permissions.set(Permission.objects.filter(codename="end_login"))
    said(*asked)

    assert (without[1], "accounts.end_login" in without[0], live()) == (2, True, 0)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (["--all"], 2),
        (["--all", "--reason", "  "], 2),
        (["--all", "--reason", "x" * 201], 2),
        (["--all", "--reason", "\udcff"], 2),
        (["--all", *WHY], 2),
        (["--all", *WHY, "--yes", "--flow", "token"], 2),
        (["--email", "", *WHY, "--yes"], 2),
        (["--email", "alice", "--flow", "pigeon", *WHY, "--yes"], 2),
        (["--all", *WHY, "--yes", "--by", "nobody@example.com"], 2),
        (["1", *WHY, "--yes"], 2),
        ([str(uuid4()), *WHY, "--yes"], 1),
        (["--resume", str(uuid4())], 1),
        (["--resume", "1"], 2),
    ],
    ids=lambda value: (
        " ".join(value)[:40].encode("ascii", "replace").decode() if isinstance(value, list) else ""
    ),
)
def test_what_is_refused_ends_nothing(asked: list[str], code: int) -> None:
    a_login()

    assert refused("end", *asked)[1] == code
    assert (live(), Ending.objects.count(), Event.objects.count()) == (1, 0, 0)


def test_an_id_that_nobody_has_ends_none_of_the_others() -> None:
    login, unknown = a_login(), uuid4()

    text, code = refused("end", str(login.pk), str(unknown), *WHY, "--yes")

    assert (str(unknown) in text, str(login.pk) in text, code, live()) == (True, False, 1, 1)


@pytest.mark.parametrize("asked", [["--all"], ["--email", "alice"]], ids=" ".join)
def test_a_dry_run_tells_and_ends_nothing(asked: list[str]) -> None:
    logins.end([login.pk for login in some_logins(2)], reason=EndReason.LOGOUT)
    some_logins(12)
    events = Event.objects.count()

    text = said("end", *asked, "--dry-run")
    (found,) = told("end", *asked, "--dry-run")

    assert text.splitlines()[0].startswith("This would end 12 logins of 1 person: ")
    assert (text.splitlines()[-1], len(text.splitlines())) == ("… and 2 more.", 13)
    assert (found["dry_run"], found["logins"], found["people"], len(found["first"])) == (True, 12, 1, 10)
    assert (live(), Ending.objects.count(), Event.objects.count()) == (12, 0, events)


def test_what_has_ended_before_is_fine() -> None:
    login = a_login()
    said("end", str(login.pk), *WHY, "--yes")

    assert said("end", str(login.pk), *WHY, "--yes") == "There is nothing to end.\n"
    (found,) = told("end", "--all", *WHY, "--yes")
    assert (found["ended"], found["is_done"], found["ending"]) == (0, True, None)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What the next steps come to, after one that works."""
    errors: list[BaseException] = []
    real = endings.work

    def step(ending: Ending, **options: Any) -> Ending:
        if ending.ended and errors:
            raise errors.pop()
        return real(ending, **options)

    monkeypatch.setattr(endings, "work", step)
    monkeypatch.setattr(ending_run, "STEP_SECONDS", 0)
    monkeypatch.setattr("accounts.batches.FIRST", 5)
    monkeypatch.setattr("accounts.batches.MOST", 5)
    return errors


@pytest.mark.parametrize(
    ("error", "code"), [(OperationalError("gone"), 1), (KeyboardInterrupt(), 130)], ids=["database", "Ctrl-C"]
)
def test_what_is_broken_off_can_be_gone_on_with(
    error: BaseException, code: int, broken: list[BaseException]
) -> None:
    some_logins(30)
    broken.append(error)

    text, returned = refused("end", "--all", *WHY, "--yes")
    listed = json.loads(said("end", "--unfinished", "--json"))
    again = said(*text.split("manage.py logins ")[1].split())

    assert (returned, 0 < listed["ended"] < 30, listed["why"]) == (code, True, "laptop stolen")
    assert (again.startswith("30 logins were ended."), live()) == (True, 0)
    assert said("end", "--unfinished") == ""


def test_the_rest_may_be_left_alone(broken: list[BaseException]) -> None:
    some_logins(30)
    broken.append(OperationalError("gone"))
    refused("end", "--all", *WHY, "--yes")
    ending = Ending.objects.get()

    said("end", "--drop", str(ending.pk))
    text, code = refused("end", "--resume", str(ending.pk))

    assert (code, "left the rest alone" in text, live()) == (1, True, 30 - ending.ended)


def test_a_named_batch_that_fails_says_how_far_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    real, some = logins.end, [str(login.pk) for login in some_logins(150)]

    def end(ids: Any, **options: Any) -> int:
        if live() < 150:
            raise OperationalError("gone")
        return real(ids, **options)

    monkeypatch.setattr(logins, "end", end)
    text, code = refused("end", *some, *WHY, "--yes")

    assert (code, "100 logins have ended. Run it again to go on." in text, live()) == (1, True, 50)


def test_json_comes_even_when_something_is_left(broken: list[BaseException]) -> None:
    some_logins(30)
    broken.append(OperationalError("gone"))
    refused("end", "--all", *WHY, "--yes")
    endings.drop(Ending.objects.get())
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("logins", "end", "--resume", str(Ending.objects.get().pk), "--json", stdout=out)

    found = json.loads(out.getvalue())
    assert (found["is_done"], found["logins"], found["ended"]) == (False, 30, Ending.objects.get().ended)


@on_postgresql
@pytest.mark.parametrize("chosen", ["ids", "conditions"])
@pytest.mark.usefixtures("company")
def test_the_receipt_counts_the_processes_that_know(chosen: str) -> None:
    some = some_logins(3)
    what = [str(login.pk) for login in some] if chosen == "ids" else ["--flow", "token"]

    (found,) = told("end", *what, *WHY, "--yes")

    knowing = found["receipt"]
    assert (found["ended"], knowing["known"], knowing["processes"]) == (3, 2, 2), knowing
    assert (knowing["silent"], knowing["settled"]) == ([], True)
    assert "2 of 2 processes know" in knowing["text"]


def test_without_redis_the_receipt_states_the_bound() -> None:
    """In a program of its own, whose Redis is one where nobody listens."""
    a_login()

    done = run("end", "--all", *WHY, "--yes", "--json", REDIS_URL="redis://127.0.0.1:1/0")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["ended"], found["receipt"]["processes"], live()) == (1, None, 0)
    assert found["receipt"]["text"].startswith("Every process knows ")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_between_two_batches(number: signal.Signals) -> None:
    count = 3000
    some_logins(count)
    with subprocess.Popen(
        program("end", "--all", *WHY, "--yes", "--json"), cwd=PROJECT, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c,
    ) as process:  # fmt: skip
        wait_until(lambda: live() < count, what="a batch is over")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    found, ending = json.loads(out), Ending.objects.get()
    assert process.returncode == 128 + number
    assert (found["ended"], 0 < found["ended"] < count) == (count - live(), True)
    assert f"--resume {ending.pk}" in err
    assert (ending.stopped_at is not None, ending.ended) == (True, found["ended"])


@pytest.mark.slow
def test_a_terminal_is_asked_sees_how_far_it_is_and_goes_on() -> None:
    count = 1500
    some_logins(count)

    with terminal("end", "--all", *WHY) as screen:
        screen.see('Type "yes" to end them: ')
        assert live() == count
        screen.type("yes\n")
        screen.see("%  ")
        screen.type("\x03")
        assert screen.ended() == 130
    stopped = live()
    with terminal("end", "--resume", str(Ending.objects.get().pk)) as again:
        assert again.ended() == 0

    assert "This ends 1,500 logins of 1 person: all logins.\r\n" in screen.seen
    assert f"Stopped when {count - stopped:,} of 1,500 logins ended." in " ".join(screen.seen.split())
    assert ("login_ended" in screen.seen, "Traceback" in screen.seen) == (False, False)
    assert ("1500 logins were ended." in again.seen, live()) == (True, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code"), [("no\n", 1), ("\n", 1), ("\x04", 1), ("\x03", 130)])
def test_whoever_does_not_say_yes_ends_nothing(typed: str, code: int) -> None:
    a_login()

    with terminal("end", "--all", *WHY) as screen:
        screen.see('Type "yes" to end them: ')
        screen.type(typed)
        assert screen.ended() == code

    assert (live(), "Traceback" in screen.seen) == (1, False)
