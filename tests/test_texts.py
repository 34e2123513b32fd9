"""Every text is in a catalog, translated, and compiled; `make texts` brings the catalogs up to date."""

from __future__ import annotations

import gettext
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.catalogs import catalogs, messages, placeholders
from tests.programs import MissingService
from tests.stores import give_up
from tests.web import PROJECT

pytestmark = pytest.mark.nodb

CATALOGS = catalogs()
by_place = pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: str(path.relative_to(PROJECT)))
SOURCES = (
    "accounts",
    "sessions_stateful",
    "tokens_stateless",
    "authdemo",
    "templates",
    "locale",
    "manage.py",
)


def listed(what: str, texts: list[str]) -> str:
    """One in a line: pytest would cut a long list short."""
    return "\n  ".join([what, *texts])


def test_each_app_brings_its_own_texts() -> None:
    assert [str(path.relative_to(PROJECT)) for path in CATALOGS] == [
        "accounts/locale/de/LC_MESSAGES/django.po",
        "locale/de/LC_MESSAGES/django.po",
        "sessions_stateful/locale/de/LC_MESSAGES/django.po",
        "tokens_stateless/locale/de/LC_MESSAGES/django.po",
    ]


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose catalogs were just brought up to date."""
    try:
        programs.xgettext()
    except MissingService as error:
        give_up(error)
    copy = tmp_path_factory.mktemp("texts")
    for name in SOURCES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    options = ["--all", "--no-location", "--no-obsolete"]
    variables = {**os.environ, "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "authdemo.settings", "PYTHONPATH": ""}
    made = subprocess.run(
        [sys.executable, "manage.py", "makemessages", *options],
        cwd=copy, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return copy


@by_place
def test_every_text_is_in_its_catalog(catalog: Path, extracted: Path) -> None:
    here = {message.name for message in messages(catalog)}
    wanted = {message.name for message in messages(extracted / catalog.relative_to(PROJECT))}

    missing, gone = (
        [text for _context, text, _plural in sorted(few)] for few in (wanted - here, here - wanted)
    )
    assert not missing, listed("not in the catalog, so run `make texts`:", missing)
    assert not gone, listed("no longer in the code, so run `make texts`:", gone)


@by_place
def test_every_text_is_translated(catalog: Path) -> None:
    open_ones = [message.text for message in messages(catalog) if not message.is_done]

    assert not open_ones, listed("without a translation, or with a guessed one:", open_ones)


@by_place
def test_a_translation_has_the_placeholders_and_the_markup_of_its_text(catalog: Path) -> None:
    forms = [form for message in messages(catalog) for form in message.forms]

    assert forms
    assert [said for text, said in forms if said and placeholders(text) != placeholders(said)] == []


@by_place
def test_what_is_compiled_is_what_is_written(catalog: Path) -> None:
    with catalog.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    for message in messages(catalog):
        assert not message.context, "this test reads no contexts yet"
        for count, (_text, said) in zip((1, 2), message.forms, strict=False):
            told = compiled.ngettext(message.text, message.plural, count) if message.plural else None
            assert (told or compiled.gettext(message.text)) == said


@by_place
def test_nothing_is_compiled_that_is_not_written(catalog: Path) -> None:
    with catalog.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    kept = {key[0] if isinstance(key, tuple) else key for key in compiled._catalog}  # type: ignore[attr-defined]
    assert kept - {""} == {message.text for message in messages(catalog)}


def test_a_text_has_the_same_translation_in_every_catalog() -> None:
    said: dict[tuple[str, str, str], set[str]] = {}
    for catalog in CATALOGS:
        for message in messages(catalog):
            said.setdefault(message.name, set()).add("|".join(message.said))

    assert {name[1]: forms for name, forms in said.items() if len(forms) > 1} == {}


@by_place
def test_a_catalog_changes_with_its_texts_alone(catalog: Path) -> None:
    text = catalog.read_text(encoding="utf-8")

    assert "POT-Creation-Date" not in text
    assert "\n#: " not in text
