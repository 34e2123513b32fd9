"""What is told of a change: who noticed it, and how long after its commit the old was still good."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.db import connection, transaction

from accounts.testing import alice
from authdemo.lab import doors, watching
from authdemo.lab.watching import Case
from tests.accounts.another import database_url

pytestmark = pytest.mark.slow

LATE_SECONDS = 0.2


@pytest.mark.parametrize("slug", doors.OURS)
def test_what_comes_late_is_told_as_late_in_every_process(slug: str, tmp_path: Path) -> None:
    door, person = doors.by_slug()[slug], alice()
    at_once, late, never = (door.sign_in(person) for _login in range(3))

    def end_late() -> None:
        time.sleep(LATE_SECONDS)
        late.end()

    changes = [at_once.end, lambda: transaction.on_commit(end_late), lambda: None]
    cases = [
        Case(door=slug, header=held.header, change=change, busy=busy, patience=patience)
        for busy, held, change, patience in zip(
            (True, False, True), (at_once, late, never), changes, (60, 60, 0.05), strict=True
        )
    ]
    url = database_url(str(connection.settings_dict["NAME"]))
    seen = watching.watch(cases, {**os.environ, "DATABASE_URL": url}, directory=tmp_path)

    assert [list(one.changed) for one in seen] == [[True, True], [True, True], [False, False]]
    assert all(milliseconds > LATE_SECONDS * 500 for milliseconds in seen[1].late)
    assert all(milliseconds > 50 for milliseconds in seen[2].late)


def test_a_process_that_is_refused_from_the_first_is_told(tmp_path: Path) -> None:
    case = Case(door=doors.TOKEN, header=("Authorization", "Bearer junk"), change=lambda: None)
    url = database_url(str(connection.settings_dict["NAME"]))

    with pytest.raises(TimeoutError, match="does not get on"):
        watching.watch([case], {**os.environ, "DATABASE_URL": url}, directory=tmp_path)
