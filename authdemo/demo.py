"""The demo people: three addresses and one password that everybody knows, so never made in production."""

from __future__ import annotations

PEOPLE = ("alice@example.com", "bob@example.com", "olga@example.com")
OPERATOR = "olga@example.com"
PASSWORD = "stateful or stateless"  # noqa: S105 - public, and of use only while DEBUG is on
