"""Where in the world an address is, for people's eyes: off unless a project names a database for it.

The database is a file of MaxMind's format (GeoLite2 City or Country, DB-IP …), read by `maxminddb`, which a
project installs itself. Nothing is ever asked over a network. Such a database is often wrong, and nothing
may rest on it.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils import translation

from accounts import conf

LONGEST = 80


def of(address: str | None) -> str | None:
    """The city and country of an address, in the active language if they are known in it; None if not known.

    Without `geoip_path`, and for an address that the database does not have, that costs nothing to speak of.
    """
    path = conf.current().geoip_path
    if not (path and address):
        return None
    try:
        found = reader(path).get(address)
    except (ImproperlyConfigured, ValueError, RuntimeError):
        # `manage.py check` has said what is wrong; or the database knows no IPv6, or is damaged in places.
        return None
    return _words(found) if isinstance(found, dict) else None


@lru_cache(maxsize=1)
def reader(path: str) -> Any:
    """The opened database, kept for as long as the process lives; ImproperlyConfigured says what is wrong."""
    try:
        maxminddb = import_module("maxminddb")
    except ImportError:
        raise ImproperlyConfigured("ACCOUNTS.geoip_path needs the package maxminddb.") from None
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, RuntimeError) as error:
        kind = type(error).__name__
        raise ImproperlyConfigured(f"ACCOUNTS.geoip_path is no database that can be read: {kind}.") from None


def _words(record: dict[str, Any]) -> str | None:
    names = (_name(record.get(part)) for part in ("city", "country"))
    return ", ".join(filter(None, names))[:LONGEST] or None


def _name(part: object) -> str | None:
    known = part.get("names") if isinstance(part, dict) else None
    if not isinstance(known, dict):
        return None
    found = known.get(translation.get_language() or "en") or known.get("en")
    return found if isinstance(found, str) else None
