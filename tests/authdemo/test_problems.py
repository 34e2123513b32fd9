"""Every error has one of two looks, whoever raised it and wherever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.asgi import get_asgi_application
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_POST
from rest_framework import exceptions, permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import InvalidCredentials, StandingUnknown, TooManyAttempts
from authdemo import problems
from authdemo.codes import CODES, describe, of_status
from tokens_stateless.errors import TokenNotValid

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

SECRET = "what only the log may know"
BOTH = pytest.mark.parametrize("debug", [False, True])


class Form(serializers.Serializer[Any]):
    """A body with fields of each depth."""

    email = serializers.EmailField()
    names = serializers.ListField(child=serializers.CharField(), required=False)
    home = serializers.DictField(child=serializers.IntegerField(), required=False)


class Raising(APIView):
    """Raises what its address names, and reads forms."""

    permission_classes = (permissions.AllowAny,)

    def get(self, request: Request, name: str) -> Response:
        raise ERRORS[name]()

    def post(self, request: Request, name: str) -> Response:
        form = Form(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({})


class Door(Raising):
    """Takes its credentials in the body only."""

    authentication_classes = ()


class Private(APIView):
    """For people who are signed in."""

    def get(self, request: Request) -> Response:
        return Response({})


class Writing(APIView):
    """Writes, then refuses."""

    permission_classes = (permissions.AllowAny,)

    def post(self, request: Request) -> Response:
        Group.objects.create(name="half done")
        raise exceptions.ParseError


def raising(request: HttpRequest, name: str) -> HttpResponse:
    """A page that fails."""
    raise ERRORS[name]()


def unknown_person(request: HttpRequest) -> HttpResponse:
    """A page of somebody of whom nobody can tell who it is."""

    def nobody_knows() -> None:
        raise StandingUnknown

    request.user = SimpleLazyObject(nobody_knows)  # type: ignore[assignment]
    raise Http404


@require_POST
def posting(request: HttpRequest) -> HttpResponse:
    """A page that takes a form."""
    return HttpResponse(len(request.POST))


def oauth(request: HttpRequest) -> HttpResponse:
    """An endpoint whose errors have the form of their own RFC."""
    return JsonResponse({"error": "invalid_grant"}, status=400)


class Slow(exceptions.APIException):
    """An error of somebody else's, who counts in fractions."""

    status_code = 429
    default_code = "throttled"
    wait = 6.2


class Refusing:
    """A middleware that cannot go on."""

    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        raise StandingUnknown


ERRORS: dict[str, Callable[[], Exception]] = {
    "validation": lambda: exceptions.ValidationError({"email": ["Taken."]}),
    "parse": exceptions.ParseError,
    "credentials": InvalidCredentials,
    "token": lambda: TokenNotValid("expired"),
    "permission": exceptions.PermissionDenied,
    "django-permission": lambda: PermissionDenied(SECRET),
    "django-404": lambda: Http404(SECRET),
    "method": lambda: exceptions.MethodNotAllowed("GET"),
    "media": lambda: exceptions.UnsupportedMediaType("text/plain"),
    "too-big": RequestDataTooBig,
    "suspicious": lambda: SuspiciousOperation(SECRET),
    "bad": lambda: BadRequest(SECRET),
    "multipart": lambda: MultiPartParserError(SECRET),
    "attempts": lambda: TooManyAttempts(wait=7),
    "throttled": lambda: exceptions.Throttled(wait=6.2),
    "standing": StandingUnknown,
    "bug": lambda: RuntimeError(SECRET),
}
EXPECTED = [
    ("validation", 400, "invalid"),
    ("parse", 400, "parse_error"),
    ("credentials", 401, "invalid_credentials"),
    ("token", 401, "token_not_valid"),
    ("permission", 403, "permission_denied"),
    ("django-permission", 403, "permission_denied"),
    ("django-404", 404, "not_found"),
    ("method", 405, "method_not_allowed"),
    ("media", 415, "unsupported_media_type"),
    ("too-big", 413, "content_too_large"),
    ("suspicious", 400, "bad_request"),
    ("bad", 400, "bad_request"),
    ("multipart", 400, "bad_request"),
    ("attempts", 429, "too_many_attempts"),
    ("throttled", 429, "throttled"),
    ("standing", 503, "standing_unknown"),
    ("bug", 500, "error"),
]

urlpatterns = [
    path("api/raise/<name>/", Raising.as_view()),
    path("api/door/<name>/", Door.as_view()),
    path("api/private/", Private.as_view()),
    path("api/writing/", Writing.as_view()),
    path("api/posting/", posting),
    path("api/oauth/", oauth),
    path("raise/<name>/", raising),
    path("unknown-person/", unknown_person),
    path("posting/", posting),
    path("", include("authdemo.urls")),
]
handler400, handler403 = problems.handler400, problems.handler403
handler404, handler500 = problems.handler404, problems.handler500


@pytest.fixture
def client() -> Client:
    """A client that sees what a server answers when a view fails, and whose forms are checked."""
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@BOTH
@pytest.mark.parametrize(("name", "status", "code"), EXPECTED)
def test_an_error_on_the_api_is_a_problem_document(
    client: Client, name: str, status: int, code: str, debug: bool
) -> None:
    with override_settings(DEBUG=debug):
        answer = client.get(f"/api/raise/{name}/")

    document = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert (document["status"], document["code"], document["type"]) == (status, code, "about:blank")
    assert document["title"]
    assert document["detail"]
    assert SECRET not in answer.text


@pytest.mark.parametrize(("name", "status", "code"), EXPECTED)
def test_an_error_on_a_page_is_a_page(client: Client, name: str, status: int, code: str) -> None:
    with override_settings(DEBUG=False):
        answer = client.get(f"/raise/{name}/", headers={"Accept": "text/html"})

    assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "<h1>" in answer.text
    assert SECRET not in answer.text


@BOTH
def test_a_page_becomes_a_document_for_whoever_asks_for_json(client: Client, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        answer = client.get("/raise/attempts/", headers={"Accept": "application/json"})

    assert answer.json()["code"] == "too_many_attempts"
    assert answer["Content-Type"] == "application/problem+json"
    assert "Accept" in answer["Vary"].split(", ")


@pytest.mark.parametrize("where", ["/raise/attempts/", "/api/raise/attempts/"])
def test_the_time_to_wait_is_told(client: Client, where: str) -> None:
    answer = client.get(where)

    assert answer["Retry-After"] == "7"


def test_the_time_to_wait_is_rounded_up() -> None:
    problem = describe(Slow())

    assert problem is not None
    assert problem.headers == {"Retry-After": "7"}


def test_the_page_of_too_many_attempts_says_for_how_long(client: Client) -> None:
    assert "7 seconds" in client.get("/raise/attempts/").text


def test_each_field_says_what_is_wrong_with_it(client: Client) -> None:
    body = {"names": ["Al", None], "home": {"number": "x"}}

    answer = client.post("/api/raise/any/", body, content_type="application/json")

    assert answer.json()["errors"] == {
        "email": [{"code": "required", "detail": "This field is required."}],
        "names.1": [{"code": "null", "detail": "This field may not be null."}],
        "home.number": [{"code": "invalid", "detail": "A valid integer is required."}],
    }


def test_an_error_in_a_list_of_things_names_the_place() -> None:
    problem = describe(exceptions.ValidationError([{}, {"email": ["Taken."]}]))

    assert problem is not None
    assert problem.errors == {"1.email": [{"code": "invalid", "detail": "Taken."}]}


def test_an_error_of_the_whole_body_belongs_to_no_field() -> None:
    problem = describe(exceptions.ValidationError("The two do not fit."))

    assert problem is not None
    assert problem.errors == {"non_field_errors": [{"code": "invalid", "detail": "The two do not fit."}]}


def test_without_credentials_the_challenge_names_no_error(client: Client) -> None:
    answer = client.get("/api/private/")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_bad_token_gets_the_challenge_of_its_error(client: Client) -> None:
    assert 'error="invalid_token"' in client.get("/api/raise/token/")["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("where", "challenge"),
    [("/api/raise/credentials/", 'Bearer realm="api"'), ("/api/door/credentials/", "Bearer")],
)
def test_every_401_has_a_challenge(client: Client, where: str, challenge: str) -> None:
    assert client.get(where)["WWW-Authenticate"] == challenge


@BOTH
@pytest.mark.parametrize("where", ["/api/nothing/", "/.well-known/nothing", "/api/raise/parse/nothing/"])
def test_an_unknown_address_of_the_api_is_a_problem(client: Client, where: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        answer = client.get(where)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@BOTH
def test_an_unknown_address_is_a_page_that_names_no_routes(client: Client, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        answer = client.get("/nothing/")

    assert answer.status_code == 404
    assert "<h1>" in answer.text
    assert "unknown-person" not in answer.text


@BOTH
@pytest.mark.parametrize("where", ["/posting/", "/api/posting/"])
def test_a_get_where_a_post_is_due_gets_405_and_is_told_the_methods(
    client: Client, where: str, debug: bool
) -> None:
    with override_settings(DEBUG=debug):
        answer = client.get(where)

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Method not allowed" in answer.text
    assert int(answer["Content-Length"]) == len(answer.content)


def test_an_answer_in_the_form_of_another_rfc_is_left_alone(client: Client) -> None:
    assert client.get("/api/oauth/").json() == {"error": "invalid_grant"}


@BOTH
@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("/posting/", "application/x-www-form-urlencoded"),
        ("/posting/", "multipart/form-data; boundary=x"),
        ("/posting/", "text/plain"),
        ("/api/raise/any/", "application/json"),
        ("/api/raise/any/", "text/plain"),
    ],
)
def test_a_body_that_is_too_long_is_refused_unread(
    client: Client, where: str, kind: str, debug: bool
) -> None:
    length = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)

    with override_settings(DEBUG=debug):
        answer = client.generic("POST", where, b"x", kind, CONTENT_LENGTH=length)

    # Django's client fails a request that reads past the one byte that was sent.
    assert answer.status_code == 413
    assert "Content-Security-Policy" in answer


@BOTH
@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "1 1", "x", "٣"])
def test_a_length_that_is_no_number_is_refused(client: Client, length: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        answer = client.generic("POST", "/posting/", b"x", "text/plain", CONTENT_LENGTH=length)

    assert answer.status_code == 400


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 403), (64 * 1024 + 1, 413)])
def test_a_chunked_body_is_measured_under_asgi(size: int, status: int) -> None:
    assert async_to_sync(_post_in_chunks)(b"x" * size) == status


async def _post_in_chunks(body: bytes) -> int:
    scope = {"type": "http", "method": "POST", "path": "/posting/", "headers": [(b"host", b"localhost")]}
    pieces = [body[start : start + 10_000] for start in range(0, len(body), 10_000)]
    answers: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Mapping[str, Any]) -> None:
        answers.append(message)

    await get_asgi_application()(scope, receive, send)
    return int(answers[0]["status"])


@BOTH
@pytest.mark.parametrize(
    ("where", "kind"), [("/posting/", "text/html"), ("/api/posting/", "application/problem+json")]
)
def test_a_missing_csrf_token_is_told_in_the_look_of_the_place(
    client: Client, where: str, kind: str, debug: bool
) -> None:
    with override_settings(DEBUG=debug):
        answer = client.post(where)

    assert answer.status_code == 403
    assert answer["Content-Type"].startswith(kind)
    assert "came from this site" in answer.text


@BOTH
@pytest.mark.parametrize(
    ("where", "kind"), [("/posting/", "text/html"), ("/api/posting/", "application/problem+json")]
)
def test_a_refusal_by_a_middleware_is_no_failure(client: Client, where: str, kind: str, debug: bool) -> None:
    stack = [*settings.MIDDLEWARE, f"{__name__}.Refusing"]

    with override_settings(DEBUG=debug, MIDDLEWARE=stack):
        answers = [client.get(where), _get_async(where)]

    for answer in answers:
        assert (answer.status_code, answer["Retry-After"]) == (503, "1")
        assert answer["Content-Type"].startswith(kind)


@BOTH
@pytest.mark.parametrize(("name", "status", "code"), EXPECTED)
def test_under_asgi_errors_look_the_same(name: str, status: int, code: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        document, page = _get_async(f"/api/raise/{name}/"), _get_async(f"/raise/{name}/")

    assert (document.status_code, document.json()["code"]) == (status, code)
    assert page.status_code == status


def _get_async(where: str) -> Any:
    return async_to_sync(AsyncClient(raise_request_exception=False).get)(where)


def test_an_unforeseen_error_keeps_djangos_page_for_developers(client: Client) -> None:
    with override_settings(DEBUG=True):
        answer = client.get("/raise/bug/")

    assert answer.status_code == 500
    assert SECRET in answer.text


def test_a_refusal_on_a_page_is_no_failure_to_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/raise/standing/")

    assert not [record for record in caplog.records if record.exc_info]


@BOTH
@pytest.mark.parametrize("where", ["/raise/django-404/", "/raise/attempts/", "/nothing/", "/api/nothing/"])
def test_errors_carry_the_headers_of_every_answer(client: Client, where: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        answer = client.get(where)

    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_page_of_an_error_is_shown_even_when_nobody_can_tell_who_is_here(client: Client) -> None:
    answer = client.get("/unknown-person/")

    assert answer.status_code == 404
    assert "<h1>" in answer.text


@pytest.mark.urls("tests.authdemo.no_urls")
def test_the_page_of_an_error_needs_no_working_templates(client: Client) -> None:
    answer = client.get("/raise/permission/", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert answer.text == "Not found. There is nothing here."


@pytest.mark.django_db(transaction=True)
def test_what_a_refused_request_wrote_is_taken_back(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)

    answer = client.post("/api/writing/")

    assert answer.status_code == 400
    assert not Group.objects.exists()


def test_every_code_is_listed() -> None:
    known = _kinds(exceptions.APIException)
    ours = {
        error.default_code for error in known if not error.__module__.startswith("rest_framework_simplejwt")
    }

    assert ours <= CODES.keys()
    assert {code for _name, _status, code in EXPECTED} <= CODES.keys()
    assert {of_status(status).code for status in range(400, 600)} <= CODES.keys()


def _kinds(error: type[exceptions.APIException]) -> set[type[exceptions.APIException]]:
    return {error}.union(*(_kinds(kind) for kind in error.__subclasses__()))
