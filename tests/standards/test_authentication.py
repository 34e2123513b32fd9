"""What may be a password, who looks at it, how often one may guess: rows of docs/threats.md, one by one."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.signals import user_login_failed
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.events import Event
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, olga
from accounts.throttle import Attempts
from tests import web
from tests.doors import unnamed
from tests.standards.doors import (
    ALICE,
    DOORS,
    NEW,
    OLGA,
    PLACES,
    SIGN_IN_DOORS,
    follow,
    knock,
    link,
    opened,
    program,
    refused,
    signed_in,
)
from tests.stores import Stores
from tests.tokens_stateless.conftest import Noted

REAL_HASHERS = settings.PASSWORD_HASHERS
TWELVE = replace(settings.ACCOUNTS, free_failures=12, hard_stop_failures=12)
EMOJI = "".join(chr(0x1F600 + number) for number in range(15))
DIGITS = "".join(random.Random(1).choices("0123456789", k=64))
FORM: Any = "application/x-www-form-urlencoded"
THIEF, HOME = "203.0.113.9", "198.51.100.7"

pytestmark = pytest.mark.usefixtures("work")


def is_alices(password: str) -> bool:
    """Whether Alice can sign in with it."""
    return opened("/api/token/", knock("/api/token/", password, email=ALICE))


@pytest.mark.parametrize("place", PLACES)
def test_a_new_password_has_15_code_points_at_least(place: str) -> None:
    """NIST 3.1.1.2; ASVS 6.2.1"""
    form = PLACES[place]()

    assert form.choose("tuliplampriver").status_code == 400
    assert form.choose(EMOJI[:14]).status_code == 400
    assert form.choose(EMOJI).status_code == 302
    assert is_alices(EMOJI)


@pytest.mark.parametrize("place", PLACES)
def test_a_guessable_password_is_refused_and_the_reason_is_told(place: str) -> None:
    """ASVS 6.2.4; NIST blocklist; ASVS 6.1.2 (words of the context)"""
    form = PLACES[place]()

    for new in ("passwordpassword", "a" * 20, "qwertyqwertyqwerty", ALICE * 2, "authdemoauthdemo"):
        answer = form.choose(new)

        assert answer.status_code == 400
        assert "This password is easy to guess" in answer.content.decode()
        assert new not in answer.content.decode()


@pytest.mark.parametrize(
    ("place", "new"),
    [
        ("sign-up", DIGITS),
        ("sign-up", "tuliplampriverchair"),
        ("reset", " to be or not to be "),
        ("change", EMOJI * 5),
    ],
)
def test_there_are_no_rules_of_composition_and_64_characters_are_welcome(place: str, new: str) -> None:
    """ASVS 6.2.5; ASVS 6.2.9"""
    assert PLACES[place]().choose(new).status_code == 302
    assert is_alices(new)


@pytest.mark.parametrize("door", DOORS)
def test_every_door_takes_the_same_bytes(door: str) -> None:
    """ASVS 6.2.8; T13"""
    person = olga()

    for password in ("  a space at each end  ", EMOJI, "naïve cafe\u0301 au lait", "tab\tand \"'<&+%"):
        person.set_password(password)
        person.save()
        for other in {password.strip(), password + " ", password.replace("e\u0301", "é")} - {password}:
            assert refused(door, knock(door, other))
        assert opened(door, knock(door, password))
        person.refresh_from_db()


@pytest.mark.parametrize("place", PLACES)
def test_a_password_is_kept_as_it_was_chosen(place: str) -> None:
    """ASVS 6.2.8: not trimmed, not cut, not normalised."""
    chosen = "  cafe\u0301 au lait et croissant  "

    PLACES[place]().choose(chosen)

    assert User.objects.get(email=ALICE).check_password(chosen)


@pytest.mark.parametrize("place", PLACES)
def test_bytes_that_are_no_text_never_become_a_password(place: str) -> None:
    """ASVS 6.2.8: else whatever is no UTF-8 would be one and the same password."""
    form = PLACES[place]()

    for sent in ("%FFunny+text+here+is+long", "nul%00here+and+long+enough"):
        typed = urlencode(form.more) + f"&password={sent}&password_again={sent}"
        assert form.browser.post(form.path, typed, FORM).status_code == 400
    assert all(user.check_password(PASSWORD) for user in User.objects.all())


@pytest.mark.parametrize("door", ["/api/session/", "/api/token/"])
def test_a_number_is_no_password(door: str) -> None:
    """ASVS 6.2.8: a door that turns numbers into text takes other bytes than were sent."""
    User.objects.create_superuser(OLGA, "918273645546372")

    answer = Client().post(door, {"email": OLGA, "password": 918273645546372}, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("door", DOORS)
def test_no_door_looks_at_a_nul(door: str, work: list[int]) -> None:
    """ASVS 6.2.8"""
    olga()
    work.clear()

    answer = knock(door, PASSWORD + "\0")

    # The admin's form, shown again, is a 200.
    assert answer.status_code == (200 if "admin" in door else 400)
    assert (work, Attempts.objects.count()) == ([], 0)


@pytest.mark.parametrize("door", DOORS)
def test_no_door_hashes_more_than_4096_bytes(door: str, work: list[int]) -> None:
    """ASVS 6.2.9: a body over 64 KiB is not even read."""
    olga()
    work.clear()

    answers = [knock(door, endless) for endless in ("x" * 4097, "🦊" * 1025, "x" * 1_000_000)]

    assert [answer.status_code >= 400 or "admin" in door for answer in answers] == [True] * 3
    assert not [answer for answer in answers if opened(door, answer)]
    assert answers[-1].status_code == 413
    assert (work, Attempts.objects.count()) == ([], 0)


@pytest.mark.parametrize("place", PLACES)
def test_nor_is_a_longer_one_accepted_when_it_is_chosen(place: str, work: list[int]) -> None:
    """ASVS 6.2.9"""
    form = PLACES[place]()
    work.clear()

    assert [form.choose(endless).status_code for endless in ("x" * 4097, EMOJI * 69)] == [400, 400]
    # A change has looked at the old password, both times.
    assert work == ([len(PASSWORD)] * 2 if form.more else [])


@pytest.mark.parametrize("door", DOORS)
def test_4096_bytes_open_every_door(door: str) -> None:
    """ASVS 6.2.9"""
    longest = DIGITS * 64
    User.objects.create_superuser(OLGA, longest)

    assert opened(door, knock(door, longest))


@pytest.mark.parametrize("old", [None, "", OTHER_PASSWORD])
def test_a_change_needs_the_present_password(old: str | None) -> None:
    """ASVS 6.2.2; ASVS 6.2.3"""
    typed = {"password": NEW, "password_again": NEW, **({} if old is None else {"old_password": old})}

    answer = signed_in(alice().email).post("/password/change/", typed)

    assert answer.status_code == 400
    assert User.objects.get().check_password(PASSWORD)


class Fields(HTMLParser):
    """The inputs of a page that a person fills in."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(answer.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        if tag == "input" and about.get("type") in ("email", "text", "password") and "name" in about:
            self.found.append(about)


PAGES = {
    "/login/": ["username", "current-password"],
    "/admin/login/": ["username", "current-password"],
    "/signup/": ["username"],
    "/password/reset/": ["username"],
    "sign-up": ["new-password", "new-password"],
    "reset": ["new-password", "new-password"],
    "change": ["current-password", "new-password", "new-password"],
}


@pytest.mark.parametrize("page", PAGES)
def test_passwords_are_masked_and_can_be_pasted_and_kept_by_a_manager(page: str) -> None:
    """ASVS 6.2.6; ASVS 6.2.7"""
    form = PLACES[page]() if page in PLACES else None
    fields = Fields(form.browser.get(form.path) if form else Client().get(page)).found

    assert [about["autocomplete"] for about in fields] == PAGES[page]
    secret = [about for about in fields if "password" in str(about["autocomplete"])]
    assert {about["type"] for about in secret} <= {"password"}
    assert all(int(about.get("maxlength") or 4096) >= 64 for about in secret)
    assert not [name for about in fields for name in about if name.startswith("on")]


def test_no_password_grows_too_old() -> None:
    """ASVS 6.2.10"""
    olga()

    with time_machine.travel(timezone.now() + timedelta(days=3653), tick=False):
        assert opened("/login/", knock("/login/", PASSWORD))


@override_settings(PASSWORD_HASHERS=REAL_HASHERS)
def test_a_password_is_stored_as_argon2id_at_the_listed_costs() -> None:
    """ASVS 11.4.2"""
    PLACES["sign-up"]().choose(NEW)

    assert User.objects.get().password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("door", DOORS)
@override_settings(PASSWORD_HASHERS=REAL_HASHERS)
def test_pbkdf2_is_accepted_and_replaced_and_nobody_is_signed_out(door: str) -> None:
    """ASVS 11.4.2; feed 14"""
    user = User.objects.create_superuser(OLGA)
    old = PBKDF2PasswordHasher().encode(PASSWORD, "a salt of that sort", 1_000)
    User._base_manager.filter(pk=user.pk).update(password=old)
    tab = signed_in(OLGA)

    assert opened(door, knock(door, PASSWORD))

    assert User.objects.get().password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    if door in SIGN_IN_DOORS:
        assert tab.get("/api/me/").status_code == 200


def assert_closed(doors: Any, work: list[int], **extra: Any) -> None:
    """Not even the right password is looked at, and each door says for how long."""
    work.clear()
    answers = [knock(door, PASSWORD, **extra) for door in doors]

    assert [answer.status_code for answer in answers] == [429] * len(answers)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert work == []


@override_settings(ACCOUNTS=TWELVE)
@pytest.mark.parametrize("door", DOORS)
def test_twelve_wrong_passwords_at_a_door_close_it(door: str, work: list[int]) -> None:
    """ASVS 6.3.1; NIST 3.2.2; T14"""
    olga()

    assert all(refused(door, knock(door, OTHER_PASSWORD)) for _ in range(12))
    assert_closed([door], work)


@override_settings(ACCOUNTS=TWELVE)
def test_six_at_the_page_and_six_at_the_api_are_twelve_at_every_door(work: list[int]) -> None:
    """ASVS 6.3.1; ASVS 6.3.4"""
    olga()

    for door in ("/login/", "/api/token/") * 6:
        assert refused(door, knock(door, OTHER_PASSWORD))

    assert_closed(DOORS, work)


@override_settings(ACCOUNTS=TWELVE)
def test_fifty_parallel_guesses_at_all_doors_are_never_more_than_twelve(work: list[int]) -> None:
    """ASVS 6.3.1"""
    olga()
    work.clear()
    start = Barrier(50)

    def guess(number: int) -> int:
        try:
            start.wait(20)
            return int(knock(list(SIGN_IN_DOORS)[number % 4], OTHER_PASSWORD).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(guess, range(50)))

    assert (statuses.count(429), len(work)) == (38, 12)


def set_failures(number: int) -> None:
    """As if every counter that there is had counted so many, and waited out its block."""
    Attempts.objects.update(failures=number, blocked_until=None)


def test_after_a_hundred_failures_the_next_is_not_looked_at(work: list[int]) -> None:
    """NIST 3.2.2; ASVS 6.3.1: from wherever it comes."""
    olga()
    knock("/login/", OTHER_PASSWORD, REMOTE_ADDR=THIEF)
    set_failures(99)
    knock("/api/token/", OTHER_PASSWORD, REMOTE_ADDR=THIEF)

    assert_closed(DOORS, work, REMOTE_ADDR=HOME)
    hours = int(knock("/login/", PASSWORD, REMOTE_ADDR=HOME).headers["Retry-After"]) / 3600
    assert 23 < hours <= 24


@pytest.mark.parametrize("door", DOORS)
def test_the_owner_of_a_stopped_account_gets_in_through_a_reset(door: str) -> None:
    """ASVS 6.3.1: nobody is locked out for good."""
    olga()
    knock("/login/", OTHER_PASSWORD, REMOTE_ADDR=THIEF)
    set_failures(99)
    knock("/login/", OTHER_PASSWORD, REMOTE_ADDR=THIEF)

    assert follow(link("/password/reset/", OLGA)).choose(OTHER_PASSWORD).status_code == 302

    assert opened(door, knock(door, OTHER_PASSWORD, REMOTE_ADDR=HOME))


@override_settings(ACCOUNTS=TWELVE)
def test_neither_another_account_nor_another_address_is_concerned(work: list[int]) -> None:
    """ASVS 6.3.1"""
    olga()
    for _attempt in range(12):
        knock("/login/", OTHER_PASSWORD, email=ALICE, REMOTE_ADDR=THIEF)

    for address in (THIEF, HOME):
        assert all(opened(door, knock(door, PASSWORD, REMOTE_ADDR=address)) for door in SIGN_IN_DOORS)
    assert_closed(SIGN_IN_DOORS, work, email=ALICE, REMOTE_ADDR=HOME)


def test_one_address_that_tries_many_accounts_is_stopped_whatever_it_says_of_itself(work: list[int]) -> None:
    """ASVS 6.3.1 (spraying); ASVS 4.1.3 (X-Forwarded-For from whom nobody trusts)"""
    olga()
    for number, door in enumerate([*SIGN_IN_DOORS, "/login/"]):
        set_failures(60 if number == 4 else number)
        forged = {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
        knock(door, PASSWORD, email=f"person{number}@example.com", REMOTE_ADDR=THIEF, headers=forged)

    assert Attempts.objects.count() == 5 + 1
    assert_closed(SIGN_IN_DOORS, work, REMOTE_ADDR=THIEF, headers={"X-Forwarded-For": HOME})
    assert opened("/login/", knock("/login/", PASSWORD, REMOTE_ADDR=HOME))


@pytest.mark.parametrize("door", DOORS)
def test_every_door_tells_what_happened_at_it(door: str, noted: Noted) -> None:
    """ASVS 6.3.4: the same events whichever door it was."""
    olga()
    knock(door, PASSWORD)
    succeeded = Event.objects.exclude(name="login_ended").latest("pk").name
    noted.events.clear()
    with override_settings(ACCOUNTS=replace(TWELVE, free_failures=1, hard_stop_failures=1)):
        knock(door, OTHER_PASSWORD)
        knock(door, OTHER_PASSWORD)

    others = {"/password/change/": "authn_password_change"}
    others |= dict.fromkeys(("/login/again/", "/api/token/again/"), "authn_step_up")
    assert succeeded == others.get(door, "authn_login_success")
    names = [event["name"] for event in noted.events]
    failures = [name for name in names if name.startswith("authn_login_fail")]
    assert failures == ["authn_login_fail", "authn_login_fail_max"]


def addresses(resolver: Any, before: str = "") -> Iterator[str]:
    """An address for each view of the project."""
    for pattern in resolver.url_patterns:
        route = before + example(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield f"/{route}"


def example(route: str) -> str:
    """An address that this route takes."""
    values = {
        "uuid": "7f3c1d52-8b7e-4f0a-9d37-2f1e6a5b4c3d",
        "int": "1",
        "str": "choose",
        "path": "1",
        "slug": "call",
    }
    route = re.sub(r"<(\w+):\w+>", lambda found: values[found[1]], route)
    route = re.sub(r"\(\?P<app_label>(\w+)[^)]*\)", r"\1", route)
    return re.sub(r"\(\?P<url>[^)]*\)", "nothing/", route).strip("^$")


def test_only_the_listed_doors_look_at_a_password(work: list[int]) -> None:
    """ASVS 6.1.3; ASVS 6.3.4: whoever adds a door must list it, here and in docs/threats.md."""
    alice()
    olga()
    names = ("email", "username", "login", "password", "old_password", "current_password")
    typed = {**dict.fromkeys(names, OTHER_PASSWORD), "email": OLGA, "username": OLGA, "login": OLGA}
    basic = {"Authorization": "Basic b2xnYUBleGFtcGxlLmNvbTphIGxvbmcgZW5vdWdoIHBhc3N3b3Jk"}
    asked: list[Any] = []

    def hear(**_signal: Any) -> None:
        asked.append(1)

    user_login_failed.connect(hear)
    found = set()
    with override_settings(
        ACCOUNTS=replace(TWELVE, free_failures=10**6, address_free_failures=10**6, hard_stop_failures=10**6)
    ):
        for path in addresses(get_resolver()):
            for browser in (Client(), signed_in(OLGA), program(OLGA)):
                work.clear()
                asked.clear()
                browser.get(path, headers=basic)
                browser.post(path, typed)
                browser.post(path, typed, "application/json")
                if work or asked:
                    found.add(path)
    user_login_failed.disconnect(hear)

    assert found == set(DOORS)


def told(answer: Any, email: str) -> tuple[int, dict[str, str], str]:
    """All that an answer tells; without what is random, the time, and what the visitor has typed."""
    status, content, headers = unnamed(answer)
    body = re.sub(r"[A-Za-z0-9]{64}", "(random)", content.decode()).replace(email, "(typed)")
    return status, {**headers, "Content-Length": "", "Expires": ""}, body


def effort(act: Any, work: list[int]) -> tuple[list[str], int]:
    """What an act costs: its statements without their values, and how often something was hashed."""
    work.clear()
    with CaptureQueriesContext(connection) as captured:
        act()
    return [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in captured], len(work)


@pytest.mark.parametrize("door", SIGN_IN_DOORS)
def test_unknown_wrong_and_disabled_are_one_answer_at_the_same_cost(door: str, work: list[int]) -> None:
    """ASVS 6.3.8"""
    alice()
    User.objects.create_user("carol@example.com", PASSWORD, is_active=False)
    User.objects.create_user("dave@example.com")
    answers, costs = [], []

    for number, name in enumerate(("alice", "carol", "dave", "nobody")):
        email, password = f"{name}@example.com", OTHER_PASSWORD if name == "alice" else PASSWORD
        extra = {"email": email, "REMOTE_ADDR": f"192.0.2.{number}"}
        costs.append(effort(lambda: knock(door, password, **extra), work))  # noqa: B023
        answers.append(told(knock(door, password, **extra), email))

    assert answers == [answers[0]] * 4
    assert costs == [costs[0]] * 4
    assert costs[0][1] == 1


@override_settings(ACCOUNTS=replace(TWELVE, free_failures=1, hard_stop_failures=1))
@pytest.mark.parametrize("door", SIGN_IN_DOORS)
def test_a_stopped_account_is_no_more_known_than_one_that_does_not_exist(door: str, work: list[int]) -> None:
    """ASVS 6.3.8: 429 is not for real accounts alone."""
    alice()
    answers, costs = [], []

    for email in (ALICE, "nobody@example.com"):
        knock(door, OTHER_PASSWORD, email=email)
        costs.append(effort(lambda: knock(door, PASSWORD, email=email), work))  # noqa: B023
        answers.append(told(knock(door, PASSWORD, email=email), email)[0])

    assert answers == [429, 429]
    assert costs[0] == costs[1]


def test_a_new_installation_has_nobody_in_it(stores: Stores, tmp_path: Path) -> None:
    """ASVS 6.3.2"""
    url = stores.postgres.create("nobody_yet") if stores.postgres else f"sqlite:///{tmp_path / 'new.sqlite3'}"
    new = {"DATABASE_URL": url}

    web.manage("migrate", variables=new)

    assert web.manage("dumpdata", "accounts", "auth.Group", variables=new).strip() == "[]"


@override_settings(DEBUG=False)
def test_demo_people_are_not_made_where_debug_is_off() -> None:
    """ASVS 6.3.2"""
    with pytest.raises(CommandError, match="DEBUG"):
        call_command("demo")

    assert not User.objects.exists()
