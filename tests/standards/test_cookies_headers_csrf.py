"""Cookies, headers and CSRF, row by row of the standards, on the settings that an https PUBLIC_ORIGIN gives.

Rows that have their tests elsewhere: "multiple cookies" in tests/sessions_stateful/test_faults.py (S16), the
matrix of Fetch Metadata in test_fetch_metadata.py beside it, `check --deploy` in
tests/authdemo/test_checks.py, trusted proxies in tests/accounts/test_device.py. Not met: a CSRF token
bound to the session (docs/threats.md).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.cookies import Morsel
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.core.exceptions import PermissionDenied
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import mail
from accounts.logins import Login
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, olga
from tests import web
from tests.leaks import Watch
from tests.sessions_stateful.third_party import key, put, visit

pytestmark = pytest.mark.urls("tests.sessions_stateful.third_party")

HOST, ORIGIN = "auth.example.com", "https://auth.example.com"
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": web.SECRET_KEY,
    "PUBLIC_ORIGIN": ORIGIN,
    "ALLOWED_HOSTS": f"{HOST},second.example.com",
    "DATABASE_URL": "sqlite:///unused.sqlite3",
}
ASK = """
import json
from authdemo import settings
wanted = ("SESSION_COOKIE", "CSRF_", "SECURE_", "ALLOWED_HOSTS")
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.startswith(wanted)}))
"""
BAD_START = "import django; django.setup()"
CLEAR = '"cache", "cookies", "storage"'
RIGHT = {"email": "alice@example.com", "password": PASSWORD}
PAGES = ["/", "/login/", "/signup/", "/password/reset/", "/token/", "/api/docs/"]
OWN_PAGES = ["/logins/", "/password/change/"]
MODELS = ["login", "user", "event"]
ADMIN_PAGES = ["/admin/", "/admin/accounts/user/add/", *(f"/admin/accounts/{name}/" for name in MODELS)]


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What another process says that starts in production."""
    environment = web.environment({**PRODUCTION, "DJANGO_SETTINGS_MODULE": "authdemo.settings", **variables})
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=web.PROJECT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def production_settings() -> dict[str, Any]:
    """The project's own settings of cookies and transport, as a production start computes them."""
    told: dict[str, Any] = json.loads(run(ASK).stdout)
    return told


@pytest.fixture(autouse=True)
def _production(production_settings: dict[str, Any]) -> Iterator[None]:
    # A quick hash: how a password is hashed is not what this is about.
    quick = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    accounts = replace(settings.ACCOUNTS, public_origin=ORIGIN)
    with override_settings(**production_settings, ACCOUNTS=accounts, PASSWORD_HASHERS=quick):
        yield


class Visitor(Client):
    """A browser at the https address of the site."""

    def generic(self, *args: Any, **kwargs: Any) -> Any:
        return super().generic(*args, **{**kwargs, "secure": True})


def visitor(*, enforce_csrf_checks: bool = False) -> Client:
    return Visitor(enforce_csrf_checks, headers={"host": HOST})


def signed_in(person: Any = None) -> Client:
    browser = visitor()
    browser.force_login(person or alice())
    return browser


def sign_in(browser: Client, **more: Any) -> Any:
    return browser.post("/login/", {**RIGHT, **more})


def attributes(morsel: Morsel[str]) -> dict[str, Any]:
    return {name: value for name, value in morsel.items() if value and name not in ("max-age", "expires")}


HOST_COOKIE = {"httponly": True, "path": "/", "samesite": "Lax", "secure": True}


def test_cookies_are_secure_for_this_host_and_the_whole_site() -> None:
    """ASVS 3.3.1, 3.3.3, 3.3.2, 3.3.4; 6265bis __Host-; NIST 5.1.1"""
    alice()

    cookies = sign_in(visitor()).cookies

    assert set(cookies) == {"__Host-sid", "__Host-csrf"}
    assert [attributes(morsel) for morsel in cookies.values()] == [HOST_COOKIE] * 2


def test_the_answer_that_deletes_the_cookie_names_the_same_one() -> None:
    """ASVS 3.3.1, 3.3.3: what is deleted otherwise, a browser keeps."""
    browser = signed_in()

    answers = [browser.post("/logout/"), signed_in(olga()).delete("/api/session/")]

    for answer in answers:
        morsel = answer.cookies["__Host-sid"]
        assert (morsel.value, morsel["max-age"], morsel["path"], morsel["domain"], morsel["secure"]) == (
            "",
            0,
            "/",
            "",
            True,
        )


@pytest.mark.nodb
def test_over_plain_http_the_names_have_no_prefix() -> None:
    """ASVS 3.3.1: a browser would refuse the prefixed ones there (`check --deploy` refuses this start)."""
    told = json.loads(run(ASK, PUBLIC_ORIGIN="http://auth.example.com").stdout)

    assert (told["SESSION_COOKIE_NAME"], told["CSRF_COOKIE_NAME"]) == ("sid", "csrf")
    assert not told["SESSION_COOKIE_SECURE"]


def test_the_key_is_in_no_answer_but_its_cookie() -> None:
    """ASVS 3.3.4: every page and answer of an operator, who sees most."""
    browser = signed_in(olga())
    token, answers = key(browser), [browser.get(where) for where in [*PAGES, *OWN_PAGES, *ADMIN_PAGES, *API]]

    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        assert token[:43] not in answer.content.decode() + str(answer.headers)


API = ["/api/me/", "/api/session/", "/api/logins/", "/api/schema/"]


def test_however_much_a_session_holds_its_cookie_stays_small() -> None:
    """ASVS 3.3.5; 6265bis: 4096 bytes for name and value."""
    answer = put(visitor(), much="x" * 100_000)

    morsel = answer.cookies["__Host-sid"]
    assert len(morsel.key) + len(morsel.value) == len("__Host-sid") + 54


@pytest.mark.nodb
def test_the_names_tell_nothing_of_the_framework(production_settings: dict[str, Any]) -> None:
    """CS Session"""
    names = {production_settings["SESSION_COOKIE_NAME"], production_settings["CSRF_COOKIE_NAME"]}

    assert not names & {"sessionid", "csrftoken"}


def test_browsers_are_told_to_use_https_for_a_year() -> None:
    """ASVS 3.4.1"""
    for where in ["/", "/login/", "/logins/", "/nothing/", "/api/me/", "/healthz"]:
        said = visitor().get(where)["Strict-Transport-Security"]
        assert int(re.findall(r"max-age=(\d+)", said)[0]) >= 31_536_000
        assert "includeSubDomains" in said


def test_what_comes_over_http_is_sent_to_https_and_gets_no_cookie() -> None:
    """ASVS 3.4.1; session attack 29"""
    answer = Client(headers={"host": HOST}).get("/login/")

    assert (answer.status_code, answer["Location"], answer.cookies) == (301, f"{ORIGIN}/login/", {})


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_no_other_origin_may_read_an_answer(method: str) -> None:
    """ASVS 3.4.2"""
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    for where in ["/api/me/", "/api/token/", "/api/session/", "/.well-known/jwks.json"]:
        answer = visitor().generic(method, where, headers=asked)
        assert not any(name.startswith("Access-Control") for name in answer.headers)


def fail(request: Any) -> None:
    raise RuntimeError


def forbid(request: Any) -> None:
    raise PermissionDenied


POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
}


def answers_of_every_kind() -> list[Any]:
    """Found, sent on, forbidden, not found, refused, failed; pages, the admin and the API."""
    browser = signed_in(olga())
    browser.raise_request_exception = False
    return [
        *(
            browser.get(where)
            for where in [*PAGES, *OWN_PAGES, *ADMIN_PAGES, *API, "/nothing/", "/api/nothing/"]
        ),
        *(visit(browser, act) for act in (fail, forbid)),
        visitor().get("/logins/"),
        visitor().get("/api/me/"),
        visitor(enforce_csrf_checks=True).post("/login/"),
        visitor().get("/logout/"),
    ]


def test_every_answer_has_the_strict_policy() -> None:
    """ASVS 3.4.3, 3.4.6"""
    answers = answers_of_every_kind()

    assert {answer.status_code for answer in answers} == {200, 302, 401, 403, 404, 405, 500}
    for answer in answers:
        policy = {part.strip() for part in answer["Content-Security-Policy"].split(";")}
        assert policy >= POLICY
        assert "unsafe" not in answer["Content-Security-Policy"]


def test_every_answer_has_the_small_headers() -> None:
    """ASVS 3.4.4, 3.4.5, 3.4.8"""
    for answer in answers_of_every_kind():
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] in ("same-origin", "no-referrer")
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["X-Frame-Options"] == "DENY"


def test_no_page_needs_what_the_policy_forbids() -> None:
    """ASVS 3.4.3: no script, style or handler in a page, the admin's included."""
    browser = signed_in(olga())

    for where in [*PAGES, *OWN_PAGES, *ADMIN_PAGES]:
        html = browser.get(where).content.decode()
        scripts = [tag for tag in re.findall(r"<script\b[^>]*>", html) if "src=" not in tag]
        assert all('type="application/json"' in tag for tag in scripts), where
        assert not re.search(r"<style\b|<[a-z][^>]*\s(?:style|on[a-z]+)=", html), where
        assert not re.search(r"""\b(?:src|action|href)="(?:https?:)?//""", html.replace('href="http', "")), (
            where
        )


def test_a_link_for_a_new_password_leaves_no_trace_of_itself() -> None:
    """CS Forgot: out of the address bar, and no Referer tells it on."""
    alice()
    browser = visitor()
    browser.post("/password/reset/", {"email": "alice@example.com"})
    mail.wait()
    link = re.findall(r"https://\S+/password/reset/\S+", str(outbox.outbox[0].body))[0]

    answer = browser.get(link)
    page = browser.get(answer["Location"])

    token = link.rstrip("/").rsplit("/", 1)[1]
    assert (answer.status_code, token in answer["Location"], token in page.content.decode()) == (
        302,
        False,
        False,
    )
    assert (answer["Referrer-Policy"], page["Referrer-Policy"]) == ("no-referrer", "same-origin")


def test_links_in_mail_start_with_our_own_origin_whatever_the_request_called_us() -> None:
    """Host header poisoning"""
    alice()
    host = {"host": "second.example.com"}

    visitor().post("/password/reset/", {"email": "alice@example.com"}, headers=host)

    mail.wait()
    body = str(outbox.outbox[0].body)
    assert ("second.example.com" in body, ORIGIN in body) == (False, True)


@pytest.mark.parametrize("host", ["evil.example", f"{HOST}.evil.example", f"{HOST}@evil.example"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    """Host header poisoning; X-Forwarded-Host counts for nothing."""
    assert visitor().get("/login/", headers={"host": host}).status_code == 400
    assert b"evil" not in visitor().get("/login/", headers={"x-forwarded-host": host}).content


def test_what_belongs_to_somebody_is_kept_by_no_cache() -> None:
    """ASVS 14.3.2; CS Session"""
    browser = signed_in(olga())

    for where in [*OWN_PAGES, *ADMIN_PAGES, *API[:3], "/"]:
        assert "no-store" in browser.get(where)["Cache-Control"], where


def test_what_sets_a_cookie_and_what_refuses_is_kept_by_no_cache() -> None:
    """ASVS 14.3.2"""
    alice()
    browser = visitor()

    answers = [
        browser.get("/login/"),
        sign_in(browser),
        sign_in(visitor(), password="x"),
        browser.post("/logout/"),
    ]

    assert all("no-store" in answer["Cache-Control"] for answer in answers)


def test_every_answer_of_the_token_doors_is_kept_by_no_cache() -> None:
    """ASVS 14.3.2; RFC 6749 section 5.1: errors included."""
    alice()

    def post(where: str, **body: str) -> Any:
        return visitor().post(where, body, content_type="application/json")

    pair = post("/api/token/", **RIGHT)
    answers = [
        pair,
        post("/api/token/", **{**RIGHT, "password": OTHER_PASSWORD}),
        post("/api/token/"),
        post("/api/token/refresh/", refresh=pair.json()["refresh"]),
        post("/api/token/refresh/", refresh="x"),
        post("/api/token/verify/", token=pair.json()["access"]),
        visitor().get("/api/token/"),
    ]

    assert [answer.status_code for answer in answers] == [200, 401, 400, 200, 401, 200, 405]
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}


def test_signing_out_has_the_browser_forget_and_the_way_back_shows_nothing() -> None:
    """ASVS 14.3.1"""
    browser = signed_in()
    kept = browser.get("/logins/")

    answer = browser.post("/logout/")

    assert (answer["Clear-Site-Data"], kept["Cache-Control"]) == (CLEAR, "no-store")
    assert browser.get("/logins/")["Location"] == "/login/?next=/logins/"


def test_no_credential_counts_in_an_address(watch: Watch) -> None:
    """ASVS 14.2.1; RFC 6750 section 2.3; RFC 9700 section 4.3.2"""
    session_key = key(signed_in())
    access = visitor().post("/api/token/", RIGHT, content_type="application/json").json()["access"]

    for query in [
        f"access_token={access}",
        f"token={access}",
        f"__Host-sid={session_key}",
        f"sid={session_key}",
    ]:
        assert visitor().get(f"/api/me/?{query}").status_code == 401
        assert visitor().get(f"/logins/?{query}").status_code == 302
    # The page of the sign-in is told where to go on, and so it leads back with what was put there.
    echoed = watch.found()
    assert {leak.place for leak in echoed} <= {"headers of the answer to GET /logins/"}


def addresses(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Every address of the project that one can write down without knowing an id."""
    for entry in get_resolver("authdemo.urls").url_patterns if patterns is None else patterns:
        where = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns, where)
        elif isinstance(entry, URLPattern) and not re.search(r"[\^(]", where):
            yield "/" + re.sub(
                r"<uuid:\w+>",
                "00000000-0000-4000-8000-000000000000",
                re.sub(r"<(str|path|int):\w+>", "1", where),
            )


# Nothing in these comes from the browser by itself: who asks brings a token, or credentials, in the body.
# Where a cookie brings it instead, tests/tokens_stateless/test_cookie.py holds the same.
BROUGHT = {"/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/token/revoke/"}
# Browsers send these on their own, and they change nothing.
REPORTS = {"/csp-report/"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_change_needs_a_token_against_forgery(method: str) -> None:
    """ASVS 3.5.1, 3.5.3; NIST 5.1: at each address, sign-in and sign-out included, signed in and not."""
    olga_s, stranger = signed_in(olga()), visitor(enforce_csrf_checks=True)
    operator = visitor(enforce_csrf_checks=True)
    operator.cookies = olga_s.cookies

    for where in set(addresses()) - BROUGHT - REPORTS:
        for browser in (operator, stranger):
            status = browser.generic(method, where, headers={"Referer": ORIGIN}).status_code
            assert status in (401, 403, 404, 405), f"{method} {where}: {status}"
    assert Login.objects.live().count() == 1


def test_the_addresses_are_those_of_the_project() -> None:
    """The test above is worth what this list holds."""
    found = set(addresses())

    assert found >= {
        "/login/",
        "/logout/",
        "/api/session/",
        "/logins/end-others/",
        "/admin/logout/",
        "/signup/",
    }
    assert found >= BROUGHT
    assert len(found) > 30


def test_no_change_is_made_by_a_get() -> None:
    """ASVS 3.5.1"""
    browser = signed_in(olga())
    ends = [f"/logins/{Login.objects.get().pk}/end/", "/logins/end-others/", "/api/logins/end-others/"]

    statuses = [browser.get(where).status_code for where in ["/logout/", "/admin/logout/", *ends]]

    assert (statuses, Login.objects.live().count()) == ([405] * 5, 1)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_what_a_form_of_another_site_could_send_is_not_read(kind: str) -> None:
    """ASVS 3.5.2"""
    alice()

    for where in ["/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/session/"]:
        assert visitor().post(where, json.dumps(RIGHT), content_type=kind).status_code == 415
    assert not Login.objects.exists()


def test_a_method_in_a_header_or_field_counts_for_nothing() -> None:
    """ASVS 3.5.1; session attack 4"""
    browser = signed_in()

    for trick in ["_method", "X-HTTP-Method-Override", "X-Method-Override"]:
        browser.get("/api/session/", {trick: "DELETE"}, headers={trick: "DELETE"})

    assert Login.objects.live().count() == 1


def with_token(browser: Client) -> str:
    """The token that a page of the site has given this browser."""
    page = browser.get("/login/").content.decode()
    token: str = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    return token


def test_a_token_without_the_cookie_it_belongs_to_fails() -> None:
    """CS CSRF: what holds of double submit; that it is one's own session's does not (docs/threats.md)."""
    alice()
    theirs, mine = with_token(visitor()), visitor(enforce_csrf_checks=True)
    with_token(mine)

    answer = mine.post("/login/", {**RIGHT, "csrfmiddlewaretoken": theirs}, headers={"Origin": ORIGIN})

    assert (answer.status_code, Login.objects.count()) == (403, 0)


SITES = [
    ({"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}, 302),
    ({"Sec-Fetch-Site": "none", "Referer": f"{ORIGIN}/login/"}, 302),
    ({"Origin": ORIGIN}, 302),
    ({"Sec-Fetch-Site": "from-the-future", "Origin": ORIGIN}, 302),
    ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.com"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Referer": "https://evil.example/"}, 403),
    ({}, 403),
]


@pytest.mark.parametrize(("headers", "status"), SITES)
def test_a_sign_in_from_elsewhere_is_refused_though_its_token_fits(
    headers: dict[str, str], status: int
) -> None:
    """Login CSRF; CS CSRF, Fetch Metadata; ASVS 3.5.3, 3.5.8: cookie and field were set by the attacker."""
    alice()
    browser = visitor(enforce_csrf_checks=True)
    token = with_token(browser)

    answer = browser.post("/login/", {**RIGHT, "csrfmiddlewaretoken": token}, headers=headers)

    assert (answer.status_code, Login.objects.count()) == (status, int(status == 302))


@pytest.mark.parametrize(
    ("dest", "status"), [("document", 200), ("image", 403), ("script", 403), ("iframe", 403)]
)
def test_a_private_page_is_no_part_of_another_site(dest: str, status: int) -> None:
    """CS CSRF, Fetch Metadata; XS-leaks"""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": dest}

    answer = signed_in().get("/logins/", headers=headers)

    assert answer.status_code == status
    assert {"Sec-Fetch-Site", "Origin"} <= {name.strip() for name in answer["Vary"].split(",")}


ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "https://evil.example",
    "http://auth.example.com/",
    "/\\evil.example",
    "\\\\evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\t/evil.example",
    "\n//evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "http:///evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://auth.example.com@evil.example",
    "https://auth.example.com.evil.example",
    "https://evil.example#@auth.example.com",
    "//evil.example\\@auth.example.com",
    "https://[",
    "\0",
]


@pytest.mark.parametrize("door", ["/login/", "/admin/login/"])
@pytest.mark.parametrize("place", ["query", "field"])
def test_next_to_elsewhere_is_refused_and_signs_nobody_in(place: str, door: str) -> None:
    """ASVS 3.7.2; CS redirects"""
    body = {"email": olga().email, "username": "olga@example.com", "password": PASSWORD}

    def status(target: str) -> int:
        where = f"{door}?{urlencode({'next': target})}" if place == "query" else door
        sent = visitor().post(where, body if place == "query" else {**body, "next": target})
        return int(sent.status_code)

    assert {target: status(target) for target in ELSEWHERE} == dict.fromkeys(ELSEWHERE, 400)
    assert not Login.objects.exists()


def test_next_may_lead_on_within_the_site() -> None:
    """ASVS 3.7.2"""
    alice()

    for target in ["/lab/", "/logins/?page=1", f"{ORIGIN}/", "logins"]:
        assert sign_in(visitor(), next=target)["Location"] == target
    assert sign_in(visitor(), next="")["Location"] == "/logins/"


def test_an_address_that_a_stranger_claims_is_not_recorded() -> None:
    """ASVS 4.1.3, 15.3.4: without a trusted proxy, the peer is the client."""
    alice()
    forged = {"x-forwarded-for": "203.0.113.7", "forwarded": "for=203.0.113.7", "x-real-ip": "203.0.113.7"}

    visitor().post("/login/", RIGHT, headers=forged)

    assert Login.objects.get().address == "127.0.0.1"


def test_a_stranger_cannot_claim_https() -> None:
    """ASVS 4.1.3: the redirect to https stays, whatever the header says."""
    answer = Client(headers={"host": HOST, "x-forwarded-proto": "https"}).get("/login/")

    assert answer.status_code == 301


@pytest.mark.nodb
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "x" * 60),
        ("ALLOWED_HOSTS", "*"),
        ("DATABASE_URL", "sqlite://"),
        ("DEBUG", "maybe"),
        ("DEBUG", "1"),
    ],
)
def test_a_start_that_cannot_be_meant_fails_and_says_which_variable(variable: str, value: str) -> None:
    """ASVS 13.4.2: with an https origin DEBUG cannot be meant; `check --deploy` says what else is weak."""
    done = run(BAD_START, **{variable: value})

    assert done.returncode != 0
    assert variable in done.stderr
