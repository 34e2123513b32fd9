"""What Logins are looked for: each condition finds what it says, junk is named, and words say it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.search import BadSearch, Search, email_begins, recognised
from tests.accounts.rows import a_login, a_person

NOW = datetime.now(timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def found(**values: str) -> set[str]:
    """The devices of what a search finds."""
    return set(Search.read(values).matching().values_list("device", flat=True))


@pytest.fixture
def four() -> None:
    """Each state once, of Bob, who is an operator, and of Alice; named by the device."""
    bob = a_person("bob@example.com", is_staff=True)
    a_login(bob, device="new", flow="session", address="10.1.2.3")
    a_login(bob, device="idle", seen_at=NOW - 8 * DAY, started_at=NOW - 9 * DAY, address="10.200.0.1")
    a_login(device="over", expires_at=NOW, address="2001:db8::1", seen_at=NOW - DAY, started_at=NOW - 2 * DAY)
    ended: dict[str, Any] = {"ended_at": NOW, "end_reason": EndReason.REFRESH_REUSED}
    a_login(device="ended", address="203.0.113.9", started_at=NOW - 40 * DAY, **ended)


@pytest.mark.parametrize(
    ("values", "devices"),
    [
        ({}, "new idle over ended"),
        ({"state": "live"}, "new idle"),
        ({"state": "expired"}, "over"),
        ({"state": "ended"}, "ended"),
        ({"flow": "session"}, "new"),
        ({"reason": "refresh_reused"}, "ended"),
        ({"reason": "logout"}, ""),
        ({"idle": "12h"}, "idle over"),
        ({"idle": "7d"}, "idle"),
        ({"since": "3d"}, "new over"),
        ({"before": "3d"}, "idle ended"),
        ({"since": "10d", "before": "1d"}, "idle over"),
        ({"since": (NOW - 3 * DAY).isoformat()}, "new over"),
        ({"before": (NOW - 20 * DAY).date().isoformat()}, "ended"),
        ({"staff": "yes"}, "new idle"),
        ({"staff": "no"}, "over ended"),
        ({"email": "bo"}, "new idle"),
        ({"email": " BOB@Example.com "}, "new idle"),
        ({"email": "ob"}, ""),
        ({"address": "10.0.0.0/8"}, "new idle"),
        ({"address": "10.1.2.3"}, "new"),
        ({"address": "::ffff:10.1.2.3"}, "new"),
        ({"address": "2001:db8::/32"}, "over"),
        ({"address": "10.1.2.4"}, ""),
        ({"state": "live", "email": "b", "idle": "1d"}, "idle"),
        ({"state": "", "flow": ""}, "new idle over ended"),
    ],
)
@pytest.mark.usefixtures("four")
def test_each_condition_finds_what_it_says(values: dict[str, str], devices: str) -> None:
    assert found(**values) == set(devices.split())


@pytest.mark.usefixtures("four")
def test_a_login_and_a_person_are_found_by_their_ids() -> None:
    bob = User.objects.get(email="bob@example.com")
    login = Login.objects.get(device="over")

    assert found(person=str(bob.pk)) == {"new", "idle"}
    assert found(login=login.pk.hex) == {"over"}
    assert found(login=str(bob.pk)) == found(person=str(uuid4())) == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("state", "dead"), ("flow", "nonsense"), ("reason", "because"), ("staff", "maybe"),
        ("idle", "7"), ("idle", "-1d"), ("idle", "1y"), ("idle", "999999w"), ("idle", "١d"),
        ("since", "yesterday"), ("since", "2026-13-01"),
        ("before", "0001-01-01"), ("before", "9999-12-31T23:59Z"),
        ("email", "x" * 255), ("email", "  "), ("email", "\ud800"), ("email", "a\0"),
        ("address", "10.0.0.0/33"), ("address", "example.com"), ("address", "10.0.0"),
        ("login", "1"), ("person", "z" * 32), ("at", "then"), ("stat", "live"), ("user__password", "a"),
    ],
)  # fmt: skip
def test_junk_is_named_with_its_field(name: str, text: str) -> None:
    with pytest.raises(BadSearch) as bad:
        Search.read({"flow": "token", name: text})

    assert list(bad.value.errors) == [name]
    assert all(bad.value.errors.values())


def test_each_bad_value_is_named_at_once() -> None:
    with pytest.raises(BadSearch, match=r"state: .*idle: ") as bad:
        Search.read({"state": "dead", "idle": "long", "flow": "token"})

    assert list(bad.value.errors) == ["state", "idle"]


def test_a_search_is_kept_as_text_and_finds_the_same_later() -> None:
    values = {
        "state": "live", "flow": "token", "reason": "logout",
        "idle": "90s", "since": "1d", "before": "2026-11-01",
        "staff": "no", "email": "ali", "address": "10.0.0.0/8",
        "login": str(uuid4()), "person": str(uuid4()),
    }  # fmt: skip
    search = Search.read(values)

    again = Search.read(search.values())

    assert again == search
    assert again.given().keys() == values.keys()
    assert again.since == search.at - DAY


def test_now_stands_still_for_whoever_works_through_it() -> None:
    a_login(device="soon over", expires_at=NOW + HOUR)
    later = Search(state="live", at=NOW + 2 * HOUR)

    assert Search.read({"state": "live"}).matching().count() == 1
    assert later.matching().count() == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "all logins"),
        ({"state": "live", "flow": "token"}, "live logins, Token flow"),
        ({"reason": "refresh_reused"}, "logins, a used refresh token came back"),
        ({"email": "ali", "staff": "yes"}, "logins, of operators, of people whose address begins with “ali”"),
        ({"address": "10.0.0.0/8", "idle": "7d"}, "logins, idle for at least 1\xa0week, from 10.0.0.0/8"),
        ({"before": "2026-11-01"}, "logins, started before Nov. 1, 2026, midnight"),
    ],
)
def test_words_say_what_is_looked_for(values: dict[str, str], words: str) -> None:
    assert Search.read(values).words() == words


@pytest.mark.parametrize(
    ("key", "like", "unlike"),
    [
        ("a", ["a@example.com", "ab@example.com", "az@x.com"], ["b@example.com", "ba@example.com"]),
        ("a%", ["a%b@example.com"], ["ab@example.com"]),
        ("a_", ["a_b@example.com"], ["ab@example.com"]),
        ("a\\", ["a\\b@example.com"], ["ab@example.com"]),
        ("é", ["É@example.com", "éa@example.com"], ["e@example.com", "ê@example.com"]),
        ("\ud7ff", ["\ud7ffa@example.com"], ["\ue000@example.com"]),
        ("\U0010ffff", ["\U0010ffff\U0010ffff@example.com"], ["z@example.com"]),
        ("z\U0010ffff", ["z\U0010ffff@example.com"], ["z@example.com", "zz@example.com"]),
    ],
)  # fmt: skip
def test_a_beginning_is_a_range_and_nothing_else(key: str, like: list[str], unlike: list[str]) -> None:
    for email in [*like, *unlike]:
        User.objects.create_user(email)

    assert set(User.objects.filter(email_begins(key)).values_list("email", flat=True)) == {
        User.objects.normalize_email(email) for email in like
    }


def test_one_field_takes_ids_addresses_networks_and_emails() -> None:
    login = a_login()

    assert recognised(f" {login.pk.hex} ") == {"login": str(login.pk)}
    assert recognised(str(login.user_id)) == {"person": str(login.user_id)}
    assert recognised("10.0.0.0/8") == {"address": "10.0.0.0/8"}
    assert recognised("alice") == {"email": "alice"}
    assert recognised("  ") == {}
