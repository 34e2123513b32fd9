"""Faults that people live with elsewhere (docs/threats.md), each forced here and refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings
from django.contrib.auth import alogin
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import cache
from django.db import connection
from django.test import AsyncClient, Client

from accounts import logins
from accounts.logins import EndReason, Login
from accounts.testing import PASSWORD, alice, bob, olga
from sessions_stateful import durable, keys
from sessions_stateful.models import Session
from sessions_stateful.store import SessionStore
from tests.sessions_stateful.conftest import Noted
from tests.sessions_stateful.third_party import (
    async_visit,
    beside,
    held_request,
    holding,
    key,
    put,
    statements,
    tab,
    touches_cookie,
    visit,
    who,
)
from tests.sinks import READ

pytestmark = pytest.mark.urls("tests.sessions_stateful.third_party")


def signed_in(person: Any = None) -> Client:
    browser = Client()
    browser.force_login(person or alice())
    return browser


def end_all() -> None:
    logins.end(list(Login.objects.values_list("pk", flat=True)), reason=EndReason.REVOKED_BY_OPERATOR)


def write(request: Any) -> None:
    request.session["colour"] = "red"


def test_what_was_read_before_the_end_is_not_stored_after_it() -> None:
    """S1: a request holds what it has read; the Login is ended; the request stores."""
    browser = signed_in()

    with held_request(browser, write) as held:
        end_all()

    assert held.answer.status_code == 400
    assert (who(browser), Session.objects.count()) == (None, 0)


def test_what_was_stored_before_the_end_does_not_come_back_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """S2: the row is written; the Login is ended; whatever else saving does comes after that."""
    browser, update = signed_in(), durable.update

    def save(held: Any) -> Any:
        def slow(*args: Any, **kwargs: Any) -> bool:
            written = update(*args, **kwargs)
            held.wait()
            return written

        monkeypatch.setattr(durable, "update", slow)
        return visit(tab(browser), write)

    with beside(save) as held:
        end_all()

    assert held.answer.status_code == 200
    assert (who(browser), Session.objects.count()) == (None, 0)


def test_between_a_look_and_a_write_nothing_can_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3: saving looks at what is stored; the Login is ended; the write is one conditional statement."""
    browser, load = signed_in(), durable.load
    session = SessionStore(key(browser))
    session["colour"] = "red"
    put(tab(browser), colour="blue")

    def save(held: Any) -> str:
        def slow(key_hash: str) -> Any:
            row = load(key_hash)
            held.wait()
            return row

        monkeypatch.setattr(durable, "load", slow)
        with pytest.raises(UpdateError):
            session.save()
        return "refused"

    with beside(save) as held:
        end_all()

    monkeypatch.undo()
    assert (held.answer, who(browser), Session.objects.count()) == ("refused", None, 0)


def test_a_login_that_is_ended_in_the_request_that_writes_stays_ended() -> None:
    """S5: end it inside a view, let the middleware save."""
    browser = signed_in()

    def act(request: Any) -> None:
        write(request)
        logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR, by=request.user)

    answer = visit(browser, act)

    assert (answer.status_code, touches_cookie(answer)) == (400, False)
    assert (who(browser), Session.objects.count()) == (None, 0)


@pytest.mark.parametrize("made_up", [lambda: "A" * 54, keys.new_key])
def test_a_hundred_made_up_cookies_make_no_row(made_up: Callable[[], str]) -> None:
    """S7: with a MAC that is right, too."""
    for where in ["/", "/login/", "/api/me/", "/api/session/", "/admin/login/"]:
        for _visitor in range(20):
            assert not touches_cookie(holding(made_up()).get(where))

    assert not Session.objects.exists()
    assert not Login.objects.exists()


def test_a_hundred_made_up_cookies_cost_nothing() -> None:
    """S7"""
    with statements(0):
        for _visitor in range(100):
            holding("A" * 54).get("/api/me/")


@pytest.mark.parametrize("first", [{"colour": "blue"}, {"size": 4}])
def test_two_requests_at_once_that_change_different_keys_both_keep_their_change(
    first: dict[str, Any],
) -> None:
    """S8"""
    browser = signed_in()
    put(browser, colour="red", size=3, old=True)

    with held_request(browser, lambda request: request.session.pop("old")) as held:
        put(tab(browser), **first)

    assert held.answer.status_code == 200
    stored = SessionStore(key(browser))
    assert {name: stored.get(name) for name in ("colour", "size", "old")} == {
        "colour": "red",
        "size": 3,
        "old": None,
        **first,
    }


def test_of_two_requests_at_once_that_change_the_same_key_the_later_stands() -> None:
    """S8"""
    browser = signed_in()

    with held_request(browser, write):
        put(tab(browser), colour="blue")

    assert SessionStore(key(browser))["colour"] == "red"


def theirs() -> Session:
    """What is stored for the operator, whose rights one would like to have."""
    return Session.objects.get(login__user__email="olga@example.com")


def flip(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


FORGED: list[Callable[[bytes], bytes]] = [
    flip,
    lambda data: data[:-1],
    lambda data: data + b" ",
    lambda data: b"",
    lambda data: b"{}",
    lambda data: data[keys.SEAL_BYTES :],
    lambda data: bytes(keys.SEAL_BYTES) + data[keys.SEAL_BYTES :],
]


@pytest.mark.parametrize("forged", FORGED)
def test_data_that_was_tampered_with_is_nobody_s_and_an_event(
    forged: Callable[[bytes], bytes], noted: Noted
) -> None:
    """S9"""
    browser = signed_in()

    Session.objects.update(data=forged(bytes(Session.objects.get().data)))
    answer = visit(browser, lambda request: request.user.is_authenticated)

    assert (answer.status_code, answer.content, touches_cookie(answer)) == (200, b"False", False)
    assert noted.names[-1] == "session_data_tampered"


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL takes nothing but bytes")
def test_a_text_in_the_place_of_bytes_is_nobody_s(noted: Noted) -> None:
    """S9: SQLite keeps what a hand gives it."""
    browser = signed_in()

    with connection.cursor() as cursor:
        cursor.execute("UPDATE sessions_stateful_session SET data = 'text'")

    assert who(browser) is None
    assert noted.names[-1] == "session_data_tampered"


def test_another_row_s_data_is_not_accepted(noted: Noted) -> None:
    """S9: the operator's data in one's own row."""
    mine, _hers = signed_in(), signed_in(olga())

    Session.objects.filter(pk=keys.hashed(key(mine))).update(data=theirs().data)

    assert who(mine) is None
    assert noted.names[-1] == "session_data_tampered"


@pytest.mark.parametrize("what", ["their login", "no login"])
def test_another_login_in_one_s_own_row_is_not_accepted(what: str, noted: Noted) -> None:
    """S9"""
    mine, _hers = signed_in(), signed_in(olga())
    login = theirs().login if what == "their login" else None

    theirs().delete()
    Session.objects.update(login=login)

    assert who(mine) is None
    assert noted.names[-1] == "session_data_tampered"


def test_another_key_on_their_row_is_not_accepted(noted: Noted) -> None:
    """S9: all of it is the operator's but the key, which is one's own."""
    mine, _hers = signed_in(), signed_in(olga())
    own = Session.objects.filter(pk=keys.hashed(key(mine)))

    own.delete()
    Session.objects.update(key_hash=keys.hashed(key(mine)))

    assert who(mine) is None
    assert noted.names[-1] == "session_data_tampered"


def test_a_tampered_session_is_not_written_over_and_a_sign_in_gets_a_new_one() -> None:
    """S9"""
    browser = signed_in()
    Session.objects.update(data=b"forged")

    put(browser, colour="red")
    browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})

    assert b"forged" in {bytes(session.data) for session in Session.objects.all()}
    assert who(browser) == "alice@example.com"


def test_a_request_under_way_does_not_write_over_what_was_tampered_with() -> None:
    """S9"""
    browser = signed_in()

    with held_request(browser, write) as held:
        Session.objects.update(data=b"forged", version=2)

    assert held.answer.status_code == 400
    assert bytes(Session.objects.get().data) == b"forged"


class Bomb:
    """A pickle that tells when it is loaded."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("sealed", [False, True])
def test_a_pickle_is_never_loaded(sealed: bool) -> None:
    """S9: not even with a seal that is right."""
    browser = signed_in()
    row, data = Session.objects.get(), pickle.dumps(Bomb())
    if sealed:
        data = keys.seal(data, key_hash=row.pk, login=str(row.login_id))

    Session.objects.update(data=data)

    assert who(browser) is None


def everything_stored() -> str:
    """What a thief of the database and of the cache holds."""
    rows = [list(model._base_manager.values()) for model in apps.get_models() if model._meta.managed]
    texts = [
        bytes(value).decode("latin-1") if isinstance(value, (bytes, memoryview)) else str(value)
        for table in rows
        for row in table
        for value in row.values()
    ]
    redis = cache.client.get_client() if hasattr(cache, "client") else None
    cached = [f"{name} {READ[redis.type(name)](redis, name)}" for name in redis.scan_iter()] if redis else []
    return "\n".join([*texts, *cached])


def test_nothing_stored_can_be_put_into_a_cookie() -> None:
    """S9: neither the key itself nor the key of the row."""
    browser = signed_in()
    put(browser, colour="red")
    row = Session.objects.get()

    stored = everything_stored()

    assert (row.pk in stored, key(browser) in stored, key(browser)[:20] in stored) == (True, False, False)
    assert [who(holding(text)) for text in (row.pk, row.pk + "a" * 11, str(row.login_id))] == [None] * 3


def test_no_page_and_no_line_of_the_log_shows_a_key(noted: Noted, caplog: pytest.LogCaptureFixture) -> None:
    """S9"""
    browser = signed_in(olga())
    caplog.set_level("DEBUG")
    pages = [
        "/", "/logins/", "/api/me/", "/api/logins/", "/api/session/", "/admin/", "/admin/accounts/login/",
        f"/admin/accounts/login/{Login.objects.get().pk}/change/", "/admin/accounts/event/", "/nothing/",
    ]  # fmt: skip

    shown = "".join(browser.get(where).content.decode() for where in pages)
    end_all()
    browser.get("/api/me/")

    assert key(browser)[:43] not in shown + caplog.text + str(noted)
    assert keys.hashed(key(browser)) not in shown + str(noted)


def test_a_disabled_account_is_signed_out_for_good() -> None:
    """S13"""
    person = alice()
    browser = signed_in(person)
    people = type(person).objects.filter(pk=person.pk)

    people.update(is_active=False)
    refused = who(browser)
    people.update(is_active=True)

    assert (refused, who(browser), Session.objects.count()) == (None, None, 0)
    assert Login.objects.get().end_reason == EndReason.ACCOUNT_DISABLED


def test_a_request_under_way_does_not_bring_back_a_disabled_account() -> None:
    """S13, S1"""
    person = alice()
    browser = signed_in(person)

    with held_request(browser, write) as held:
        type(person).objects.update(is_active=False)
        type(person).objects.update(is_active=True)

    assert (held.answer.status_code, who(browser)) == (400, None)


@pytest.mark.parametrize("sign_in", ["force_login", "page", "alogin"])
def test_what_was_planted_and_the_key_it_was_planted_under_do_not_survive_a_sign_in(sign_in: str) -> None:
    """S14"""
    person, thief = alice(), Client()
    put(thief, role="admin", basket=[1])
    browser = AsyncClient() if sign_in == "alogin" else Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = key(thief)

    async def awaited(request: Any) -> None:
        await alogin(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])

    if sign_in == "alogin":
        async_visit(browser, awaited)  # type: ignore[arg-type]
    elif sign_in == "page":
        browser.post("/login/", {"email": person.email, "password": PASSWORD})
    else:
        browser.force_login(person)

    assert (who(thief), who(browser)) == (None, person.email)
    assert not {"role", "basket"} & set(SessionStore(key(browser)).keys())


def delete_in_the_list(operator: Client, login: Login) -> Any:
    body = {"action": "delete_selected", "_selected_action": [login.pk], "post": "yes"}
    return operator.post("/admin/accounts/login/", body)


def delete_on_its_page(operator: Client, login: Login) -> Any:
    return operator.post(f"/admin/accounts/login/{login.pk}/delete/", {"post": "yes"})


def end_in_the_list(operator: Client, login: Login) -> Any:
    return operator.post("/admin/accounts/login/", {"action": "end_selected", "_selected_action": [login.pk]})


def end_all_in_the_list(operator: Client, login: Login) -> Any:
    body = {"action": "end_all_of_these_people", "_selected_action": [login.pk]}
    return operator.post("/admin/accounts/login/", body)


def end_all_among_people(operator: Client, login: Login) -> Any:
    body = {"action": "end_all_logins", "_selected_action": [login.user_id]}
    return operator.post("/admin/accounts/user/", body)


def disable(operator: Client, login: Login) -> Any:
    body = {"email": "alice@example.com", "groups": [], "user_permissions": []}
    return operator.post(f"/admin/accounts/user/{login.user_id}/change/", body)


def delete_the_person(operator: Client, login: Login) -> Any:
    return operator.post(f"/admin/accounts/user/{login.user_id}/delete/", {"post": "yes"})


def delete_people_in_the_list(operator: Client, login: Login) -> Any:
    body = {"action": "delete_selected", "_selected_action": [login.user_id], "post": "yes"}
    return operator.post("/admin/accounts/user/", body)


ENDS = [
    end_in_the_list,
    end_all_in_the_list,
    end_all_among_people,
    disable,
    delete_the_person,
    delete_people_in_the_list,
]


@pytest.mark.parametrize("path", ENDS)
def test_every_path_of_the_admin_that_ends_signs_the_cookie_and_the_token_out(
    path: Callable[[Client, Login], Any],
) -> None:
    """S15"""
    person, operator = alice(), signed_in(olga())
    browser = signed_in(person)
    body = {"email": person.email, "password": PASSWORD}
    access = Client().post("/api/token/", body, content_type="application/json").json()["access"]
    bearer = {"Authorization": f"Bearer {access}"}

    for login in Login.objects.filter(user=person):
        path(operator, login)

    assert (who(browser), Client().get("/api/me/", headers=bearer).status_code) == (None, 401)
    assert (who(operator), Session.objects.count()) == ("olga@example.com", 1)


@pytest.mark.parametrize("path", [delete_in_the_list, delete_on_its_page])
def test_a_path_of_the_admin_that_deletes_logins_is_not_there(path: Callable[[Client, Login], Any]) -> None:
    """S15: what cannot be done cannot leave somebody signed in who is not in the list."""
    operator, browser = signed_in(olga()), signed_in()

    answer = path(operator, Login.objects.get(user__email="alice@example.com"))

    assert answer.status_code in (302, 403)
    assert (who(browser), Login.objects.live().count()) == ("alice@example.com", 2)


@pytest.mark.parametrize("how", ["row", "queryset", "session row"])
def test_deleting_rows_in_code_signs_out_as_well(how: str) -> None:
    """S15"""
    browser = signed_in()

    {
        "row": lambda: Login.objects.get().delete(),
        "queryset": lambda: Login.objects.all().delete(),
        "session row": lambda: Session.objects.all().delete(),
    }[how]()

    assert who(browser) is None


@pytest.mark.parametrize("order", [1, -1])
def test_the_same_cookie_name_twice_is_nobody_and_an_event(order: int, noted: Noted) -> None:
    """S16: a neighbour's site has put its own beside it; nobody can tell which one the browser means."""
    name = settings.SESSION_COOKIE_NAME
    pairs = [f"{name}={key(signed_in())}", f"{name}={key(signed_in(bob()))}"][::order]

    answer = Client().get("/api/me/", headers={"Cookie": "; ".join(pairs)})

    assert (answer.status_code, noted.names[-1]) == (401, "session_cookie_twice")


def test_under_asgi_the_same_cookie_name_twice_is_nobody(noted: Noted) -> None:
    """S16"""
    pair = f"{settings.SESSION_COOKIE_NAME}={key(signed_in())}"

    answer = async_to_sync(AsyncClient().get)("/api/me/", headers={"Cookie": f"{pair}; {pair}"})

    assert (answer.status_code, noted.names[-1]) == (401, "session_cookie_twice")


def test_the_answer_of_a_request_that_lost_does_not_touch_the_winner_s_cookie() -> None:
    """Feed 14: two requests of one browser, one of which signs in."""
    browser, person = Client(), alice()
    put(browser, colour="red")

    with held_request(browser, lambda request: request.session.get("colour")) as held:
        browser.force_login(person)

    assert (held.answer.status_code, touches_cookie(held.answer), who(browser)) == (200, False, person.email)


def test_a_request_that_began_before_a_sign_in_and_writes_after_it_touches_no_cookie() -> None:
    """Feed 14"""
    browser, person = Client(), alice()
    put(browser, colour="red")

    with held_request(browser, write) as held:
        browser.force_login(person)

    assert (held.answer.status_code, touches_cookie(held.answer), who(browser)) == (400, False, person.email)
    assert Session.objects.count() == 1


def test_stored_data_is_readable_json_and_nothing_else() -> None:
    """S9"""
    put(signed_in(), colour="red")

    payload = json.loads(bytes(Session.objects.get().data)[keys.SEAL_BYTES :])

    assert payload["colour"] == "red"
