"""The settings of the tests: the project's own, with DEBUG's secret, mail in memory and databases to be lost.

DATABASE_URL and REDIS_URL name the servers; `tests.stores` sets them before this module is read.
ATOMIC_REQUESTS=1 wraps each request in a transaction: the suite must pass so, too.
"""

from __future__ import annotations

import os

from authdemo import env

os.environ.setdefault("DEBUG", "1")
os.environ.setdefault("EMAIL_URL", "memory:")

from authdemo.settings import *  # noqa: F403 - the variables above must be set first
from authdemo.settings import DATABASES

DATABASES["default"]["ATOMIC_REQUESTS"] = env.flag("ATOMIC_REQUESTS")
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Django would take a database in memory: no second connection could have its own view of that one.
    DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}.test"}
