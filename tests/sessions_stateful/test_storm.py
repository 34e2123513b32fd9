"""Thousands of loads, saves, rotations and ends in no order, over several processes, in each set-up."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sessions_stateful.storm import SESSIONS
from tests.stores import Stores
from tests.web import PROJECT, environment

pytestmark = [pytest.mark.nodb, pytest.mark.slow]

PROCESSES = 4
DATABASE = 14
# STORM=10000 is the long run.
STEPS = int(os.environ.get("STORM", "3000"))

START = f"""
import sys
from django.contrib.auth import get_user_model
from django.test import Client
person = get_user_model().objects.get(email="alice@example.com")
for number in range({SESSIONS}):
    browser = Client()
    browser.force_login(person)
    print(browser.cookies["sid"].value)
"""
LOOK = """
import json, sys
from sessions_stateful.store import SessionStore
keys = json.loads(sys.stdin.read())
print(json.dumps([dict(SessionStore(key).items()) for key in keys]))
"""


def ask(code: str, variables: dict[str, str], *, told: str = "") -> str:
    """What a process of its own prints."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code],
        cwd=PROJECT,
        env=environment(variables),
        input=told,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def storm(directory: Path, number: int, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """One of the processes."""
    command = [sys.executable, "-m", "tests.sessions_stateful.storm"]
    arguments = [str(directory), str(number), str(STEPS // PROCESSES)]
    return subprocess.Popen([*command, *arguments], cwd=PROJECT, env=environment(variables))


@pytest.fixture
def variables(stores: Stores, prepared_database: Callable[[], str]) -> dict[str, str]:
    """A database and a Redis of this test's own."""
    told = {"DATABASE_URL": prepared_database()}
    return {**told, "REDIS_URL": stores.redis.url(DATABASE)} if stores.redis else told


def test_no_change_is_lost_and_nobody_comes_back(
    variables: dict[str, str],
    stores: Stores,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    for number, key in enumerate(ask(START, variables).split()):
        (tmp_path / f"{number}.key").write_text(key)
    with ExitStack() as stack:
        running = [stack.enter_context(storm(tmp_path, number, variables)) for number in range(PROCESSES)]
        while any(process.poll() is None for process in running):
            time.sleep(random.random() / 5)
            if stores.redis and random.random() < 0.2:
                stores.redis.empty(database=DATABASE)
    told = [json.loads((tmp_path / f"{number}.told").read_text()) for number in range(PROCESSES)]
    record_property("steps", [one["done"] for one in told])

    keys = [(tmp_path / f"{number}.key").read_text() for number in range(SESSIONS)]
    left = json.loads(ask(LOOK, variables, told=json.dumps(keys)))
    ended = [number for number in range(SESSIONS) if (tmp_path / f"{number}.ended").exists()]
    assert [one["faults"] for one in told] == [[]] * PROCESSES
    assert [left[number] for number in ended] == [{}] * len(ended)
    for one in told:
        saved = {int(number): value for number, value in one["saved"].items() if int(number) not in ended}
        assert {number: left[number][one["name"]] for number in saved} == saved
    assert 0 < len(ended) < SESSIONS
