"""`manage.py logins watch`: each sign-in and each end, and what else changes the ledger, as it happens."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import OutputWrapper
from django.db import Error, close_old_connections, connection

from accounts import arguments, device, events, logs, people, terminal
from accounts.events import Event
from accounts.logins import Login
from accounts.search import Search
from accounts.tail import Tail

EVERY_SECONDS = 0.5
CONDITIONS = ("email", "person", "address", "flow", "login", "since")
# As of a program that Ctrl-C has ended.
INTERRUPTED = 130
WORDS = {"authn_login_success": "started", "login_ended": "ended"}
# Said in columns of their own.
SAID = frozenset({"flow"})

HELP = "show each login that is started or ended, and other events, as they happen"
TEXT = """
Shows, from now on (or from --since on), a line for each Login that is started
or ended and for every other event that changes the ledger: passwords, rights,
replays, keys. It asks the database twice a second, so it works without Redis;
should the database be away, it says so and goes on once that is back, without
missing anything. Ctrl-C ends it. A terminal gets lines as wide as it is;
anything else has tabs between: instant (UTC), event, person, address, flow,
device, login, details.
"""
EXAMPLES = """
examples:
  manage.py logins watch --email alice@
  manage.py logins watch --event login_ended --since 10m
  manage.py logins watch --json --address 10.0.0.0/8 >> watched.jsonl

exit codes: 130 ended with Ctrl-C; 2 the command line cannot be read; 141
  whoever read the output has stopped to.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `watch`."""
    arguments.add_conditions(
        parser,
        CONDITIONS,
        address="of a Login from this address or network, or done from there",
        since="begin with what happened then: 2026-11-23T08:00Z, or 10m (ago)",
    )
    parser.add_argument(
        "--event", action="append", choices=events.ROWS, metavar="NAME",
        help=f"events of this name alone; may be repeated: {', '.join(events.ROWS)}",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="a JSON object for each event, one a line")


def watch(out: OutputWrapper, err: OutputWrapper, options: Mapping[str, Any]) -> None:
    """Write each event that meets the conditions, until somebody stops it."""
    search = arguments.search(options)
    tail, names = Tail(search.since), frozenset(options["event"] or ())
    is_away = False
    try:
        while True:
            try:
                for piece in tail.new():
                    wanted = [event for event in piece if not names or event.name in names]
                    for told in _told(wanted):
                        if _is_met(told, search):
                            _put(out, told, is_json=options["json"])
                is_away = False
            except Error as error:
                if not is_away:
                    terminal.put(err, logs.visible(f"The database failed, and is tried again: {error}"))
                is_away = True
                connection.close()
            out.flush()
            close_old_connections()
            time.sleep(EVERY_SECONDS)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


class Told:
    """An event, and what is known besides: the Login and the person that it tells of."""

    def __init__(self, event: Event, login: Login | None, names: Mapping[UUID, str]) -> None:
        self.event, self.login = event, login
        self.email = names.get(event.user_uuid) if event.user_uuid else None
        self.actor = names.get(event.actor_uuid) if event.actor_uuid else None
        self.flow = event.detail.get("flow") or (login.flow if login else None)
        # An operator's end has the operator's; whoever watches an address means the Login's as well.
        self.addresses = [one for one in (login.address if login else None, event.address) if one]


def _told(piece: Sequence[Event]) -> list[Told]:
    """Two statements for all of them."""
    if not piece:
        return []
    logins = Login.objects.in_bulk([event.login_id for event in piece if event.login_id])
    users: Any = get_user_model()
    wanted = {one for event in piece for one in (event.user_uuid, event.actor_uuid) if one}
    rows = users._base_manager.filter(**{f"{users.PUBLIC_ID_FIELD}__in": wanted})
    names = {user.public_id: user.email for user in rows}
    return [Told(event, logins.get(event.login_id) if event.login_id else None, names) for event in piece]


def _is_met(told: Told, search: Search) -> bool:
    event = told.event
    if search.email is not None and not people.email_key(told.email or "").startswith(search.email):
        return False
    if search.address is not None and not any(_is_in(one, search.address) for one in told.addresses):
        return False
    return (
        search.person in (None, event.user_uuid)
        and search.login in (None, event.login_id)
        and search.flow in (None, told.flow)
    )


def _is_in(address: str, network: str) -> bool:
    lowest, highest = device.network_range(network) or (network, network)
    field: Any = Login._meta.get_field("address")
    least, most, own = (field.get_prep_value(one) for one in (lowest, highest, address))
    return bool(least <= own <= most)


def _put(out: OutputWrapper, told: Told, *, is_json: bool) -> None:
    event, login = told.event, told.login
    if is_json:
        terminal.put_json(out, _described(told))
        return
    where = event.address or (login.address if login else None)
    what = event.device or (login.device if login else "")
    details = {name: value for name, value in event.detail.items() if name not in SAID}
    if told.actor and event.actor_uuid != event.user_uuid:
        details["by"] = told.actor
    said = "; ".join(f"{name}: {value}" for name, value in details.items())
    word = WORDS.get(event.name, event.name)
    who = told.email or event.user_uuid
    if out.isatty():
        columns = [
            terminal.written(event.at),
            f"{word:<8}",
            f"{who or '':<24}",
            f"{where or '':<15}",
            f"{told.flow or '':<7}",
        ]
        terminal.put_line(out, terminal.GAP.join([*columns, what, said, str(event.login_id or "")]))
    else:
        terminal.put_tabs(out, [event.at, word, who, where, told.flow, what, event.login_id, said])


def _described(told: Told) -> dict[str, Any]:
    event, login = told.event, told.login
    return {
        "at": event.at,
        "event": event.name,
        "login": event.login_id,
        "person": event.user_uuid,
        "email": told.email,
        "flow": told.flow,
        "actor": event.actor_uuid,
        "actor_email": told.actor,
        "address": event.address,
        "device": event.device or None,
        "login_address": login.address if login else None,
        "login_device": login.device if login else None,
        "request": event.request_id or None,
        "detail": event.detail,
    }
