"""What Lighthouse says of the pages that everybody sees, at least 95 of 100; it is fetched from npm."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from authdemo.demo import PASSWORD
from tests import programs
from tests.browser.conftest import Site
from tests.programs import MissingService
from tests.stores import give_up
from tests.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PACKAGE = "lighthouse@13.5.0"
CATEGORIES = ("accessibility", "best-practices")
Look = Callable[..., dict[str, float]]


@pytest.fixture(scope="module")
def lighthouse(pytestconfig: pytest.Config) -> Path:
    """Its program, brought by npm once and kept in pytest's cache."""
    directory = pytestconfig.cache.mkdir(PACKAGE.replace("@", "-"))
    program = directory / "node_modules/.bin/lighthouse"
    install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(directory), PACKAGE]
    try:
        programs.node()
        command = [programs.npm(), *install]
    except MissingService as error:
        give_up(error)
    if not program.exists():
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            give_up(MissingService(f"npm could not bring {PACKAGE}: {done.stderr[-500:]}"))
    return program


@pytest.fixture
def look(lighthouse: Path, site: Site, tmp_path: Path) -> Look:
    """`look(path, cookie)` is what the page scores in each category, from 0 to 1."""

    def of(path: str, cookie: str = "") -> dict[str, float]:
        # In a file: the command lines of processes can be read by others.
        headers = tmp_path / "headers.json"
        headers.write_text(json.dumps({"Cookie": cookie} if cookie else {}))
        flags = ["--headless=new", "--no-sandbox", *programs.CHROMIUM_FLAGS]
        command = [
            str(lighthouse), site.url(path), "--quiet", "--output=json", f"--extra-headers={headers}",
            f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags={' '.join(flags)}",
        ]  # fmt: skip
        variables = {**os.environ, "CHROME_PATH": str(programs.chromium())}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=variables, timeout=120)
        told = json.loads(done.stdout)
        assert told["finalDisplayedUrl"] == site.url(path)
        return {name: told["categories"][name]["score"] for name in CATEGORIES}

    return of


def test_lighthouse_gives_at_least_95(look: Look, site: Site) -> None:
    bob = Visitor(site.server.origin)
    bob.post("/login/", {"email": "bob@example.com", "password": PASSWORD})
    cookie = "; ".join(f"{name}={value}" for name, value in bob.cookies.items())

    scores = {"/": look("/"), "/login/": look("/login/"), "/logins/": look("/logins/", cookie)}

    assert {page: told for page, told in scores.items() if min(told.values()) < 0.95} == {}
