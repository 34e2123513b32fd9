"""`manage.py logins end` and `end-before`: says what would end, asks, ends it, and shows the receipt.

Nothing ends that was not named, looked for with a condition, or asked for with `--all`.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, OutputWrapper

from accounts import arguments, ending_report, endings, login_command, logs, people, progress, terminal
from accounts.ending_run import RESUME, Found, Named, work
from accounts.endings import LONGEST_WHY, Counted, Ending

if TYPE_CHECKING:
    from accounts.models import AbstractUser

FIRST = 10
RIGHT = "accounts.end_login"
CHOICES = "an id, a condition, --all, --resume, --drop or --unfinished"

END_HELP = "end the logins with these ids, or everything that meets every condition"
END = """
Ends Logins: the next request of each is refused, by every process. Says first
how many of how many people these are, and asks, on a terminal; elsewhere it
wants --yes. Everything that meets the conditions is ended in batches that
disturb nobody. Ctrl-C (or SIGTERM) stops between two of them and says how to go
on; a second one takes the batch back that has begun. Who signs in meanwhile is
left alone. Ending what has ended is fine.
"""
END_EXAMPLES = f"""
examples:
  manage.py logins end 0b6f0e0e-5f4c-4b8e-9a55-0f1d0c3f2a11 --reason "laptop stolen"
  manage.py logins end --email alice@example.com --reason "laptop stolen" --by olga@example.com
  manage.py logins end --address 198.51.100.0/24 --since 2d --dry-run
  manage.py logins end --all --reason "keys leaked" --yes --json
  {RESUME} 7c0d3f0a-64a4-4a8e-b0b6-6b8a0f4f9a5e

exit codes: 0 all of it has ended, or nothing was left to end; 1 something is
  left, there is no such Login, somebody said no, or the database failed; 2 the
  command line cannot be read, or it wants --yes; 130 (143) stopped by Ctrl-C
  (SIGTERM).
"""
BEFORE_HELP = "end everything that was started before a moment"
BEFORE = """
Ends every Login that was started before a moment, of operators too: after a
backup was restored, or when a key has leaked. Like `end` in everything else.
"""
BEFORE_EXAMPLES = f"""
examples:
  manage.py logins end-before now --reason "restored the backup of 03:00"
  manage.py logins end-before 2026-11-23T08:00Z --flow token --reason "key leaked" --yes
  {RESUME} 7c0d3f0a-64a4-4a8e-b0b6-6b8a0f4f9a5e

exit codes: as those of `end`.
"""


def add_end_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `end`."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="Logins by the ids that `list` shows")
    arguments.add_conditions(parser)
    parser.add_argument("--all", action="store_true", help="every Login there is")
    _add_manner(parser)
    parser.add_argument("--resume", metavar="ENDING", help="go on with what was stopped or broken off")
    parser.add_argument("--drop", metavar="ENDING", help="leave the rest of that alone, for good")
    parser.add_argument("--unfinished", action="store_true", help="show what may be gone on with")


def add_before_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `end-before`."""
    parser.add_argument(
        "moment", metavar="MOMENT", help="now, 2026-11-23T08:00Z, 2026-11-23, or 7d (so long ago)"
    )
    arguments.add_conditions(parser, ["flow"])
    _add_manner(parser)


def _add_manner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="TEXT", help="why; stands with every Login. Required")
    parser.add_argument("--by", metavar="EMAIL", help="the operator whose name stands on it, else nobody's")
    parser.add_argument(
        "--dry-run", action="store_true", help=f"end nothing; say how many, and the first {FIRST}"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="a JSON object when it is over; wants --yes")


def end(out: OutputWrapper, options: Mapping[str, Any]) -> None:
    """End what was asked for, or go on with it; CommandError with the exit code when not all is done."""
    named, asked = options["ids"], arguments.given(options)
    ways = [name for name in ("resume", "drop", "unfinished", "all") if options[name]]
    ways += ["ids"] * bool(named) + ["conditions"] * bool(asked)
    if len(ways) != 1:
        arguments.refuse(f"{'Only one' if ways else 'One'} of these is needed: {CHOICES}.")
    if options["unfinished"]:
        ending_report.unfinished(out, options)
    elif options["resume"] or options["drop"]:
        _go_on(out, options)
    elif named:
        _end(out, Named([arguments.uuid(text, name="ID") for text in named]), options)
    else:
        _end(out, Found(arguments.search(options)), options)


def end_before(out: OutputWrapper, options: Mapping[str, Any]) -> None:
    """As `end`, everything that was started before `moment`."""
    moment = "0s" if options["moment"] == "now" else options["moment"]
    _end(out, Found(arguments.search({**options, "find_before": moment})), options)


def _end(out: OutputWrapper, chosen: Named | Found, options: Mapping[str, Any]) -> None:
    by = _operator(options["by"])
    why = "" if options["dry_run"] else _why(options["reason"])
    if unknown := chosen.unknown():
        ids = ", ".join(map(str, unknown[:FIRST]))
        raise CommandError(f"There is no Login with the id {ids}. Nothing was ended.")
    counted = chosen.count()
    if options["dry_run"]:
        _preview(out, chosen, counted, options)
        return
    if not counted.logins:
        ending_report.nothing(out, options)
        return
    if not options["yes"]:
        _confirm(out, chosen, counted, why, options)
    with _at_work(out, options) as (line, stop):
        outcome = chosen.end(counted, why=why, by=by, line=line, told=stop)
    ending_report.tell(out, outcome, options)


def _go_on(out: OutputWrapper, options: Mapping[str, Any]) -> None:
    text, by = options["resume"] or options["drop"], _operator(options["by"])
    pk = arguments.uuid(text, name="--resume" if options["resume"] else "--drop")
    ending = Ending.objects.filter(pk=pk).first()
    if ending is None:
        raise CommandError(f"There is no ending with the id {pk}; --unfinished shows what there is.")
    if options["drop"]:
        ending = endings.drop(ending, by=by)
        terminal.put(out, f"{ending.ended:,} of {ending.logins:,} logins have ended; the rest is left alone.")
        return
    with _at_work(out, options) as (line, told):
        ending = endings.take_up(ending, by=by)
        outcome = work(ending, by=by, line=line, told=told)
    ending_report.tell(out, outcome, options)


@contextmanager
def _at_work(out: OutputWrapper, options: Mapping[str, Any]) -> Iterator[tuple[progress.Line, progress.Told]]:
    """Meanwhile a signal only stops it between two batches, and what is logged names this run."""
    verbosity = 0 if options["json"] else options["verbosity"]
    line, before = progress.Line(out, verbosity=verbosity), logs.request_id.get()
    logs.request_id.set(f"manage.py-{uuid.uuid4().hex[:16]}")
    try:
        with progress.told_to_stop() as told, progress.untorn(out):
            yield line, told
    finally:
        logs.request_id.set(before)
        line.clear()


def _why(text: str | None) -> str:
    why = (text or "").strip()
    if not 0 < len(why) <= LONGEST_WHY:
        arguments.refuse(f"argument --reason: Say why, in up to {LONGEST_WHY} characters.")
    return arguments.plain(why, name="--reason")


def _operator(email: str | None) -> AbstractUser | None:
    if email is None:
        return None
    key = people.email_key(arguments.plain(email, name="--by"))
    found: AbstractUser | None = get_user_model()._base_manager.filter(email_key=key).first()
    if found is None:
        arguments.refuse("argument --by: There is nobody with this address.")
    if not found.has_perm(RIGHT):
        arguments.refuse(f"argument --by: This person has not the right to end logins ({RIGHT}).")
    return found


def _people(counted: Counted) -> str:
    return (
        f"{counted.logins:,} {'login' if counted.logins == 1 else 'logins'} "
        f"of {counted.people:,} {'person' if counted.people == 1 else 'people'}"
    )


def _preview(out: OutputWrapper, chosen: Named | Found, counted: Counted, options: Mapping[str, Any]) -> None:
    if not options["json"]:
        _show(out, "This would end", chosen, counted)
        return
    first = [login_command.described(login) for login in chosen.first(FIRST)]
    search = chosen.search.values() if chosen.search else None
    terminal.put_json(out, {"dry_run": True, **counted._asdict(), "search": search, "first": first})


def _show(out: OutputWrapper, verb: str, chosen: Named | Found, counted: Counted) -> None:
    """How many there are, and the first of them."""
    terminal.put_line(out, f"{verb} {_people(counted)}: {chosen.words()}.")
    terminal.put_table(out, login_command.COLUMNS, map(login_command.row, chosen.first(FIRST)))
    if (more := counted.logins - FIRST) > 0:
        terminal.put(out, f"… and {more:,} more.")


def _confirm(
    out: OutputWrapper, chosen: Named | Found, counted: Counted, why: str, options: Mapping[str, Any]
) -> None:
    """Ask whoever sits before a terminal; anybody else must have said --yes."""
    if options["json"] or not (out.isatty() and sys.stdin.isatty()):
        arguments.refuse(f"This ends {_people(counted)}; without a terminal to ask on it wants --yes.")
    _show(out, "This ends", chosen, counted)
    terminal.put_line(out, f"Reason: {why}")
    out.write('Type "yes" to end them: ', ending="")
    out.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise CommandError("Nothing was ended.")
