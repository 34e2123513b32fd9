"""The conditions of accounts/search.py as arguments of a command, each with what it means.

What cannot be read is refused with its name, as argparse does it: whoever ends all that matches must not have
a misspelt or empty condition taken for none.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from uuid import UUID

from django.core.management.base import CommandError, DjangoHelpFormatter

from accounts import flows, logs
from accounts.logins import EndReason
from accounts.search import STATES, BadSearch, Search

# As of a command line that argparse refuses.
USAGE = 2
# `--reason` is why an operator ends something; why something has ended is another question.
NAMES = {"reason": "--end-reason"}
META = {
    "state": "STATE",
    "flow": "FLOW",
    "reason": "REASON",
    "idle": "SPAN",
    "since": "WHEN",
    "before": "WHEN",
    "staff": "yes|no",
    "email": "BEGINNING",
    "address": "ADDRESS",
    "login": "ID",
    "person": "ID",
}


class HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's, which leaves the lines of examples as they are."""


def _helps() -> Mapping[str, str]:
    return {
        "state": f"one of {', '.join(STATES)} (expired: past its end, and not yet recorded as ended)",
        "flow": f"through this flow: {', '.join(name for name, _label in flows.choices())}",
        "reason": f"ended for this reason: {', '.join(EndReason.values)}",
        "idle": "not ended, and not used for so long: 90s, 30m, 12h, 7d, 2w",
        "since": "signed in since then: 2026-11-23T08:00Z, 2026-11-23, or 7d (so long ago)",
        "before": "signed in before that, written in the same way",
        "staff": "of operators, or of everybody else",
        "email": "of people whose email address begins so, in any spelling",
        "address": "from this address or network: 203.0.113.9, 10.0.0.0/8, 2001:db8::/32",
        "login": "this one alone",
        "person": "all of one person",
    }


def option(name: str) -> str:
    """How a condition is called on the command line."""
    return NAMES.get(name, f"--{name}")


def add_conditions(
    parser: argparse.ArgumentParser, names: Iterable[str] = tuple(META), **other_helps: str
) -> None:
    """Add these conditions of a search, all of which must hold."""
    group = parser.add_argument_group("conditions, all of which must hold")
    helps = {**_helps(), **other_helps}
    for name in names:
        group.add_argument(option(name), dest=f"find_{name}", metavar=META[name], help=helps[name])


def given(options: Mapping[str, Any]) -> dict[str, str]:
    """The conditions that somebody has written, by the names that `Search.read` knows."""
    found = {name: options.get(f"find_{name}") for name in META}
    return {name: text for name, text in found.items() if text is not None}


def search(options: Mapping[str, Any]) -> Search:
    """What is looked for; CommandError (exit code 2) names each condition that cannot be read."""
    asked = given(options)
    try:
        _see_that_each_says_something(asked)
        return Search.read(asked)
    except BadSearch as bad:
        refuse(*(f"argument {option(name)}: {error}" for name, error in bad.errors.items()))


def _see_that_each_says_something(asked: Mapping[str, str]) -> None:
    if empty := [name for name, text in asked.items() if not text.strip()]:
        # `Search.read` takes it for no condition: in a script, "--email $WHO" would mean everybody.
        raise BadSearch(dict.fromkeys(empty, "There is nothing in it."))


def uuid(text: str, *, name: str) -> UUID:
    """The id that is written there; CommandError (exit code 2) with the argument's name for what is none."""
    try:
        return UUID(text)
    except ValueError:
        refuse(f"argument {name}: “{text}” is no id.")


def plain(text: str, *, name: str) -> str:
    """The text itself; CommandError (exit code 2) for bytes that are none in the encoding of the shell."""
    if any(0xD800 <= ord(each) < 0xE000 for each in text):
        refuse(f"argument {name}: This is no text.")
    return text


def refuse(*errors: str) -> NoReturn:
    """Raise what ends the command with the exit code of a command line that cannot be read."""
    raise CommandError("\n".join(map(logs.visible, errors)), returncode=USAGE)
