"""A served project whose mail can be read, and visitors that remember what their browser complains about."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from email import message_from_string, policy
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect

from authdemo.demo import PASSWORD
from tests import leaks
from tests.servers import wait_until
from tests.visitor import COOKIES
from tests.web import WebServer

# On a busy machine: two browsers at once, and the servers of both, on two cores.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Site:
    """The project as it is served here, and the directory into which it writes its mail."""

    server: WebServer
    mail: Path

    def url(self, path: str) -> str:
        """An address of it."""
        return self.server.origin + path

    def link_mailed_to(self, address: str, *, path: str) -> str:
        """The link under `path` in the newest mail to this address, as soon as it is there."""
        found: list[str] = []

        def arrived() -> list[str]:
            for file in sorted(self.mail.glob("*.log")):
                for text in file.read_text().split("-" * 79):
                    # Read as a mail program does: Django 6.1 breaks long lines up for the way.
                    message = message_from_string(text.lstrip(), policy=policy.default)
                    # Up to the signature: one that is still being written may end within its link.
                    if message["To"] == address and "\n-- \n" in (body := message.get_content()):
                        found.extend(re.findall(rf"{self.url(path)}\S+", body))
            return found

        wait_until(arrived, what=f"mail to {address}")
        return found[-1]


@dataclass
class Visitor:
    """One page in a browser context of its own."""

    site: Site
    page: Page
    heard: list[tuple[str, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def go(self, path: str) -> None:
        """Open an address of the site, which may answer with the page of an error."""
        answer = self.page.goto(self.site.url(path))
        if answer and answer.status >= 400:
            self.forgive(path.partition("?")[0])

    def arrive(self, path: str) -> None:
        """Wait until the page of this path is there, whatever its query."""
        self.page.wait_for_url(
            lambda url: url.removeprefix(self.site.server.origin).partition("?")[0] == path
        )

    def see(self, text: str) -> None:
        """Wait until the page shows this text."""
        self.page.get_by_text(text).first.wait_for()

    def fill(self, label: str, text: str) -> None:
        """Type into the field of this label."""
        self.page.get_by_role("textbox", name=label, exact=True).fill(text)

    def press(self, button: str) -> None:
        """Press a button of the page itself."""
        self.page.get_by_role("main").get_by_role("button", name=button, exact=True).click()

    def sign_in(self, email: str, password: str = PASSWORD, *, path: str = "/login/") -> None:
        """Sign in by the form at `path`."""
        self.go(path)
        self.fill("Email address", email)
        self.fill("Password", password)
        self.press("Sign in")

    def sign_in_for_token(self, email: str) -> None:
        """Sign in at the token client, which is opened first if need be."""
        if not self.page.url.endswith("/token/"):
            self.go("/token/")
        self.fill("Email address", email)
        self.fill("Password", PASSWORD)
        self.act("Sign in for a token")

    def act(self, button: str) -> None:
        """Press a button of the token client and wait until it has done what that asks for."""
        self.press(button)
        self.page.wait_for_selector('#client[aria-busy="false"]')

    def ask_for_link(self, path: str, address: str) -> None:
        """Fill in the form at `path` that mails a link."""
        self.go(path)
        self.fill("Email address", address)
        self.press("Send me the link")
        self.see("Look into your mail")

    def choose_password(self, password: str, *, button: str) -> None:
        """Type a new password twice and send the form."""
        self.fill("New password", password)
        self.fill("New password again", password)
        self.press(button)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the console says, if it is a complaint."""
        if message.type in ("error", "warning"):
            self.heard.append((message.text, message.location["url"]))

    def forgive(self, *paths: str) -> None:
        """Let the browser note that these paths refuse: the test has asked for it."""
        self.refused |= {self.site.url(path) for path in paths}

    @property
    def complaints(self) -> list[str]:
        """What the browser had to say that nobody has asked for."""
        asked = "Failed to load resource: the server responded with a status of 4"
        return [
            f"{text} {url}"
            for text, url in self.heard
            if not (text.startswith(asked) and url.partition("?")[0] in self.refused)
        ]


@pytest.fixture(scope="module")
def site(serve: Callable[..., WebServer], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Served by two processes, with the demo people."""
    mail = tmp_path_factory.mktemp("mail")
    return Site(serve(workers=2, EMAIL_URL=f"file://{mail}"), mail)


PICTURES = pytest.StashKey[dict[Path, Page]]()


@pytest.fixture
def visit(
    site: Site, browser: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Visitor]]:
    """`visit()` is a new visitor; at the end none may have had anything to complain about."""
    pictures = request.node.stash[PICTURES] = {}
    visitors: list[Visitor] = []

    def start(*, width: int = 1280, locale: str = "en-US", scripts: bool = True) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, locale=locale, java_script_enabled=scripts
        )
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(site, context.new_page())
        visitor.page.on("console", visitor.hear)
        visitor.page.on("pageerror", lambda error: visitor.heard.append((str(error), "")))
        pictures[tmp_path / f"visitor{len(visitors)}.png"] = visitor.page
        visitors.append(visitor)
        return visitor

    yield start
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        for cookie in visitor.page.context.cookies():
            if kind := COOKIES.get(cookie.get("name", "")):
                leaks.now[0].remember(kind, cookie.get("value", ""))
                leaks.served[0].remember(kind, cookie.get("value", ""))
        leaks.now[0].look(f"page {visitor.page.url}", visitor.page.url, visitor.page.content())
        visitor.page.context.close()
    assert complaints == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add a picture of each open page to the report of a test that has failed."""
    report = yield
    if report.when == "call" and report.failed:
        for picture, page in item.stash.get(PICTURES, {}).items():
            report.sections.append(_taken(page, picture))
    return report


def _taken(page: Page, picture: Path) -> tuple[str, str]:
    try:
        page.screenshot(path=picture, full_page=True)
    except Error as error:  # its browser may have crashed, which is then what has failed
        return f"No picture of {page.url}", str(error)
    return f"Picture of {page.url}", str(picture)
