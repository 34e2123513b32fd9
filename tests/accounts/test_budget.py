"""How old the knowledge may be on which a view relies; beyond that each of its requests asks the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.urls import include, path, resolve
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts import budget, conf, logins, standing
from accounts.logins import EndReason, Login
from accounts.reader import LedgerReader
from accounts.testing import alice
from tests.accounts.rows import asked
from tests.doors import with_token
from tokens_stateless import keys

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("no_reader")]

NEVER, SHORT, LONG = timedelta(0), timedelta(seconds=1), timedelta(hours=1)


@budget.within(NEVER)
@api_view()
def function(_request: Request) -> Response:
    """A function of DRF's."""
    return Response({})


@api_view()
def plain(_request: Request) -> Response:
    """A view that has not said anything."""
    return Response({})


@budget.within(NEVER)
class OfDRF(APIView):
    """A class of DRF's."""

    def get(self, _request: Request) -> Response:
        return Response({})


class Derived(OfDRF):
    """One that inherits."""


@budget.within(NEVER)
class Set(ViewSet):
    """A set of DRF's."""

    def list(self, _request: Request) -> Response:
        return Response({})


@budget.within(SHORT)
class Short(OfDRF):
    """A second."""


@budget.within(LONG)
class Long(OfDRF):
    """More than the project's."""


@budget.within(NEVER)
def of_django(request: HttpRequest) -> HttpResponse:
    """A function of Django's, whose person is the cookie's."""
    return JsonResponse({"budget": budget.seconds_of(request)})


@budget.within(NEVER)
class ClassOfDjango(View):
    """A class of Django's."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return of_django(request)


class MethodOfDjango(View):
    """A class whose dispatch was decorated, as Django's documentation shows."""

    @method_decorator(budget.within(NEVER))
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return of_django(request)


@cache_control(private=True)
@budget.within(NEVER)
@api_view()
def wrapped(_request: Request) -> Response:
    """One that others have decorated, too."""
    return Response({})


urlpatterns = [
    path("wrapped/", wrapped),
    path("django/method/", MethodOfDjango.as_view()),
    path("function/", function),
    path("class/", OfDRF.as_view()),
    path("derived/", Derived.as_view()),
    path("set/", Set.as_view({"get": "list"})),
    path("plain/", plain),
    path("short/", Short.as_view()),
    path("long/", Long.as_view()),
    path("django/", of_django),
    path("django/class/", ClassOfDjango.as_view()),
    path("", include("authdemo.urls")),
]

DRF = ("/function/", "/class/", "/derived/", "/set/", "/wrapped/")
OF_DJANGO = ("/django/", "/django/class/", "/django/method/")


@pytest.fixture
def caller() -> Iterator[Client]:
    """Alice with her token; this process has read the ledger just now."""
    alice()
    keys.forget()  # those of an earlier test are gone
    client = with_token("alice@example.com")
    standing.stop()
    assert status(client, "/plain/") == 200
    yield client
    logins.writer.flush()


@pytest.fixture
def unread(caller: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Alice, whose process cannot read the ledger any more."""

    def gone(_self: LedgerReader) -> None:
        raise OperationalError("the server is gone")

    monkeypatch.setattr(LedgerReader, "_open", gone)
    return caller


def status(client: Client, where: str) -> int:
    return int(client.get(where).status_code)


def gone(execute: Any, sql: str, *args: Any) -> Any:
    """The ledger cannot be asked, whatever else goes on, such as the begin of a transaction."""
    if "accounts_login" in sql:
        raise OperationalError("the server is gone")
    return execute(sql, *args)


@pytest.mark.parametrize("where", DRF)
def test_a_view_without_patience_asks_every_time(where: str, caller: Client) -> None:
    assert asked(lambda: [status(caller, where) for _ in range(3)]) == 3


@pytest.mark.parametrize("where", DRF)
def test_such_a_view_sees_an_end_of_which_nothing_was_heard(where: str, caller: Client) -> None:
    """The row was written, and not stamped: neither the feed nor a read of the ledger tells."""
    Login.objects.update(ended_at=Now())

    assert (status(caller, "/plain/"), status(caller, where)) == (200, 401)


@pytest.mark.parametrize("where", DRF)
def test_such_a_view_answers_503_while_the_ledger_is_away(where: str, caller: Client) -> None:
    """Never open."""
    with connection.execute_wrapper(gone):
        refused, within = caller.get(where), status(caller, "/plain/")

    assert (refused.status_code, refused["Retry-After"], within) == (503, "1", 200)
    assert refused.json()["code"] == "standing_unknown"


def test_an_asynchronous_request_asks_as_well(caller: Client) -> None:
    authorization = caller.defaults["HTTP_AUTHORIZATION"]

    async def ask() -> int:
        return int(
            (await AsyncClient().get("/function/", headers={"Authorization": authorization})).status_code
        )

    assert asked(lambda: async_to_sync(ask)()) == 1
    Login.objects.update(ended_at=Now())
    assert async_to_sync(ask)() == 401


def test_a_view_with_little_patience_asks_beyond_it(unread: Client, clock: Callable[[float], None]) -> None:
    clock(0.5)
    within = asked(lambda: status(unread, "/short/"))
    clock(1)

    assert (within, asked(lambda: status(unread, "/short/"))) == (0, 1)
    assert asked(lambda: status(unread, "/plain/")) == 0


@pytest.mark.parametrize("where", ["/plain/", "/long/", "/short/"])
def test_no_view_relies_on_what_is_older_than_the_projects_budget(
    where: str, unread: Client, clock: Callable[[float], None]
) -> None:
    clock(6)

    assert asked(lambda: [status(unread, where) for _ in range(3)]) == 3


def test_what_is_asked_is_counted_where_operators_look(
    unread: Client, clock: Callable[[float], None]
) -> None:
    fresh = unread.get("/readyz").json()["ledger_asked"]
    clock(6)

    answers = [status(unread, "/plain/") for _ in range(4)]
    found = unread.get("/readyz")

    assert answers == [200] * 4
    assert (found.status_code, found.json()["ledger_asked"] - fresh) == (503, 4)
    assert found.json()["standing_age_seconds"] >= 6


def test_beyond_the_budget_an_end_is_seen_and_a_ledger_that_is_away_is_503(
    unread: Client, clock: Callable[[float], None]
) -> None:
    clock(6)

    with connection.execute_wrapper(gone):
        away = unread.get("/plain/")
    good = status(unread, "/plain/")
    logins.end([Login.objects.get().pk], reason=EndReason.LOGOUT)

    assert (away.status_code, away["Retry-After"]) == (503, "1")
    assert (good, status(unread, "/plain/")) == (200, 401)


@pytest.mark.parametrize("where", OF_DJANGO)
def test_views_of_django_have_theirs_too(where: str, client: Client) -> None:
    assert client.get(where).json() == {"budget": 0}


def test_before_the_view_is_known_it_is_the_projects() -> None:
    request = HttpRequest()

    before = timedelta(seconds=budget.seconds_of(request))
    request.resolver_match = resolve("/short/")

    assert (before, budget.seconds_of(request)) == (conf.current().standing_budget, 1)


def test_a_decorated_class_still_is_that_class() -> None:
    assert (OfDRF.__name__, budget.within(NEVER)(OfDRF), function.cls.__name__) == (
        "OfDRF",
        OfDRF,
        "function",
    )
