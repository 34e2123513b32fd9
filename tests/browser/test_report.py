"""The page that `make measure` leaves, opened from its file as a reader does."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is installed by `make measure`")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from authdemo.lab import report
from tests.authdemo.test_report import a_run
from tests.browser.test_pages import LOOKS, OPTIONS

pytestmark = [pytest.mark.browser, pytest.mark.nodb]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_it_can_be_read_by_all(
    browser: Browser, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    file = tmp_path / "measure.html"
    file.write_text(report.page(a_run()), encoding="utf-8")

    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(file.as_uri())
    found = Axe().run(page, options=OPTIONS).response["violations"]

    assert [f"{rule['id']} at {node['target']}" for rule in found for node in rule["nodes"]] == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
