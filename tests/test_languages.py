"""A visitor is spoken to in their language, everywhere; programs and logs are not."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client, override_settings
from django.utils import timezone, translation
from django.utils.formats import date_format

from accounts import credentials, links, logins, mail, notices
from accounts.logins import EndReason, Login
from accounts.logs import JSONFormatter
from accounts.models import User
from accounts.tally import in_words
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice
from authdemo.conf import Lab
from tests.accounts.rows import a_login, a_person
from tests.accounts.staff import LOGINS, PEOPLE, operator
from tests.catalogs import catalogs, messages
from tests.doors import everything, nobody, reset_path, with_cookie, with_reset_link, with_signup_link
from tests.tokens_stateless.callers import party
from tokens_stateless import keyring
from tokens_stateless.models import SigningKey

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
# Shorter ones are words that may well be part of a name, an address or a piece of code.
SHORTEST = 13
ADMIN = "/admin/"
EVENTS, KEYS, CLIENTS = (
    "/admin/accounts/event/",
    "/admin/tokens_stateless/signingkey/",
    "/admin/tokens_stateless/client/",
)

PERMISSIONS = re.compile(r'<select name="(user_)?permissions".*?</select>', re.DOTALL)


def fragments(text: str) -> list[str]:
    """What of a text is the same wherever it stands: the parts between its placeholders."""
    return [part.strip() for part in re.split(r"%\(\w+\)[a-z]|\{\w*\}|<[^>]+>|\n", text)]


def told_apart() -> tuple[set[str], set[str]]:
    """The English parts that no German text has, and the German ones that no English text has."""
    pairs = [form for catalog in catalogs() for message in messages(catalog) for form in message.forms]
    english = {part for text, _said in pairs for part in fragments(text) if len(part) >= SHORTEST}
    german = {part for _text, said in pairs for part in fragments(said) if len(part) >= SHORTEST}
    all_english, all_german = " ".join(text for text, _said in pairs), " ".join(said for _text, said in pairs)
    return (
        {part for part in english if part not in all_german},
        {part for part in german if part not in all_english},
    )


ENGLISH, OUR_GERMAN = told_apart()


def english_in(answer: Any) -> set[str]:
    """Our English texts that stand in this answer."""
    # The names of permissions were stored once, as Django does, in English.
    return english_in_text(html.unescape(PERMISSIONS.sub("", answer.content.decode())))


def english_in_text(text: str) -> set[str]:
    """Our English texts that stand in this one, however its lines are broken."""
    shown = " ".join(text.split())
    return {part for part in ENGLISH if re.search(rf"(?<!\w){re.escape(part)}(?!\w)", shown)}


def german(client: Client) -> Client:
    """The same browser, whose owner prefers German."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = GERMAN["Accept-Language"]
    return client


def seen(client: Client, *paths: str, **post: Any) -> dict[str, set[str]]:
    """The pages at these addresses on which English stands; each must be there, and in German."""
    found = {}
    for path in paths:
        answer = german(client).post(path, post) if post else german(client).get(path)
        assert answer.status_code != 302, path
        assert answer.headers["Content-Language"] == "de", path
        if parts := english_in(answer):
            found[path] = parts
    return found


def test_the_search_for_english_finds_it() -> None:
    assert len(ENGLISH) > 300
    assert "Where you are logged in" in english_in(with_cookie(alice().email).get("/logins/"))


def test_pages_for_everybody_are_in_german() -> None:
    paths = (
        "/", "/login/", "/signup/", "/signup/sent/", "/signup/choose/", "/token/", "/nowhere/",
        "/password/reset/", "/password/reset/sent/", "/password/reset/x/choose/",
        "/login/?next=//evil.example", "/logout/", "/admin/login/",
    )  # fmt: skip
    assert seen(nobody(), *paths) == {}


def test_the_demonstration_is_in_german() -> None:
    alice()

    with override_settings(DEBUG=True, LAB=Lab(is_on=True)):
        assert seen(nobody(), "/", "/lab/") == {}


def test_pages_for_people_are_in_german() -> None:
    person = alice()
    end_one_of_each_kind(person)
    browser = with_cookie(person.email)
    a_login(person)

    paths = ("/", "/logins/", "/password/change/", "/password/change/?not-me", "/login/again/", "/nowhere/")
    assert seen(browser, *paths) == {}


def test_forms_that_are_refused_say_so_in_german() -> None:
    person = alice()
    browser, asked = with_cookie(person.email), nobody()

    wrong = {"email": "alice@example.com", "password": "wrong", "old_password": "wrong"}
    long = {"email": f"{'a' * 300}@example.com"}
    assert seen(asked, "/login/", **wrong) == {}
    assert seen(asked, "/login/", email="") == {}
    assert seen(asked, "/signup/", "/password/reset/", **long) == {}
    assert seen(browser, "/login/again/", **wrong) == {}
    for chosen in ("short", "password password", "alice@example.com alice", "x" * 5000, "a\0b"):
        twice = {"old_password": PASSWORD, "password": chosen, "password_again": f"{chosen}?"}
        assert seen(browser, "/password/change/", **twice) == {}
        assert seen(with_signup_link(), "/signup/choose/", **twice) == {}
    assert seen(with_reset_link(), reset_path(), password="short", password_again="other") == {}


def test_what_is_said_after_an_act_is_said_in_german() -> None:
    person = alice()
    browser = german(with_cookie(person.email))

    browser.post(f"/logins/{a_login(person).pk}/end/")
    assert seen(browser, "/logins/") == {}
    a_login(person)
    browser.post("/login/again/", {"password": PASSWORD})
    browser.post("/logins/end-others/")
    assert seen(browser, "/logins/") == {}
    browser.post("/logins/leave/")
    assert seen(browser, "/password/reset/sent/", "/login/") == {}


def test_the_admin_is_in_german() -> None:
    person = alice()
    browser = operator()
    own, live = Login.objects.live().get(), a_login(person)
    end_one_of_each_kind(person)
    keyring.ensure()
    client = party().client

    pages = [ADMIN, *(f"{ADMIN}{app}/" for app in ("accounts", "tokens_stateless")), EVENTS, f"{EVENTS}?q=x"]
    pages += [LOGINS, f"{LOGINS}?state=live&flow=token&idle=1h&since=1d&staff=no&q=alice", f"{LOGINS}?q=%25"]
    pages += [f"{LOGINS}?idle=nonsense&reason=x", f"{LOGINS}?email=a&q=bob", f"{LOGINS}?page=nonsense"]
    pages += [f"{LOGINS}{login.pk}/change/" for login in Login.objects.all()]
    pages += [PEOPLE, *(f"{PEOPLE}{part}/" for part in ("add", f"{person.pk}/change", f"{person.pk}/delete"))]
    pages += [KEYS, CLIENTS, f"{CLIENTS}add/", f"{CLIENTS}{client.pk}/change/"]
    assert own != live
    assert seen(browser, *pages) == {}


def end_one_of_each_kind(person: User) -> None:
    """Logins that tell every reason why one can end."""
    for reason in EndReason:
        logins.end([a_login(person, flow="session").pk], reason=reason)


def test_acts_in_the_admin_are_in_german() -> None:
    person = alice()
    browser = german(operator())
    keyring.ensure()
    keys, client = [key.pk for key in SigningKey.objects.all()], party().client

    def act(action: str, chosen: Any, at: str, **more: Any) -> set[str]:
        answer = browser.post(at, {"action": action, "_selected_action": chosen, **more}, follow=True)
        assert answer.status_code == 200
        return english_in(answer)

    assert act("end_selected", [a_login(person).pk], LOGINS) == set()
    assert act("end_selected", [Login.objects.filter(user=person).latest("ended_at").pk], LOGINS) == set()
    assert act("revoke_selected", keys, KEYS) == set()
    browser.post("/login/again/", {"password": PASSWORD})
    for action in ("end_all_logins", "send_reset_link"):
        assert act(action, [person.pk], PEOPLE) == set()
    assert act("revoke_selected", keys, KEYS, confirmed="yes") == set()
    assert act("renew_selected", [client.pk], CLIENTS) == set()
    assert act("renew_selected", [client.pk], CLIENTS, confirmed="yes") == set()
    assert act("switch_off_selected", [client.pk], CLIENTS) == set()
    assert seen(browser, f"{CLIENTS}add/", name="", audiences="a b", scopes='"') == {}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/me/", "not_authenticated"),
        ("/api/nowhere/", "not_found"),
        ("/api/token/", "method_not_allowed"),
        ("/api/logins/?flow=x&before=x", "invalid"),
    ],
)
def test_problems_have_details_in_german_and_the_same_codes(path: str, code: str) -> None:
    client = with_cookie(alice().email) if "logins" in path else nobody()
    answers = [client.get(path, headers={"Accept-Language": language}) for language in ("de", "en", "")]

    german, english, neither = (answer.json() for answer in answers)
    assert [answer["code"] for answer in (german, english, neither)] == [code] * 3
    assert english["detail"] == neither["detail"] != german["detail"]
    assert english["title"] != german["title"]
    assert english_in(answers[0]) == set()


def test_wrong_credentials_are_told_in_german_over_the_api() -> None:
    wrong = {"email": "alice@example.com", "password": "wrong"}

    answer = nobody(headers=GERMAN).post("/api/token/", wrong, content_type="application/json")

    assert answer.json()["detail"] == "Es gibt kein aktives Konto mit dieser Adresse und diesem Passwort."
    assert answer.headers["Content-Language"] == "de"


def test_logs_are_english_whoever_asks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    person, browser = alice(), german(operator())
    for path in ("/nowhere/", "/api/me/", "/admin/accounts/login/?idle=x", "/login/"):
        german(nobody()).get(path)
        german(nobody()).post(path, {"email": "alice@example.com", "password": "wrong"})
        browser.get(path)
    browser.post(LOGINS, {"action": "end_selected", "_selected_action": [a_login(person).pk]})
    german(nobody()).post("/login/", headers={"Sec-Fetch-Site": "cross-site"})
    german(nobody()).post("/api/token/refresh/", {"refresh": "x"}, content_type="application/json")

    lines = [JSONFormatter().format(record) for record in caplog.records]
    said = " ".join(str(json.loads(line)) for line in lines)
    assert len(lines) > 10
    assert {part for part in OUR_GERMAN if part in said} == set()


def test_what_is_stored_is_english_whoever_acts() -> None:
    person, browser = alice(), german(operator())

    ended = a_login(person, flow="session")
    browser.post(LOGINS, {"action": "end_selected", "_selected_action": [ended.pk]})
    german(nobody()).post("/login/", {"email": "alice@example.com", "password": PASSWORD})

    tables = everything()
    # Holds what is to be said to one person on their next page.
    del tables["sessions_stateful.Session"]
    stored = str(tables)
    assert "Ended by an operator." in stored
    assert "session · curl" in stored.lower()
    assert {part for part in (*OUR_GERMAN, "Sitzung · ") if part in stored} == set()


NOTICES = {
    "a new device": lambda: notices.login_started(a_login(device="other").pk),
    "a new password": lambda: credentials.change_password(a_person(), OTHER_PASSWORD),
    "another address": lambda: notices.address_changed(
        a_person(), old="old@example.com", new="new@example.com"
    ),
    "a replay": lambda: notices.token_reused(a_login(ended_at=timezone.now())),
}


@pytest.mark.parametrize("cause", NOTICES.values(), ids=NOTICES)
def test_notices_are_in_the_language_of_the_person(
    cause: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever causes them, and in whatever language that request was."""
    a_login(alice(), started_at=timezone.now() - timedelta(days=1))
    monkeypatch.setattr(User, "language", "de")

    with translation.override("en"):
        cause()
    mail.wait()

    assert outbox.outbox
    for message in outbox.outbox:
        assert str(message.body).startswith("Guten Tag,\n")
        assert english_in_text(f"{message.subject} {message.body}") == set()


@pytest.mark.parametrize("send", [links.mail_signup, links.mail_reset])
@pytest.mark.parametrize("address", ["alice@example.com", "new@example.com"])
def test_links_are_mailed_in_the_language_of_whoever_asks(send: Callable[[str], None], address: str) -> None:
    alice()

    with translation.override("de"):
        send(address)

    for message in outbox.outbox:
        assert str(message.body).startswith("Guten Tag,\n")
        assert english_in_text(f"{message.subject} {message.body}") == set()
    assert len(outbox.outbox) == (address.startswith("alice") or send == links.mail_signup)


def test_numbers_and_instants_are_written_as_the_language_has_them() -> None:
    with translation.override("de"):
        assert str(in_words(timedelta(seconds=1.5))) == "1,5\N{NO-BREAK SPACE}s"
    at = datetime(2026, 11, 3, 14, 5, tzinfo=timezone.get_default_timezone())
    a_login(alice(), started_at=at)

    page = german(with_cookie()).get("/logins/").text

    assert "03.11.2026, 14:05 UTC" in page


DEVICES = {"Firefox on Linux": "Firefox unter Linux", "curl": "curl", "Unknown device": "Unbekanntes Gerät"}


@pytest.mark.parametrize(("stored", "said"), DEVICES.items(), ids=DEVICES)
def test_a_device_is_said_in_the_language_and_stored_in_english(stored: str, said: str) -> None:
    a_login(alice(), device=stored)
    browser = german(with_cookie())

    assert f"<span>{said}</span>" in browser.get("/logins/").text
    told = browser.get("/api/logins/").json()["results"]
    assert stored in [login["device"] for login in told]


def test_instants_are_short_enough_in_german_for_a_list_and_the_same_in_a_mail() -> None:
    at = datetime(2026, 11, 3, 14, 5, tzinfo=timezone.get_default_timezone())

    with translation.override("de"):
        assert date_format(at, "DATETIME_FORMAT") == "03.11.2026, 14:05"
    with translation.override("en"):
        assert date_format(at, "DATETIME_FORMAT") == "Nov. 3, 2026, 2:05 p.m."
