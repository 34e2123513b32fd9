"""A body means one thing or is refused."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from rest_framework.exceptions import ParseError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.parsers import StrictFormParser, StrictJSONParser
from accounts.strict_json import MAX_DEPTH

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Lists(StrictJSONParser):
    """What a view names that takes a list."""

    top_level = (list,)


class Echo(APIView):
    """Answers with what it was sent."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (StrictJSONParser,)

    def post(self, request: Request) -> Response:
        return Response(request.data)


urlpatterns = [path("api/echo/", Echo.as_view())]


def parse(body: bytes, parser: type[StrictJSONParser] = StrictJSONParser) -> Any:
    return parser().parse(BytesIO(body), "application/json", {})


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (
            b' {"a": [1, 2.5, -0, 1e3, true, null, "\\u00e9\\n"]}\r\n',
            {"a": [1, 2.5, 0, 1000.0, True, None, "é\n"]},
        ),
        ('{"ключ": "значение"}'.encode(), {"ключ": "значение"}),
        (b'{"smile": "\\ud83d\\ude00"}', {"smile": "\N{GRINNING FACE}"}),
        (b'{"brackets": "[[[[{{{{"}', {"brackets": "[[[[{{{{"}),
        (b'{"a": {"a": 1}, "b": {"a": 1}}', {"a": {"a": 1}, "b": {"a": 1}}),
    ],
)
def test_plain_json_is_taken(body: bytes, value: object) -> None:
    assert parse(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1}x',
        b'{"a":1}{"a":1}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":0x1}',
        b'{"a":"\t"}',
        b'{"a":"\\x41"}',
        b'{"a":1}\x00',
        b"// x\n{}",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32-be"),
        '{"a":"é"}'.encode("latin-1"),
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"b":[{"a":1,"a":2}]}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":["\\ud800x"]}',
        b"[" * 60_000,
        b'{"a":' * 12_000,
    ],
)
def test_whatever_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse(body)


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null", b"true", b'[{"a":1}]'])
def test_a_body_is_an_object(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse(body)


def test_a_view_may_take_lists_instead() -> None:
    assert parse(b"[1]", Lists) == [1]
    with pytest.raises(ParseError):
        parse(b"{}", Lists)


def test_nesting_has_an_end() -> None:
    assert parse(nested(MAX_DEPTH))
    with pytest.raises(ParseError):
        parse(nested(MAX_DEPTH + 1))


def test_a_refusal_quotes_nothing_of_the_body() -> None:
    with pytest.raises(ParseError) as caught:
        parse(b'{"password": "correct horse battery staple", ')

    assert "horse" not in str(caught.value)


def test_a_body_over_the_limit_is_not_parsed() -> None:
    request = RequestFactory().post(
        "/api/echo/", b'{"a":"' + b"a" * 100 + b'"}', content_type="application/json"
    )

    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
        answer = Echo.as_view()(request)

    assert answer.status_code == 413


def test_an_empty_body_is_an_empty_object() -> None:
    request = RequestFactory().post("/api/echo/", b"", content_type="application/json")

    assert Echo.as_view()(request).data == {}


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-16", "Application/JSON"])
def test_a_charset_changes_nothing(client: Client, kind: str) -> None:
    answer = client.generic("POST", "/api/echo/", '{"a":"é"}'.encode(), kind)

    assert answer.json() == {"a": "é"}


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", ""],
)
def test_no_other_type_is_read(client: Client, kind: str) -> None:
    answer = client.generic("POST", "/api/echo/", b"{}", kind)

    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


def form(body: bytes) -> Any:
    return StrictFormParser().parse(BytesIO(body), "application/x-www-form-urlencoded", {}).dict()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", {}),
        (b"token=a&hint=", {"token": "a", "hint": ""}),
        (b"token=%C3%A9+%2B", {"token": "é +"}),
        ("token=é".encode(), {"token": "é"}),
    ],
)
def test_a_plain_form_is_taken(body: bytes, value: object) -> None:
    assert form(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"token=\xff",
        b"token=%ff",
        b"%ff=a",
        b"a=1&a=1",
        b"a=1&%61=2",
        b"token=%ED%A0%80",
        b"&".join(b"a%d=1" % number for number in range(1001)),
    ],
)
def test_a_form_that_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        form(body)
