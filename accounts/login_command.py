"""`manage.py logins list` and `show`: what the admin's pages of Logins tell, for whoever has only a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from accounts import arguments, listing, story, terminal
from accounts.logins import Login
from accounts.paging import AT_ONCE, Total, Walk
from accounts.story import Moment
from accounts.terminal import Column

LIMIT = 50
COLUMNS = (
    Column("id", 36, 36),
    Column("person", 16, 40),
    Column("state", 7, 20, rank=1),
    Column("started (UTC)", 19, 19, rank=3),
    Column("address", 15, 39, rank=2),
    Column("flow", 7, 10, rank=4),
    Column("device", 12, 40, rank=5),
    Column("last seen (UTC)", 19, 19, rank=6),
    Column("expires (UTC)", 19, 19, rank=7),
)

LIST_HELP = "show the logins that meet every condition, newest first"
LIST = """
Shows Logins of all flows, with the conditions of the admin's list. A terminal
gets a table as wide as it is; anything else gets a line for each Login, tabs
between: id, person, state, started, address, flow, device, last seen, expires.
All instants are in UTC.
"""
LIST_EXAMPLES = """
examples:
  manage.py logins list --state live --email ali
  manage.py logins list --address 10.0.0.0/8 --since 2h --limit 0
  manage.py logins list --json --state ended --end-reason refresh_reused --limit 0 | jq -r .email
  manage.py logins list --state live --idle 7d --limit 0 | cut -f 1

exit codes: 0 shown, also when there are none; 1 the database failed; 2 the
  command line cannot be read; 141 whoever read the output has stopped to.
"""
SHOW_HELP = "show one login, what happened to it, and the other logins of its person"
SHOW = """
Shows one Login and its story, newest first: how it started, each refresh,
changes of the account, its end with reason and operator. Then the ids of the
Logins that its person has used last.
"""
SHOW_EXAMPLES = """
example:
  manage.py logins show 0b6f0e0e-5f4c-4b8e-9a55-0f1d0c3f2a11

exit codes: 0 shown; 1 there is no such Login, or the database failed; 2 the
  command line cannot be read.
"""


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `list`."""
    arguments.add_conditions(parser)
    parser.add_argument(
        "--sort", choices=tuple(listing.COLUMNS), default="started",
        help="in this order; seen and expires only with --state live, --state expired or --idle",
    )  # fmt: skip
    parser.add_argument("--reverse", action="store_true", help="the oldest first")
    parser.add_argument(
        "--limit", type=int, default=LIMIT, metavar="N", help=f"so many at most; 0 for all (default: {LIMIT})"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object for each Login, one a line")


def add_show_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `show`."""
    parser.add_argument("login", metavar="ID", help="the id that `list` shows")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def show_list(out: OutputWrapper, err: OutputWrapper, options: Mapping[str, Any]) -> None:
    """Write what `list` finds; read page after page, so that a million need no more memory than fifty."""
    search, limit = arguments.search(options), options["limit"]
    if limit < 0:
        arguments.refuse("argument --limit: This is no number of Logins.")
    if options["sort"] not in listing.sorts(search):
        arguments.refuse(
            f"argument --sort: By {options['sort']} only what has not ended can be sorted: add --state live, "
            "--state expired or --idle."
        )
    walk = listing.walk(search, by=options["sort"], is_descending=not options["reverse"])
    found = islice(_read(walk, limit), limit or None)
    if options["json"]:
        count = sum(_each(lambda one: terminal.put_json(out, described(one)), found))
    elif out.isatty():
        count = terminal.put_table(out, COLUMNS, map(row, found))
    else:
        count = sum(_each(lambda one: terminal.put_tabs(out, row(one)), found))
    _tell(out if out.isatty() and not options["json"] else err, walk, count, limit, options)


def _each(write: Any, found: Iterator[Login]) -> Iterator[int]:
    for one in found:
        write(one)
        yield 1


def _read(walk: Walk, limit: int) -> Iterator[Login]:
    rows = Login.objects.select_related("user", "ended_by")
    return walk.each(rows, size=min(limit, AT_ONCE))


def _tell(out: OutputWrapper, walk: Walk, count: int, limit: int, options: Mapping[str, Any]) -> None:
    """How many there are, where that is not what was shown; nothing to a program that has got all."""
    is_cut = limit and count == limit
    if not options["verbosity"] or not (is_cut or out.isatty()):
        return
    total = walk.total() if is_cut else Total(count, is_all=True)
    if not is_cut or (total.is_all and total.number <= count):
        terminal.put(out, f"{count:,} {'login' if count == 1 else 'logins'}")
        return
    known = f"{total.number:,}" if total.is_all else f"more than {max(total.number, count):,}"
    terminal.put(out, f"{count:,} of {known} logins; --limit 0 shows all")


def row(login: Login) -> list[Any]:
    """What stands in the columns."""
    return [
        login.pk, login.user or f"deleted ({login.user_uuid})", _state(login), login.started_at,
        login.address, login.flow, login.device, login.seen_at, login.expires_at,
    ]  # fmt: skip


def _state(login: Login) -> str:
    return login.end_reason or "ended" if login.ended_at else "live" if login.is_live else "expired"


def described(login: Login) -> dict[str, Any]:
    """All that is known of a Login, by the names that the API has for it; nothing that opens anything."""
    return {
        "id": login.pk,
        "person": login.user_uuid,
        "email": getattr(login.user, "email", None),
        "flow": login.flow,
        "state": "ended" if login.ended_at else _state(login),
        "device": login.device,
        "address": login.address,
        "started_at": login.started_at,
        "seen_at": login.seen_at,
        "idle_timeout_seconds": int(login.idle_timeout.total_seconds()),
        "expires_at": login.expires_at,
        "ended_at": login.ended_at,
        "end_reason": login.end_reason or None,
        "ended_by": getattr(login.ended_by, "email", None),
    }


def show_one(out: OutputWrapper, options: Mapping[str, Any]) -> None:
    """Write one Login with its story; CommandError when there is none with this id."""
    wanted = arguments.uuid(options["login"], name="ID")
    login = Login.objects.select_related("user", "ended_by").filter(pk=wanted).first()
    if login is None:
        raise CommandError(f"There is no Login with the id {wanted}.")
    moments, others = _story(login), story.others(login)
    if options["json"]:
        told = {
            "story": [_told(moment) for moment in moments],
            "others": [other.pk for other in others],
        }
        terminal.put_json(out, {**described(login), **told})
        return
    for name, value in described(login).items():
        if value is not None:
            terminal.put_line(out, f"{name.replace('_', ' '):<22}{terminal.written(value)}")
    terminal.put(out, "\nWhat happened, newest first (UTC):")
    for moment in moments:
        _put_moment(out, moment)
    if others:
        terminal.put(out, "\nOther Logins of the same person:")
        terminal.put_table(out, COLUMNS, map(row, others))


def _story(login: Login) -> Iterator[Moment]:
    """All of it, a page after the other."""
    page = story.page_of(login)
    yield from page.moments
    while page.older is not None:
        page = story.page_of(login, before=page.older)
        yield from page.moments


def _told(moment: Moment) -> dict[str, Any]:
    sides = [dict(zip(("title", "address", "device", "at"), side, strict=True)) for side in moment.sides]
    return {
        "at": moment.at,
        "until": moment.until,
        "kind": moment.kind,
        "title": moment.title,
        "details": {str(name): value for name, value in moment.details},
        "address": moment.address,
        "device": moment.device or None,
        "actor": moment.actor,
        "who": moment.who or None,
        "sides": sides,
        "marks": moment.marks,
        "request": moment.request_id or None,
    }


def _put_moment(out: OutputWrapper, moment: Moment) -> None:
    until = f" – {terminal.written(moment.until)}" if moment.until else ""
    marks = "".join(f" [{mark}]" for mark in moment.marks)
    terminal.put_line(out, f"  {terminal.written(moment.at)}{until}  {moment.title}{marks}")
    told = [(name, value) for name, value in moment.details if value not in (None, "")]
    told += [("by", moment.who), ("from", moment.address), ("with", moment.device)]
    told += [("request", moment.request_id)]
    for name, value in told:
        if value:
            terminal.put_line(out, f"      {name}: {terminal.written(value)}")
    for title, address, device, at in moment.sides:
        where = ", ".join(str(part) for part in (address, device, terminal.written(at)) if part)
        terminal.put_line(out, f"      {title}: {where}")
