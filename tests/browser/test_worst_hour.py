"""The operator's worst hour: a thief is in, and is shut out of every process before the page has been read.

Which process an answer is from, the answers say here (tests/browser/named.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from authdemo.demo import PASSWORD
from tests.browser import named
from tests.browser.conftest import Site, Visitor
from tests.browser.test_mine import AN_HOUR_AGO
from tests.servers import wait_until
from tests.stores import Stores
from tests.visitor import Answer
from tests.visitor import Visitor as Program
from tests.web import WebServer

pytestmark = [pytest.mark.browser]

Visit = Callable[..., Visitor]
WORKERS = 3
ALICE = "alice@example.com"
CREDENTIALS = {"email": ALICE, "password": PASSWORD}
REFUSED = {"access": 401, "page": 302, "session": 401, "refresh": 401}


@pytest.fixture(scope="module")
def site(serve: Callable[..., WebServer], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Served by three processes, each of which says which it is."""
    mail = tmp_path_factory.mktemp("mail")
    variables = {
        "EMAIL_URL": f"file://{mail}",
        "DJANGO_SETTINGS_MODULE": "tests.browser.named_settings",
    }
    return Site(serve(workers=WORKERS, **variables), mail)


@dataclass(frozen=True)
class Try:
    """What one process said to something stolen."""

    process: str
    what: str
    sent_at: float
    status: int

    @property
    def is_refused(self) -> bool:
        """Sent to sign in, or told that nobody is there."""
        return self.status == REFUSED[self.what]


@dataclass
class Thief:
    """Somebody with a cookie of Alice's, and the tokens of a program of hers."""

    origin: str
    cookie: str
    held: dict[str, str]
    processes: set[str] = field(default_factory=set)

    def ask(self, what: str) -> Answer:
        """Use what was stolen."""
        program = Program(self.origin)
        if what == "access":
            return program.bearer(self.held["access"])
        if what == "refresh":
            answer = program.send("POST", "/api/token/refresh/", {"refresh": self.held["refresh"]})
            if answer.status == 200:
                self.held = answer.json()
            return answer
        program.cookies["sid"] = self.cookie
        return program.get("/logins/" if what == "page" else "/api/me/")

    def tries(self, what: str) -> Iterator[Try]:
        """Use it until each process has answered."""
        missing = set(self.processes)
        deadline = time.monotonic() + 60
        while missing:
            sent_at, answer = time.monotonic(), self.ask(what)
            process = answer.header(named.HEADER) or ""
            yield Try(process, what, sent_at, answer.status)
            missing.discard(process)
            assert time.monotonic() < deadline, f"no answer from {missing}"

    def everywhere(self) -> list[Try]:
        """All that was stolen, at every process."""
        return [one for what in REFUSED for one in self.tries(what)]

    def meets_all(self) -> None:
        """Be served by every process."""

        def met() -> bool:
            self.processes.add(self.ask("session").header(named.HEADER) or "")
            return len(self.processes) == WORKERS

        wait_until(met, what=f"{WORKERS} processes have answered")


def signed_in(origin: str, agent: str, *, email: str = ALICE) -> dict[str, str]:
    """The tokens of a program in which somebody (Alice) has signed in."""
    who, headers = {**CREDENTIALS, "email": email}, {"User-Agent": agent}
    tokens: dict[str, str] = Program(origin).send("POST", "/api/token/", who, **headers).json()
    return tokens


def a_replay(origin: str) -> None:
    """Alice's program has refreshed; a copy of the token that it used comes back until nobody takes it."""
    stolen = {"refresh": signed_in(origin, "laptop")["refresh"]}
    assert Program(origin).send("POST", "/api/token/refresh/", stolen).status == 200

    def is_refused() -> bool:
        headers = {"User-Agent": "curl/8.5.0"}
        return Program(origin).send("POST", "/api/token/refresh/", stolen, **headers).status == 401

    wait_until(is_refused, what="the token is spent")


def stolen_from(alice: Visitor) -> str:
    """The session cookie of her browser."""
    cookies = {cookie.get("name"): cookie.get("value") for cookie in alice.page.context.cookies()}
    return cookies["sid"] or ""


def press(olga: Visitor, button: str) -> bool:
    """Press a button of a person's page, with the password if it is asked for; whether it was."""
    page = olga.page.url.partition("?")[0].removeprefix(olga.site.server.origin)
    with olga.page.expect_navigation():
        olga.press(button)
    if "/login/again/" not in olga.page.url:
        return False
    olga.see("What you asked for has not been done yet.")
    olga.fill("Password", PASSWORD)
    olga.press("Go on")
    olga.arrive(page)
    olga.see("Now do once more what you were about to do.")
    olga.press(button)
    return True


def receipt(olga: Visitor) -> tuple[int | None, float]:
    """How many processes know, as the page says it, and within how many seconds all do."""
    shown = olga.page.get_by_text(
        re.compile(r"(\d) of \1 processes know|Every process knows (?:at its next|within)")
    ).first
    # A process that has just gone (a command) is waited for, and dropped after ten seconds.
    shown.wait_for(timeout=30_000)
    told = shown.inner_text()
    if all_know := re.search(r"(\d) of \1 processes know", told):
        return int(all_know[1]), 0
    within = re.search(r"within ([\d.]+)\s(m?)s", told)
    return None, float(within[1]) / (1000 if within[2] else 1) if within else 0


def opens_what_was_replayed(olga: Visitor) -> None:
    """Find the person by the beginning of the address, and the Login that a replay has ended."""
    olga.page.get_by_role("searchbox", name="Search").fill("ALIC")
    olga.page.get_by_role("button", name="Search").click()
    row = olga.page.locator("#result_list tbody tr", has_text="a used refresh token came back")
    row.get_by_role("link").first.click()


def sees_the_replay(olga: Visitor) -> None:
    """It is marked on the time line, with whoever came with it."""
    marked = olga.page.locator(".moment-replay")
    assert "A used refresh token came back replay" in " ".join(marked.inner_text().split())
    assert "curl" in marked.locator(".sides li", has_text="Came with the used token").inner_text()


def is_shut_out(thief: Thief, *, told_at: float, seconds: float) -> None:
    """Every process refuses all of it; none has accepted what was sent later than the receipt allows."""
    tries: list[Try] = []

    def refused_everywhere() -> bool:
        now = thief.everywhere()
        tries.extend(now)
        return all(one.is_refused for one in now)

    wait_until(refused_everywhere, what="each process refuses all that was stolen")
    assert [one for one in tries if not one.is_refused and one.sent_at > told_at + seconds] == []
    for what in REFUSED:
        assert {one.process for one in tries if one.what == what and one.is_refused} == thief.processes


@pytest.fixture
def thief(visit: Visit, site: Site) -> Thief:
    """Has the cookie of Alice's browser and the tokens of her phone; that of her laptop has come back."""
    alice, origin = visit(), site.server.origin
    alice.sign_in(ALICE)
    alice.arrive("/logins/")
    a_replay(origin)
    thief = Thief(origin, stolen_from(alice), signed_in(origin, "phone"))
    thief.meets_all()
    return thief


def test_a_thief_is_found_and_shut_out_of_every_process(
    visit: Visit, site: Site, stores: Stores, thief: Thief
) -> None:
    olga = visit()
    olga.sign_in("olga@example.com", path="/login/?next=/admin/accounts/login/")
    site.server.manage("shell", "--verbosity=0", "-c", AN_HOUR_AGO)
    assert {one.status for one in thief.everywhere()} == {200}

    opens_what_was_replayed(olga)
    sees_the_replay(olga)
    olga.page.get_by_role("link", name="The person").click()
    olga.see("2 live logins")
    assert press(olga, "End all logins")
    olga.see("2 logins were ended.")
    known, seconds = receipt(olga)
    is_shut_out(thief, told_at=time.monotonic(), seconds=seconds)
    press(olga, "Disable and end all")

    assert known == (len(thief.processes) if stores.postgres and stores.redis else None)
    olga.see("Disabled: alice@example.com can sign in nowhere.")
    olga.see("0 live logins")
    assert Program(site.server.origin).send("POST", "/api/token/", CREDENTIALS).status == 401
    assert not any(one.status == 200 for one in thief.everywhere())


def test_what_is_to_be_spared_is_still_checked_after_the_password(visit: Visit, site: Site) -> None:
    origin, olga = site.server.origin, visit(width=375)
    held = {name: signed_in(origin, name, email="bob@example.com")["access"] for name in ("phone", "laptop")}
    olga.sign_in("olga@example.com", path="/login/?next=/admin/accounts/user/?q=bob")
    site.server.manage("shell", "--verbosity=0", "-c", AN_HOUR_AGO)
    olga.page.get_by_role("link", name="bob@example.com").click()

    line = olga.page.locator(".live-logins li", has_text="phone")
    line.get_by_role("checkbox", name="Spare").check()
    assert press(olga, "End all but those to spare")

    olga.see("1 login was ended.")
    wait_until(lambda: Program(origin).bearer(held["laptop"]).status == 401, what="the laptop is out")
    assert Program(origin).bearer(held["phone"]).status == 200
