"""The worst of what may come in, through the real server: refused in time, and it goes on serving."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from authdemo.demo import PASSWORD
from tests.visitor import Answer, Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb]

CREDENTIALS = {"email": "alice@example.com", "password": PASSWORD}
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
HUGE = b"x" * 10_000_000
LONG = "e" * 8_000_000
PATIENCE_SECONDS = 5


@pytest.fixture(scope="module")
def server(serve: Callable[..., WebServer]) -> WebServer:
    return serve(workers=2)


def rows(server: WebServer) -> str:
    """All rows of all tables."""
    return server.manage("shell", "-v0", "-c", "from tests.doors import everything; print(everything())")


@pytest.fixture(scope="module", autouse=True)
def _nothing_changes(server: WebServer) -> Iterator[None]:
    before = rows(server)
    yield
    assert rows(server) == before


@pytest.fixture(autouse=True)
def _it_goes_on_serving(server: WebServer) -> Iterator[None]:
    yield
    assert Visitor(server.origin).get("/healthz").status == 200


def sent(
    server: WebServer, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str
) -> Answer:
    """What came back, in good time; a server may answer and hang up before it has read everything."""
    parts = urlsplit(server.origin)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    began = time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, path, body, named, encode_chunked=not isinstance(body, bytes | None))
    response = connection.getresponse()
    answer = Answer(response.status, response.getheaders(), response.read())
    connection.close()
    assert time.monotonic() - began < PATIENCE_SECONDS
    return answer


def code(answer: Answer) -> str:
    """The code of a problem."""
    assert answer.header("Content-Type") == "application/problem+json"
    return str(answer.json()["code"])


def test_a_body_of_ten_megabytes_at_every_door(server: WebServer) -> None:
    form = b"email=alice%40example.com&password=" + HUGE
    text = json.dumps({**CREDENTIALS, "token": "x", "refresh": "x", "long": HUGE.decode()}).encode()
    pages = ("/login/", "/signup/", "/password/reset/", "/password/change/", "/logout/", "/admin/login/")
    doors = ("session", "token", "token/refresh", "token/verify", "logins/end-others")
    oauth = ("revoke", "introspect", "exchange")

    statuses = {path: sent(server, "POST", path, form, Content_Type=FORM).status for path in pages}
    codes = {name: code(sent(server, "POST", f"/api/{name}/", text, Content_Type=JSON)) for name in doors}
    sent_forms = [
        sent(server, "POST", f"/api/token/{name}/", b"token=" + HUGE, Content_Type=FORM) for name in oauth
    ]

    assert statuses == dict.fromkeys(pages, 413)
    assert {*codes.values(), *(answer.json()["code"] for answer in sent_forms)} == {"content_too_large"}
    assert {answer.json()["error"] for answer in sent_forms} == {"invalid_request"}


def test_a_body_of_ten_megabytes_that_does_not_say_how_long_it_is(server: WebServer) -> None:
    pieces = (HUGE[:100_000] for _ in range(100))

    answer = sent(server, "POST", "/api/token/", pieces, Content_Type=JSON, Transfer_Encoding="chunked")

    assert 400 <= answer.status < 500


@pytest.mark.parametrize(
    ("name", "value"),
    [("Authorization", f"Bearer {LONG}"), ("Cookie", f"sid={LONG}"), ("User-Agent", LONG)],
    ids=["Authorization", "Cookie", "User-Agent"],
)
def test_a_header_of_eight_megabytes(server: WebServer, name: str, value: str) -> None:
    assert 400 <= sent(server, "GET", "/api/me/", None, **{name: value}).status < 500


def test_a_token_of_eight_megabytes_in_a_body_or_in_an_address(server: WebServer) -> None:
    verified = sent(
        server, "POST", "/api/token/verify/", f'{{"token": "{LONG}"}}'.encode(), Content_Type=JSON
    )
    linked = sent(server, "GET", f"/signup/{LONG}/")

    assert code(verified) == "content_too_large"
    assert 400 <= linked.status < 500


def test_bytes_that_are_no_text(server: WebServer) -> None:
    junk = [
        b"\xff\xfe",
        b"\0",
        b"\xed\xa0\x80",
        b'{"email": "\xff", "password": "x"}',
        b'{"email": "\\ud800"}',
    ]

    doors = ("session", "token", "token/refresh", "token/verify")
    answers = [
        sent(server, "POST", f"/api/{name}/", bad, Content_Type=JSON) for name in doors for bad in junk
    ]
    pages = [sent(server, "POST", "/login/", bad, Content_Type=FORM).status for bad in junk]

    assert all(400 <= answer.status < 500 and code(answer) for answer in answers)
    assert set(pages) == {403}
    assert sent(server, "GET", "/api/me/", Authorization="Bearer \xff\xfe").status in (400, 401)
    assert sent(server, "GET", "/logins/%ff%00/").status in (400, 404)


def test_without_a_csrf_token_and_from_elsewhere(server: WebServer) -> None:
    body = json.dumps(CREDENTIALS).encode()
    form = b"email=alice%40example.com&password=" + PASSWORD.replace(" ", "+").encode()

    bare = [sent(server, "POST", path, form, Content_Type=FORM).status for path in ("/login/", "/logout/")]
    api = sent(server, "POST", "/api/session/", body, Content_Type=JSON)
    foreign = sent(server, "POST", "/api/session/", body, Content_Type=JSON, Origin="https://evil.example")

    assert bare == [403, 403]
    assert (code(api), code(foreign)) == ("csrf_failed", "csrf_failed")


def test_a_next_that_leads_elsewhere(server: WebServer) -> None:
    visitor = Visitor(server.origin)

    answers = [
        visitor.post("/login/", {**CREDENTIALS, "next": url})
        for url in ("https://evil.example", "//evil.example")
    ]

    assert [answer.status for answer in answers] == [400, 400]
    assert "sid" not in visitor.cookies
