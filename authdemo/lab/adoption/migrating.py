"""`manage.py migrate` inside one of the small projects; it says what that did, and what the project loads."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

AT_FIRST = frozenset(sys.modules)

from django.core.management import execute_from_command_line  # noqa: E402 - what is loaded from here on counts
from django.db.backends.utils import CursorWrapper  # noqa: E402 - as above

HERE = Path(__file__).resolve()
BASE = HERE.parents[3]
CHANGES = ("CREATE", "ALTER", "DROP")


def migrate() -> int:
    """Migrate, with the checks that go before it; how many statements have changed the schema."""
    count, execute = 0, CursorWrapper.execute

    def counted(self: CursorWrapper, sql: str, params: Any = None) -> Any:
        nonlocal count
        count += sql.lstrip().upper().startswith(CHANGES)
        return execute(self, sql, params)

    # The connection does not exist yet: `migrate` has to begin as it always does.
    CursorWrapper.execute = counted  # type: ignore[method-assign, assignment]
    execute_from_command_line(["manage.py", "migrate", "--verbosity", "0"])
    return count


def loaded() -> tuple[set[str], list[str]]:
    """The packages of which something is loaded, and the files of ours that are."""
    modules = {name: module for name, module in sys.modules.items() if name not in AT_FIRST}
    known = packages_distributions()
    packages = {each for name in modules for each in known.get(name.partition(".")[0], ())}
    files = [
        Path(file).resolve() for module in modules.values() if (file := getattr(module, "__file__", None))
    ]
    ours = [str(file) for file in files if BASE in file.parents and "site-packages" not in file.parts]
    return packages, sorted(set(ours) - {str(HERE)})


if __name__ == "__main__":
    statements = migrate()
    began = time.monotonic()
    packages, brought = loaded()
    told = {"statements": statements, "packages": len(packages), "brought": brought}
    sys.stdout.write(json.dumps({**told, "counting_seconds": time.monotonic() - began}))
