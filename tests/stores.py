"""A pytest plugin: `--stores=` starts the servers that the whole run uses, before Django's settings are read.

pyproject.toml loads it (`-p tests.stores`), because a conftest.py is read after the settings.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from authdemo import env
from tests.programs import MissingService
from tests.servers import PostgresServer, RedisServer

CHOICES = ("sqlite", "redis+postgres", "sqlite+redis", "postgres")
# What a developer's shell may hold for `make run`; the tests start from the defaults.
FOREIGN = (
    "ALLOWED_HOSTS",
    "CACHE_URL",
    "DEFAULT_FROM_EMAIL",
    "EMAIL_URL",
    "LAB",
    "LAB_REDIS",
    "PUBLIC_ORIGIN",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "TRUSTED_PROXIES",
)
MISSING = "missing service: "


class Stores:
    """The servers of one run; None is one that this run does without."""

    key = pytest.StashKey["Stores"]()
    redis: RedisServer | None = None
    postgres: PostgresServer | None = None
    missing: str | None = None

    def __init__(self) -> None:
        # Not in TMPDIR and not private: a Unix socket needs a short path, and PostgreSQL may run as "nobody".
        self.directory = Path(tempfile.mkdtemp(prefix="authdemo-", dir="/tmp"))
        self.directory.chmod(0o755)
        self._stack = ExitStack()

    def start(self, choice: str | None) -> None:
        """Start the servers of `choice` and set DATABASE_URL and REDIS_URL; None keeps what is set."""
        if choice is None and os.environ.get("DATABASE_URL"):
            return
        os.environ["DATABASE_URL"] = f"sqlite:///{self.directory}/authdemo.sqlite3"
        if choice is None:
            return
        os.environ.pop("REDIS_URL", None)
        if "redis" in choice:
            self.redis = self._stack.enter_context(RedisServer(self.directory / "redis"))
            os.environ["REDIS_URL"] = self.redis.url()
        if "postgres" in choice:
            self.postgres = self._stack.enter_context(PostgresServer(self.directory / "postgres"))
            os.environ["DATABASE_URL"] = self.postgres.create("authdemo")

    def stop(self) -> None:
        """Stop them and remove what they wrote."""
        self._stack.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def give_up(error: MissingService) -> NoReturn:
    """Skip the test, or fail it where REQUIRE_SERVICES says that every service must be there."""
    (pytest.fail if env.flag("REQUIRE_SERVICES") else pytest.skip)(f"{MISSING}{error}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stores", choices=CHOICES, help="the servers to start and use (SQLite alone by default)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    stores = early_config.stash[Stores.key] = Stores()
    early_config.add_cleanup(stores.stop)
    for name in FOREIGN:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    try:
        stores.start(early_config.known_args_namespace.stores)
    except MissingService as error:
        if env.flag("REQUIRE_SERVICES"):
            stores.stop()
            raise pytest.UsageError(f"{MISSING}{error}") from None
        stores.missing = f"{MISSING}{error}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if reason := config.stash[Stores.key].missing:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    if count := sum(MISSING in reason for reason in skipped):
        terminalreporter.write_sep(
            "!", f"{count} tests did not run for want of a service", red=True, bold=True
        )
