"""One process of many that load, save, rotate and end the same few sessions in no order.

`python -m tests.sessions_stateful.storm DIRECTORY NUMBER STEPS` writes NUMBER.told into the directory: what
it has seen that must not be, and its last saved numbers. Each process counts under a name of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

SESSIONS = 12
LIKELY: dict[str, int] = {"look": 60, "count": 30, "rotate": 10}


class Storm:
    """What one process does and remembers."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory, self.name = directory, f"count{number}"
        self.saved: dict[int, int] = {}
        self.seen: dict[tuple[int, str], int] = {}
        self.faults: list[str] = []
        self.done: dict[str, int] = {}

    def run(self, steps: int) -> None:
        """So many steps, each on a session at random; one of them ends it."""
        names, weights = list(LIKELY), list(LIKELY.values())
        last = random.randrange(steps // 2, steps)
        for step in range(steps):
            session = random.randrange(SESSIONS)
            name = "end" if step == last else random.choices(names, weights)[0]
            act: Callable[[int], bool] = getattr(self, name)
            if act(session):
                self.done[name] = self.done.get(name, 0) + 1

    def look(self, number: int) -> bool:
        """What was saved here is there, and what others have saved does not go back."""
        found = dict(_store(self._key(number)).items())
        if not found:
            return False
        if found.get(self.name, 0) != self.saved.get(number, 0):
            self.faults.append(f"session {number}: {found.get(self.name)} is not {self.saved.get(number)}")
        for name, value in found.items():
            if name.startswith("count"):
                if value < self.seen.get((number, name), 0):
                    self.faults.append(f"session {number}: {name} went back to {value}")
                self.seen[number, name] = value
        return True

    def count(self, number: int) -> bool:
        """Save a higher number under our name."""
        from django.contrib.sessions.backends.base import UpdateError

        session = _store(self._key(number))
        if session.user() is None:
            return False
        session[self.name] = self.saved.get(number, 0) + 1
        try:
            session.save()
        except UpdateError:
            return False
        self.saved[number] = session[self.name]
        return True

    def rotate(self, number: int) -> bool:
        """Give it a new key, and tell the others."""
        from django.contrib.sessions.exceptions import SessionInterrupted

        with self._alone(number):
            session = _store(self._key(number))
            if session.user() is None:
                return False
            try:
                session.cycle_key()
            except SessionInterrupted:
                return False
            new = self.directory / f"{number}.{self.name}"
            new.write_text(str(session.session_key))
            new.replace(self.directory / f"{number}.key")
        return True

    def end(self, number: int) -> bool:
        """End its Login."""
        from accounts import logins

        session = _store(self._key(number))
        if session.user() is None or session.login_id is None:
            return False
        logins.end([session.login_id], reason=logins.EndReason.REVOKED_BY_OWNER)
        (self.directory / f"{number}.ended").touch()
        return True

    def _key(self, number: int) -> str:
        return (self.directory / f"{number}.key").read_text()

    @contextmanager
    def _alone(self, number: int) -> Iterator[None]:
        with (self.directory / f"{number}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _store(key: str) -> Any:
    from sessions_stateful.store import SessionStore

    return SessionStore(key)


def main(directory: str, number: str, steps: str) -> None:
    """Run, and tell what came of it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from accounts import standing

    storm = Storm(Path(directory), int(number))
    storm.run(int(steps))
    told = {"name": storm.name, "faults": storm.faults, "saved": storm.saved, "done": storm.done}
    standing.stop()
    (storm.directory / f"{number}.told").write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
