"""Where a run takes place: the machine, and the versions of what is measured. No host's name, and no path."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from redis import Redis

# By the name of the distribution; one that is not installed is left out.
PACKAGES = (
    "Django", "djangorestframework", "djangorestframework-simplejwt", "PyJWT", "django-rest-knox",
    "django-allauth", "django-redis", "redis", "hiredis", "psycopg", "granian", "cryptography", "argon2-cffi",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The model of its processor, how many of its cores this process may use, its memory, its system."""

    processor: str
    cores: int
    memory_bytes: int | None
    system: str


def machine() -> Machine:
    """This one."""
    memory = None
    with suppress(ValueError, OSError):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(processor=_processor(), cores=_cores(), memory_bytes=memory, system=_system())


def versions() -> Mapping[str, str]:
    """Of Python, of the packages that are measured or measure, and of the servers."""
    found = {"Python": f"{platform.python_implementation()} {platform.python_version()}"}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    found[connection.display_name] = _database()
    if settings.REDIS_URL:
        with Redis.from_url(str(settings.REDIS_URL)) as client:
            told: Any = client.info("server")
        found["Redis (server)"] = str(told["redis_version"])
    return found


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _system() -> str:
    name = platform.system()
    with suppress(OSError):
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{name}, {platform.system()} {platform.release()}, {platform.machine()}"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        return str(cursor.fetchone()[0])
