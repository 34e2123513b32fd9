"""What services of others can do with a sign-in here, what it costs us, and when they learn of its end.

The project is served as it is, and beside it the service of examples/python, which knows our keys alone.
"""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import get_user_model

from accounts.models import Event
from authdemo.lab import doors, issuing, usual_parties, visiting
from authdemo.lab.setup import Setup
from authdemo.lab.tables import Table
from authdemo.lab.usual_parties import Cookie, Count, cookie, counted
from authdemo.lab.visiting import Visitor
from tokens_stateless import clients
from tokens_stateless.oauth import ACCESS_TOKEN, GRANT

AUDIENCE, OTHER = "https://api.example.com", "https://other.example.com"
FOREIGN = "https://elsewhere.example.org"
ASKED, INTROSPECTED, ENDS = 1000, 20, 5


@dataclass(frozen=True, kw_only=True)
class Parties:
    """What third parties sent where; `…_cost` is the number of requests that we were asked meanwhile."""

    # With our keys alone, and by introspection.
    verified: Count
    verified_cost: int
    introspected: Count
    introspected_cost: int
    # The first request after an end; and for how many seconds those with our keys alone went on to accept.
    ended_verified: Count
    ended_introspected: Count
    lives: float
    # A token for one audience, at our own doors, at exchange and at another audience.
    elsewhere: Count
    # The cookie: what a page of another origin does with it, and what our own page gets for it.
    cookie: Cookie
    cross_site: Count
    exchanged_cookies: Count
    # The usual: a token that they were sent, at its issuer's doors; one that they wrote; Django's cookie.
    usual_elsewhere: Count
    usual_forged: Count
    usual_cookies: Count
    usual_cookie: Cookie


def measure(
    setup: Setup, *, asked: int = ASKED, introspected: int = INTROSPECTED, ends: int = ENDS
) -> Parties:
    """Serve the issuer and two services, and send them what they should accept and what not. About 3 s."""
    client, secret = clients.make(
        name="The lab", audiences=[AUDIENCE], may_introspect=True, may_exchange=True, for_pages=True
    )
    person = get_user_model().objects.create_user(f"{uuid4().hex}@example.com", setup.password)
    try:
        with _issuer(setup) as issuer, ExitStack() as stack:
            caller = _Caller(issuer, person.email, setup.password, f"{client.pk}:{secret}")
            service, other = (
                stack.enter_context(_service(setup, issuer, audience)) for audience in (AUDIENCE, OTHER)
            )
            ours = _ours(caller, service, other, asked=asked, introspected=introspected, ends=ends)
            return Parties(**ours, **usual_parties.usual(person))
    finally:
        doors.forget([person], [])
        Event.objects.filter(detail__client=client.pk).delete()
        client.delete()


def tables(found: Parties) -> list[Table]:
    """Each attempt in a line."""
    rows = [
        _row("our token there, verified with our keys alone", found.verified, found.verified_cost),
        _row("our token there, introspected each time", found.introspected, found.introspected_cost),
        _row("after its end, verified with our keys alone", found.ended_verified),
        _row("after its end, introspected", found.ended_introspected),
        _row("their token at our doors, at exchange, at another audience", found.elsewhere),
        _row("a session cookie, exchanged by our own page for a token there", found.exchanged_cookies),
        _row("a session cookie, sent by a page of another origin", found.cross_site),
        _row("Django's session cookie there, where our store of sessions is not", found.usual_cookies),
        _row("simplejwt's token, sent back to who issued it", found.usual_elsewhere),
        _row("simplejwt's token, written by who can verify it (HS256)", found.usual_forged),
    ]
    notes = [
        f"Verified with our keys alone, a token outlived its Login by {found.lives:.0f} s at the most.",
        *(
            f"{whose} session cookie: {'this host alone' if one.host_only else 'sibling hosts as well'}, "
            f"{'not ' if one.hidden_from_scripts else ''}for scripts, SameSite={one.same_site or 'None'}."
            for whose, one in (("Our", found.cookie), ("Django's", found.usual_cookie))
        ),
    ]
    columns = ["what is sent", "sent", "accepted", "requests to us"]
    return [Table(title="Third parties", columns=columns, rows=rows, notes=notes)]


def _row(what: str, count: Count, cost: int | None = None) -> list[str]:
    return [what, str(count.sent), str(count.accepted), "–" if cost is None else str(cost)]


class _Caller:
    """The person, who signs in at the issuer, and the third party's back end, which has a client's secret."""

    def __init__(self, issuer: int, email: str, password: str, credentials: str) -> None:
        self.issuer, self.person = issuer, {"email": email, "password": password}
        self.basic = {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
        self.program = Visitor(issuer)

    def access(self) -> str:
        """The access token of a new Login."""
        return str(self._ok(self.program.post("/api/token/", data=self.person))["access"])

    def exchanged(self, access: str) -> tuple[str, float]:
        """A token for the third party, and how many seconds it lives."""
        form = {"subject_token": access, "subject_token_type": ACCESS_TOKEN, "grant_type": GRANT}
        answer = self.program.post("/api/token/exchange/", self.basic, form={**form, "audience": AUDIENCE})
        told = self._ok(answer)
        return told["access_token"], told["expires_in"]

    def introspected(self, token: str) -> bool:
        """Whether the issuer says that it is good."""
        answer = self.program.post("/api/token/introspect/", self.basic, form={"token": token})
        return bool(self._ok(answer)["active"])

    def sign_out(self, access: str) -> None:
        """As a client of ours does it."""
        self._ok(self.program.post("/api/token/revoke/", form={"token": access}))

    def cost(self) -> int:
        """How often the issuer was asked so far."""
        return sum(self._ok(self.program.get(issuing.COUNTED)).values())

    def browser(self) -> Visitor:
        """A browser in which the person is signed in."""
        browser = Visitor(self.issuer)
        token = self._ok(browser.get("/api/session/"))["csrf_token"]
        self._ok(browser.post("/api/session/", self.page(token), data=self.person))
        return browser

    def page(self, token: str) -> dict[str, str]:
        """What a browser adds to a request of a page of the issuer."""
        origin = f"http://{visiting.HOST}:{self.issuer}"
        return {"X-CSRFToken": token, "Origin": origin, "Sec-Fetch-Site": "same-origin"}

    def _ok(self, answer: visiting.Answer) -> Any:
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.body[:300]!r}")
        return answer.json()


@contextmanager
def _issuer(setup: Setup) -> Iterator[int]:
    port = visiting.free_port()
    variables = {
        "DJANGO_SETTINGS_MODULE": "authdemo.lab.settings",
        **setup.environment,
        "PUBLIC_ORIGIN": f"http://{visiting.HOST}:{port}",
        "ALLOWED_HOSTS": visiting.HOST,
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--workers", "1"]
    command = [*granian, "--host", visiting.HOST, "--port", str(port), "authdemo.lab.issuing:application"]
    with visiting.serving(command, variables, port=port, asked="/healthz", directory=setup.directory):
        yield port


@contextmanager
def _service(setup: Setup, issuer: int, audience: str) -> Iterator[Visitor]:
    port = visiting.free_port()
    variables = {
        **setup.environment,
        "ISSUER": f"http://{visiting.HOST}:{issuer}",
        "AUDIENCE": audience,
        "PORT": str(port),
    }
    command = [sys.executable, str(settings.BASE_DIR / "examples/python/resource_server.py")]
    with visiting.serving(command, variables, port=port, asked="/", directory=setup.directory):
        yield Visitor(port)


def _ours(
    caller: _Caller, service: Visitor, other: Visitor, *, asked: int, introspected: int, ends: int
) -> dict[str, Any]:
    access = caller.access()
    token, _lives = caller.exchanged(access)
    before = caller.cost()
    verified = counted(_accepts(service, token) for _request in range(asked))
    between = caller.cost()
    known = counted(caller.introspected(token) for _request in range(introspected))
    # Asking for the count is no request of the third party's, and is not counted.
    after = caller.cost()
    return {
        "verified": verified,
        "verified_cost": between - before,
        "introspected": known,
        "introspected_cost": after - between,
        **_ended(caller, service, ends=ends),
        "elsewhere": counted(_elsewhere(caller, other, token)),
        **_cookies(caller, service),
    }


def _ended(caller: _Caller, service: Visitor, *, ends: int) -> dict[str, Any]:
    """End some Logins whose tokens were good, and ask again at once."""
    verified, introspected, lives = [], [], 0.0
    for _end in range(ends):
        access = caller.access()
        token, seconds = caller.exchanged(access)
        issued = time.monotonic()
        if not (_accepts(service, token) and caller.introspected(token)):
            raise RuntimeError("refused before its end")
        caller.sign_out(access)
        introspected.append(caller.introspected(token))
        verified.append(_accepts(service, token))
        if verified[-1]:
            lives = max(lives, seconds - (time.monotonic() - issued))
    return {"ended_verified": counted(verified), "ended_introspected": counted(introspected), "lives": lives}


def _elsewhere(caller: _Caller, other: Visitor, token: str) -> Iterator[bool]:
    """Where a third party might try a token that is for it: as the person at our doors, and at others."""
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/api/me/", "/api/logins/"):
        yield caller.program.get(path, bearer).status == 200
    yield caller.program.post("/api/logins/end-others/", bearer, data={}).status == 200
    form = {"subject_token": token, "subject_token_type": ACCESS_TOKEN, "grant_type": GRANT}
    answer = caller.program.post("/api/token/exchange/", caller.basic, form={**form, "audience": AUDIENCE})
    yield answer.status == 200
    yield _accepts(other, token)


def _cookies(caller: _Caller, service: Visitor) -> dict[str, Any]:
    """What our page gets for its cookie, and what a page of another origin gets with it if it were sent."""
    browser = caller.browser()
    csrf = browser.get("/api/session/").json()["csrf_token"]
    form = {"grant_type": GRANT, "audience": AUDIENCE}
    exchanged = browser.post("/api/token/exchange/", caller.page(csrf), form=form)
    works = exchanged.status == 200 and _accepts(service, exchanged.json()["access_token"])
    foreign = {"X-CSRFToken": csrf, "Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"}
    refused = [
        browser.post("/api/token/exchange/", foreign, form=form),
        browser.post("/api/logins/end-others/", foreign, data={}),
        browser.get("/api/me/", {**foreign, "Sec-Fetch-Dest": "empty"}),
    ]
    morsel = browser.cookies[settings.SESSION_COOKIE_NAME]
    return {
        "cookie": cookie(morsel),
        "cross_site": counted(answer.status == 200 for answer in refused),
        "exchanged_cookies": counted([works]),
    }


def _accepts(service: Visitor, token: str) -> bool:
    return service.get("/", {"Authorization": f"Bearer {token}"}).status == 200
