"""Each kind of credential, planted in each place where it must not stand, is found; elsewhere it is not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path

from accounts import events, links
from accounts.testing import PASSWORD, alice
from sessions_stateful import keys
from tests.leaks import KINDS, Watch
from tests.sinks import Sinks
from tests.stores import Stores
from tests.tokens_stateless import doors
from tests.tokens_stateless.callers import party
from tests.visitor import Answer, Visitor
from tokens_stateless import keypairs

shown = ""


def leaky(request: HttpRequest) -> HttpResponse:
    """A page that shows what it must not."""
    return HttpResponse(shown)


def leading(request: HttpRequest) -> HttpResponse:
    """An answer that puts it into an address."""
    return HttpResponse(status=302, headers={"Location": f"/?key={shown}"})


urlpatterns = [path("leaky/", leaky), path("leading/", leading)]


def private_key() -> str:
    return hex(keypairs.make()[1].private_numbers().private_value)[2:].zfill(64)


def password() -> str:
    alice()
    return PASSWORD


def reset_link() -> str:
    return links.reset_tokens.make_token(alice())


def token(name: str) -> str:
    alice()
    found: str = doors.sign_in().json()[name]
    return found


MAKE: dict[str, Callable[[], str]] = {
    "session key": lambda: keys.new_key(),  # as it is once the run has begun
    "access token": lambda: token("access"),
    "refresh token": lambda: token("refresh"),
    "password": password,
    "link": reset_link,
    "client secret": lambda: party().secret,
    "private key": private_key,
}


def into_a_page(secret: str) -> None:
    global shown
    shown = f"<p title='{secret}'>"
    with override_settings(ROOT_URLCONF=__name__):
        Client().get("/leaky/")


def into_an_address(secret: str) -> None:
    global shown
    shown = secret
    with override_settings(ROOT_URLCONF=__name__):
        Client().get("/leading/")


def into_a_row(secret: str) -> None:
    events.record("odd", what=secret)


def into_redis(secret: str, stores: Stores) -> None:
    assert stores.redis
    with stores.redis.client() as client:
        client.set("odd", secret)


def fail(secret: str) -> None:
    raise ValueError(secret)


def into_a_trace(secret: str) -> None:
    try:
        fail(secret)
    except ValueError:
        logging.getLogger("odd").exception("failed")


PUT: dict[str, Callable[[str], Any]] = {
    "page": into_a_page,
    "address": into_an_address,
    "row": into_a_row,
    "event": lambda secret: events.note("odd", deep={"er": [secret]}),
    # Of what Django itself says, addresses for instance, the console's filter takes long ones out.
    "line": lambda secret: events.logger.error("sent %s", secret),
    "trace": into_a_trace,
}


@pytest.fixture
def rest(_sinks: Sinks, stores: Stores, watch: Watch) -> Iterator[Callable[[], set[str]]]:
    """The kinds that are found after all; they do not fail this test."""

    def found() -> set[str]:
        _sinks.rest(stores)
        return {leak.kind for leak in watch.found()}

    yield found
    watch.forget()


def test_there_is_one_of_each_kind() -> None:
    assert set(MAKE) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PUT)
def test_it_is_found(kind: str, place: str, rest: Callable[[], set[str]]) -> None:
    secret = MAKE[kind]()
    assert rest() == set()

    PUT[place](secret)

    assert rest() == {kind}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_in_redis(kind: str, rest: Callable[[], set[str]], stores: Stores) -> None:
    if not stores.redis:
        pytest.skip("this run has no Redis")
    keys.new_key()

    into_redis(MAKE[kind](), stores)

    assert kind in rest()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"link"}))
def test_it_is_found_in_a_mail(kind: str, rest: Callable[[], set[str]]) -> None:
    EmailMessage("Hello", f"It is {MAKE[kind]()}.", to=["alice@example.com"]).send()

    assert rest() == {kind}


def test_a_link_may_stand_in_a_mail_and_not_in_its_subject_line_of_the_log(
    rest: Callable[[], set[str]],
) -> None:
    link = reset_link()
    EmailMessage("Hello", link, to=["alice@example.com"]).send()
    assert rest() == set()

    logging.getLogger("django.request").error("Not Found: /odd/%s", link)

    assert rest() == {"link"}


def test_what_was_logged_before_it_was_handed_out_is_found_as_well(
    rest: Callable[[], set[str]], watch: Watch
) -> None:
    events.logger.error("made %s", "x" * 54)

    watch.remember("session key", "x" * 54)

    assert rest() == {"session key"}


async def asked() -> Any:
    return await AsyncClient().get("/leaky/")


def test_an_answer_of_the_other_handler_is_looked_at(rest: Callable[[], set[str]]) -> None:
    from asgiref.sync import async_to_sync

    global shown
    shown = keys.new_key()

    with override_settings(ROOT_URLCONF=__name__):
        async_to_sync(asked)()

    assert rest() == {"session key"}


def test_a_door_may_hand_out_its_own_kind_and_no_other(rest: Callable[[], set[str]], watch: Watch) -> None:
    alice()
    body = doors.sign_in().content.decode()
    assert rest() == set()

    watch.look("answer to GET /api/me/", body)

    assert rest() == {"access token", "refresh token"}


def test_a_visitor_of_a_served_project_remembers_what_it_receives(
    watch: Watch, rest: Callable[[], set[str]]
) -> None:
    answer = Answer(200, [("Set-Cookie", f"sid={'k' * 54}; Path=/")], b'{"access": "a.b.cccccccccccc"}')

    Visitor("http://127.0.0.1").heard(answer, "POST", "/api/token/")
    watch.look("log", "k" * 54, "cccccccccccc")

    assert rest() == {"session key", "access token"}


def test_nothing_of_a_request_is_looked_at_twice(watch: Watch) -> None:
    watch.remember("password", PASSWORD)
    watch.look("log", PASSWORD)

    assert [len(watch.found()), len(watch.found())] == [1, 0]


def test_what_a_test_sends_is_no_answer(rest: Callable[[], set[str]]) -> None:
    RequestFactory().get("/", {"access_token": MAKE["access token"]()})

    assert rest() == set()


@pytest.mark.nodb
def test_of_thousands_one_is_found_wherever_it_begins() -> None:
    watch = Watch()
    secrets = [f"{number:05d}{'x' * (number % 40)}-secret" for number in range(3_000)]
    watch.remember("session key", *secrets)

    for at, secret in enumerate(secrets):
        watch.look(secret, f"{'.' * at}{secret}{'.' * 7}")

    assert {leak.place for leak in watch.found()} == set(secrets)
