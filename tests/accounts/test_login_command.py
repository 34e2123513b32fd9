"""`manage.py logins list` and `show`: the console's lists and stories, for whoever has only a shell."""

from __future__ import annotations

import io
import json
import subprocess
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import arguments, events, logins, paging
from accounts.logins import EndReason, Login
from accounts.search import Search
from tests.accounts.rows import a_login, a_person, end, some_logins, start
from tests.accounts.shell import Screen, environment, ids, program, refused, run, said, told
from tests.web import PROJECT

HOUR = timedelta(hours=1)


def of_each_kind() -> dict[str, Login]:
    """Logins that differ in whatever one may ask for."""
    now, bob = timezone.now(), a_person("bob@example.com", is_staff=True)
    made = {
        "hers": a_login(started_at=now - HOUR, seen_at=now),
        "his": a_login(bob, flow="session", address="10.1.2.3", started_at=now - 2 * HOUR, seen_at=now),
        "idle": a_login(started_at=now - 50 * HOUR, seen_at=now - 49 * HOUR),
        "expired": a_login(started_at=now - 60 * HOUR, seen_at=now, expires_at=now - HOUR),
        "ended": a_login(started_at=now - 70 * HOUR, seen_at=now),
    }
    end(made["ended"])
    return made


def test_every_condition_of_a_search_has_an_option() -> None:
    names = {*Search.__dataclass_fields__} - {"at"}

    assert set(arguments.META) == names


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["--state", "live"], "hers his idle"),
        (["--state", "expired"], "expired"),
        (["--end-reason", "logout"], "ended"),
        (["--flow", "session"], "his"),
        (["--idle", "2d"], "idle"),
        (["--since", "90m"], "hers"),
        (["--before", "65h"], "ended"),
        (["--staff", "yes"], "his"),
        (["--email", "BOB@"], "his"),
        (["--address", "10.0.0.0/8"], "his"),
        (["--state", "live", "--sort", "started", "--reverse", "--email", "alice"], "idle hers"),
        ([], "hers his idle expired ended"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_conditions_are_those_of_the_admin(asked: list[str], found: str) -> None:
    made = of_each_kind()
    names = {str(login.pk): name for name, login in made.items()}

    assert " ".join(names[pk] for pk in ids("list", *asked)) == found


def test_ids_of_logins_and_people_are_conditions_too() -> None:
    made = of_each_kind()

    assert ids("list", "--login", str(made["idle"].pk)) == [str(made["idle"].pk)]
    assert ids("list", "--person", str(made["his"].user_uuid)) == [str(made["his"].pk)]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (["--state", "dead"], "argument --state: This is none of: live, expired, ended."),
        (["--end-reason", "boredom"], "argument --end-reason: This is none of: logout"),
        (["--email", ""], "argument --email: There is nothing in it."),
        (["--email", "  "], "argument --email: There is nothing in it."),
        (["--login", "1"], "argument --login: This is no id."),
        (["--sort", "seen"], "argument --sort: By seen only what has not ended"),
        (["--limit", "-1"], "argument --limit: This is no number of Logins."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_read_is_said_beside_its_name(asked: list[str], error: str) -> None:
    told_so, code = refused("list", *asked)

    assert (error in told_so, code) == (True, 2)


def test_every_bad_condition_is_said_at_once() -> None:
    told_so, _code = refused("list", "--state", "dead", "--address", "nowhere")

    assert told_so.count("argument --") == 2


def test_json_tells_all_and_a_line_for_each() -> None:
    olga = a_person("olga@example.com")
    login = a_login()
    logins.end([login.pk], reason=EndReason.REVOKED_BY_OPERATOR, by=olga)

    (found,) = told("list")

    assert found.pop("started_at") == login.started_at.isoformat().replace("+00:00", "Z")
    for name in ("seen_at", "expires_at", "ended_at"):
        assert found.pop(name).endswith("Z")
    assert found == {
        "id": str(login.pk), "person": str(login.user_uuid), "email": "alice@example.com", "flow": "token",
        "state": "ended", "device": "curl", "address": "203.0.113.9", "idle_timeout_seconds": 1800,
        "end_reason": "revoked_by_operator", "ended_by": "olga@example.com",
    }  # fmt: skip


@pytest.mark.parametrize("asked", [[], ["--state", "live", "--sort", "seen"], ["--staff", "no"]], ids=str)
def test_all_are_written_page_after_page(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("LOOK", 7), ("GLANCE", 3), ("AT_ONCE", 5)):
        monkeypatch.setattr(paging, name, number)
    monkeypatch.setattr("accounts.listing.FEW", 4)
    # By turns, so that no look of seven finds a page of five that are not an operator's.
    olga = a_person("olga@example.com", is_staff=True)
    made = [a_login(olga if number % 2 else None) for number in range(46)]

    found = ids("list", "--limit", "0", *asked)

    wanted = made[::2] if "--staff" in asked else made
    assert sorted(found) == sorted(str(login.pk) for login in wanted)


def test_no_page_costs_more_statements_than_the_one_before() -> None:
    some_logins(1200)
    counts = []
    for limit in (500, 1000):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            said("list", "--limit", str(limit))
        counts.append(len(asked))

    # Keys, rows, and nothing that was asked once for all.
    assert counts[1] - counts[0] <= 3


def test_whoever_does_not_get_all_is_told_so_beside_the_data() -> None:
    some_logins(3)
    err = io.StringIO()

    out = said("list", "--limit", "2", err=err)

    assert (len(out.splitlines()), err.getvalue()) == (2, "2 of 3 logins; --limit 0 shows all\n")


def test_whoever_gets_all_is_told_nothing_more() -> None:
    some_logins(2)
    err = io.StringIO()

    said("list", err=err)

    assert err.getvalue() == ""


def test_a_terminal_gets_a_table_and_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    login = a_login(device="evil\x1b[2J\nthing")

    lines = said("list", out=Screen()).splitlines()

    assert lines[0].split() == ["id", "person", "state", "started", "(UTC)", "address"]
    assert (lines[1].split()[:3], lines[2:]) == ([str(login.pk), "alice@example.com", "live"], ["1 login"])
    assert max(map(len, lines)) <= 100


def test_an_empty_list_says_that_it_is_empty() -> None:
    assert said("list", out=Screen()) == "0 logins\n"
    assert said("list") == ""


def test_whoever_stops_reading_ends_it_without_a_word() -> None:
    some_logins(2000)
    with subprocess.Popen(
        program("list", "--limit", "0"),
        cwd=PROJECT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        complaint = process.stderr.read()

    assert (complaint, process.wait(20)) == ("", 141)


def test_a_login_is_shown_with_its_story() -> None:
    alice = a_person()
    login, other = start(alice), a_login()
    events.record("authn_password_change", user=alice.pk, actor=alice.pk)
    logins.end([login.pk], reason=EndReason.REVOKED_BY_OPERATOR, by=a_person("olga@example.com"))

    (found,) = told("show", str(login.pk))
    text = said("show", str(login.pk), out=Screen())

    assert [moment["title"] for moment in found["story"]] == ["Ended", "Password changed", "Signed in"]
    assert (found["story"][0]["who"], found["others"]) == ("olga@example.com", [str(other.pk)])
    for part in (str(login.pk), "Password changed", "by: olga@example.com", "reason: ended by an operator"):
        assert part in text


def test_a_long_story_is_told_to_its_beginning() -> None:
    login = start(alice := a_person())
    for _ in range(120):
        events.record("authn_step_up", login=login.pk, user=alice.pk, actor=alice.pk)

    (found,) = told("show", str(login.pk))

    assert (len(found["story"]), found["story"][-1]["kind"]) == (121, "start")


@pytest.mark.parametrize(
    ("asked", "code"), [("2262326d-487d-4a39-96ac-e5619f6f263b", 1), ("2262326d", 2), ("\x1b[2J", 2)]
)
def test_an_id_that_is_none_or_nobodys_is_said(asked: str, code: int) -> None:
    assert refused("show", asked)[1] == code


def test_a_database_that_is_away_is_said_and_exit_code_1() -> None:
    away = "postgresql://authdemo:not-shown@127.0.0.1:1/authdemo"
    done = run("list", DATABASE_URL=away)

    assert (done.returncode, done.stdout) == (1, "")
    assert "CommandError: The database failed: " in done.stderr
    assert ("Traceback" in done.stderr, "not-shown" in done.stderr) == (False, False)


def test_nothing_is_read_from_a_process_that_serves() -> None:
    """No Redis and no web process: the settings' Redis is one where nobody listens."""
    login = a_login()
    done = run("list", "--json", REDIS_URL="redis://127.0.0.1:1/0")

    assert json.loads(done.stdout)["id"] == str(login.pk)
