"""docs/threats.md cannot lie: every row is there with its status, and whatever it names as a proof exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standards.doors import DOORS
from tests.web import PROJECT

pytestmark = pytest.mark.nodb

TEXT = (PROJECT / "docs/threats.md").read_text()
STATUSES = ("met", "partly", "deviates", "later", "not met")
COOKIES_HEADERS_CSRF = (
    "ASVS 3.3.1, 3.3.3; 6265bis `__Host-`; NIST 5.1.1",
    "ASVS 3.3.2",
    "ASVS 3.3.4",
    "ASVS 3.3.5; 6265bis 4096",
    "CS Session",
    'CS "multiple cookies"; cookie tossing',
    "ASVS 3.4.1",
    "ASVS 3.4.2",
    "ASVS 3.4.3, 3.4.6, 3.4.7",
    "ASVS 3.4.4, 3.4.5, 3.4.8",
    "CS Forgot: reset page",
    "ASVS 14.3.2; CS Session; RFC 6749 §5.1 / OAuth 2.1",
    "ASVS 14.3.1",
    "ASVS 14.2.1; RFC 6750 §2.3; RFC 9700 §4.3.2",
    "ASVS 3.5.1, 3.5.3; NIST 5.1",
    "ASVS 3.5.2",
    "CS CSRF (signed double submit)",
    "CS CSRF, Fetch Metadata (W3C); ASVS 3.5.3, 3.5.8",
    "Login CSRF",
    "ASVS 3.7.2; CS redirects",
    "Host header poisoning",
    "ASVS 4.1.3, 15.3.4",
    "ASVS 13.4.2, 13.4.5, 13.4.6",
)
AUTHENTICATION = (
    "NIST 3.1.1.2 (final); ASVS 6.2.1",
    "ASVS 6.2.4; NIST blocklist",
    "ASVS 6.2.5; NIST",
    "ASVS 6.2.8",
    "ASVS 6.2.9; long-password DoS",
    "ASVS 6.2.2, 6.2.3, 6.2.6, 6.2.7, 6.2.10",
    "ASVS 6.1.2, 6.2.11, 6.2.12",
    "NIST unicode",
    "ASVS 11.4.2 app. C",
    "ASVS 6.1.1, 6.3.1; NIST 3.2.2; CS auth",
    "ASVS 6.3.2",
    "ASVS 6.3.3",
    "ASVS 6.1.3, 6.3.4",
    "ASVS 6.3.5, 6.3.7; NIST 4.6",
    "ASVS 6.3.8",
    "ASVS 6.4.1, 6.4.3; NIST 4.2 (e-mail code ≤ 24 h)",
    "ASVS 6.4.2, 6.4.6",
    "ASVS 8.2.1, 8.2.2",
    "ASVS 8.3.2",
    "ASVS 15.3.3, 15.3.1",
)

TOKENS = (
    "ASVS 9.1.1; 8725 §3.3",
    "ASVS 9.1.2; 8725 §3.1",
    "ASVS 9.1.3; 8725 §3.10",
    "8725 §3.5; ASVS 11.2.3",
    "ASVS 11.1.1, 11.1.2, 13.1.4, 13.3.4",
    "8725 §3.2 bis; RFC 9864",
    "ASVS 9.2.1; RFC 9068 §4",
    "ASVS 9.2.2; 8725 §3.11–12; RFC 9068 §2.1, §4",
    "ASVS 9.2.3, 9.2.4, 10.3.1; RFC 9068 §4/§5",
    "ASVS 10.3.3; 8725 §3.8; RFC 9068 §5; 9700 §4.15",
    "RFC 9068 §2.2",
    "RFC 9068 §6; ASVS 14.2.6, 14.1.1",
    "8725 §3.7",
    "RFC 7515 §4/7519 §4",
    "8725 bis format",
    "RFC 7515 §4.1.11; RFC 7797",
    "Malleability (CS JWT)",
    "Size",
    "Robustness",
    "ASVS 7.4.1 self-contained part",
    '"zero per request"',
    "RFC 7517, 7638",
    "ASVS 10.3.5, 10.4.14",
)
OAUTH = (
    "ASVS 10.4.5; RFC 9700 §2.2.2, §4.14.2",
    "same, race",
    "lost answer (FAPI 2.0; RFC 9700)",
    "ASVS 10.4.8; browser-apps draft",
    "ASVS 10.4.9, 7.5.2",
    "OAuth 2.1 (storage); ASVS 13.3.x",
    "R is opaque or typed; bound to client",
    "deleted user",
    "ASVS 10.4.4; RFC 9700 §2.4",
    "RFC 6749 §5.2",
    "RFC 6750 §3, §3.1; 9068 §4",
    "RFC 6750 §2.1",
    "RFC 7009",
    "RFC 7662",
    "RFC 8414",
    "RFC 8693",
    "ASVS 10.1.1; browser-apps; CS Session",
    "ASVS 10.3.4",
)
ADMIN_LOGGING_ERRORS = (
    "ASVS 7.4.5, 8.2.1",
    "ASVS 8.4.2",
    "CSRF/IDOR/bulk in admin",
    "XSS through UA/IP",
    "ASVS 16.3.1, 16.3.2, 16.3.3; CS vocabulary",
    "ASVS 16.2.1, 16.2.2, 16.2.4",
    "ASVS 16.2.5",
    "ASVS 16.4.1",
    "ASVS 16.5.1, 16.5.4",
    "ASVS 16.1.1, 6.1.1, 7.1.1–7.1.3, 8.1.x, 11.1.x, 14.1.x, 13.1.x",
    "ASVS 14.2.7, privacy",
)


def section(title: str) -> str:
    """What stands under a heading."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of the rows of the first table under a heading."""
    table = section(title).partition("|")
    lines = (table[1] + table[2]).split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def found(name: str) -> Path | None:
    """The file of this name, of the project or of its tests."""
    return next((path for path in (PROJECT / name, PROJECT / "tests" / name) if path.is_file()), None)


def named() -> Iterator[tuple[str, str]]:
    """Each test that is named, after the file that it stands in; an empty name for the file itself."""
    file = ""
    for name in re.findall(r"`([\w/]+\.py|::\w+)`", TEXT):
        file = file if name.startswith("::") else name
        yield file, name[2:] if name.startswith("::") else ""


@pytest.mark.parametrize(
    ("title", "ids"),
    [
        ("1.1 Cookies, headers, CSRF", COOKIES_HEADERS_CSRF),
        ("1.3 Authentication", AUTHENTICATION),
        ("1.4 Self-contained tokens", TOKENS),
        ("1.5 Refresh, revocation, introspection, OAuth", OAUTH),
        ("1.6 Admin, logging, errors", ADMIN_LOGGING_ERRORS),
    ],
)
def test_every_row_is_there_once_and_in_order(title: str, ids: tuple[str, ...]) -> None:
    assert tuple(row[0] for row in rows(title)) == ids


def test_every_attack_on_tokens_is_there_once_and_in_order() -> None:
    assert [row[0].split(" ")[0] for row in rows("2 Attacks on tokens")] == [str(n) for n in range(1, 40)]


def test_every_attack_on_sessions_is_there_once_and_in_order() -> None:
    assert [row[0].split(" ")[0] for row in rows("3 Attacks on sessions")] == [str(n) for n in range(1, 34)]


TITLES = (
    "1.1 Cookies, headers, CSRF",
    "1.3 Authentication",
    "1.4 Self-contained tokens",
    "1.5 Refresh, revocation, introspection, OAuth",
    "1.6 Admin, logging, errors",
    "2 Attacks on tokens",
    "3 Attacks on sessions",
    "Who can write to Redis",
    "What holds already of the rest",
)


@pytest.mark.parametrize("title", TITLES)
def test_every_row_has_a_status_and_what_holds_has_a_proof(title: str) -> None:
    for _row, status, _by, proof in rows(title):
        assert status.startswith(STATUSES)
        assert bool(re.search(r"`\S+\.py`", proof)) is not status.startswith(("later", "not met"))


@pytest.mark.parametrize(("file", "test"), sorted(set(named())), ids=lambda value: value or "file")
def test_what_is_named_exists(file: str, test: str) -> None:
    path = found(file)

    assert path
    assert not test or re.search(rf"^ *(?:async )?def {test}\(", path.read_text(), re.MULTILINE)


def test_every_door_is_listed() -> None:
    assert [door for door in DOORS if f"`{door}`" not in section("Doors")] == []
