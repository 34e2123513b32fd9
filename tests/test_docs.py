"""The documentation cannot lie: what the code has must stand in it, and what it names must exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import get_commands

from accounts import events
from accounts.conf import Accounts
from accounts.logins import EndReason
from authdemo.codes import CODES
from authdemo.conf import Lab
from authdemo.demo import PASSWORD, PEOPLE
from sessions_stateful.conf import Sessions
from tests.web import PROJECT
from tokens_stateless.conf import Tokens

pytestmark = pytest.mark.nodb

DOCS = PROJECT / "docs"
APPS = ("accounts", "sessions_stateful", "tokens_stateless", "authdemo")
PAGES = sorted([PROJECT / "README.md", PROJECT / "CHANGELOG.md", *DOCS.rglob("*.md")])


def code() -> str:
    return "\n".join(path.read_text() for app in APPS for path in (PROJECT / app).rglob("*.py"))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, field.name) for kind in (Accounts, Sessions, Tokens, Lab) for field in fields(kind)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_setting_is_explained(kind: type, name: str) -> None:
    section = (DOCS / "settings.md").read_text().split(f"= {kind.__name__}(")[1].split("\n## ")[0]

    assert f"`{name}`" in section


def test_every_variable_of_the_environment_is_explained() -> None:
    read = set(
        re.findall(r'env\.(?:text|flag|names)\("([A-Z_]+)"', (PROJECT / "authdemo/settings.py").read_text())
    )

    assert {name for name in read if f"`{name}`" not in (DOCS / "settings.md").read_text()} == set()


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_error_code_is_explained(name: str) -> None:
    assert f"`{name}`" in (DOCS / "errors.md").read_text()


def test_every_check_is_explained() -> None:
    ids = set(re.findall(r'id="([a-z_]+\.[EW]\d{3})"', code()))

    assert {number for number in ids if f"`{number}`" not in (DOCS / "errors.md").read_text()} == set()


def test_every_end_reason_is_explained() -> None:
    text = (DOCS / "errors.md").read_text()

    assert {reason for reason in EndReason.values if f"`{reason}`" not in text} == set()


def test_every_command_is_explained() -> None:
    ours = [name for name, app in get_commands().items() if app in APPS]

    assert ours
    assert {
        name for name in ours if f"`manage.py {name}" not in (DOCS / "operations.md").read_text()
    } == set()


def test_every_event_is_explained() -> None:
    names = set(re.findall(r'events\.(?:record|record_each|tell|note)\(\s*"([a-z_]+)"', code()))

    assert names
    assert {name for name in names if f"`{name}`" not in (DOCS / "operations.md").read_text()} == set()


def test_every_event_that_is_a_row_can_be_filtered_by() -> None:
    written = set(re.findall(r'events\.(?:record|record_each)\(\s*"([a-z_]+)"', code()))

    assert written == set(events.ROWS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_name_on_the_path_exists_in_its_file() -> None:
    rows = re.findall(
        r"\[[^\]]+\]\((\.\./[^)]+\.py)\) `([A-Za-z_.]+)`", (DOCS / "path-of-a-login.md").read_text()
    )

    assert rows
    for path, name in rows:
        source = (DOCS / path).read_text()
        assert all(re.search(rf"(def|class) {part}\b", source) for part in name.split(".")), (path, name)


def test_the_readme_names_the_demo_people_and_stays_short() -> None:
    readme = (PROJECT / "README.md").read_text()

    assert all(address in readme for address in (*PEOPLE, PASSWORD))
    assert len(readme.splitlines()) <= 120


def test_the_readmes_commands_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    wanted = set(re.findall(r"\bmake ([a-z]+)", (PROJECT / "README.md").read_text())) - {"run"} | {"run"}

    assert {target for target in wanted if f"\n{target}:" not in makefile} == set()
