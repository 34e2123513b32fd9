"""`manage.py signing_keys`: make the first keys, list the ring, rotate it, revoke a key that has leaked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import arguments, terminal
from tokens_stateless import keyring
from tokens_stateless.models import KeyState, SigningKey

EPILOG = """
examples:
  manage.py signing_keys ensure           at each start, before anything is served
  manage.py signing_keys rotate --if-due  daily, from cron
  manage.py signing_keys revoke KID       when a key has leaked; `list` shows its id

exit codes: 0 done, also when nothing was due or to be done; 1 not rotated, no
such key, or the database failed; 2 the command line cannot be read.
"""


class Command(BaseCommand):
    """Verbs on the ring; never shows a private part."""

    help = "Signing keys of access tokens: ensure that there are any, list, rotate, or revoke them."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's, with examples and exit codes."""
        kwargs |= {"epilog": EPILOG.strip(), "formatter_class": arguments.HelpFormatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """One verb, and what it needs."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        verbs.add_parser("ensure", help="make the current and the standby key if there are none")
        listing = verbs.add_parser("list", help="show each key, what it is for, and until when")
        listing.add_argument("--json", action="store_true", help="a JSON object for each key, one a line")
        rotating = verbs.add_parser("rotate", help="let the standby key sign from now on")
        rotating.add_argument(
            "--if-due",
            action="store_true",
            help="only when its signing_key_lifetime is over",
        )
        # An id may begin with "-", and must not be taken for an option.
        plain: dict[str, Any] = {"prefix_chars": "+", "add_help": False}
        revoking = verbs.add_parser(
            "revoke", help="have a key that has leaked verify nothing any more", **plain
        )
        revoking.add_argument("kid", help="the id that `list` shows")

    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        """Do it and say what was done."""
        if verb == "ensure":
            kid, _private = keyring.ensure()
            self.stdout.write(f"current signing key: {kid}")
        elif verb == "rotate":
            self._rotate(if_due=options["if_due"])
        elif verb == "revoke":
            self._revoke(options["kid"])
        elif options["json"]:
            for key in SigningKey.objects.all():
                terminal.put_json(self.stdout, _described(key))
        else:
            for key in SigningKey.objects.all():
                since, outlook = _at(key.since_at), key.outlook(_at)
                self.stdout.write(f"{key.kid}  {key.algorithm}  {key.state:<8}  since {since}  {outlook}")

    def _rotate(self, *, if_due: bool) -> None:
        current = SigningKey.objects.filter(state=KeyState.CURRENT).first()
        if if_due and current and timezone.now() < current.due_at:
            self.stdout.write(f"not due before {_at(current.due_at)}")
            return
        try:
            signing = keyring.rotate()
        except keyring.StandbyTooYoung as error:
            raise CommandError(
                f"not rotated: the standby key is published too short a time, and may sign from "
                f"{_at(error.ready_at)} on; if the current key has leaked, revoke it"
            ) from None
        except keyring.CurrentNotOurs as error:
            raise CommandError(f"not rotated: {error}") from None
        self.stdout.write(f"current signing key: {signing.kid}")

    def _revoke(self, kid: str) -> None:
        try:
            revoked = keyring.revoke([kid])
        except SigningKey.DoesNotExist as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"revoked: {kid}" if revoked else f"was revoked before: {kid}")


def _described(key: SigningKey) -> dict[str, Any]:
    """What is known of a key but for its private part; instants that do not concern its state are null."""
    is_current, is_standby = key.state == KeyState.CURRENT, key.state == KeyState.STANDBY
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": key.state,
        "since": key.since_at,
        "may_sign_from": key.ready_at if is_standby else None,
        "rotation_due_at": key.due_at if is_current else None,
        "verifies_until": key.verifies_until if key.state == KeyState.PREVIOUS else None,
        "removable_at": key.removable_at,
    }


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
