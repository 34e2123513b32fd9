"""`manage.py signing_keys`: make the first keys, list the ring, rotate it, revoke a key that has leaked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tokens_stateless import keyring
from tokens_stateless.models import KeyState, SigningKey


class Command(BaseCommand):
    """Verbs on the ring; never shows a private part."""

    help = "Signing keys of access tokens: ensure that there are any, list, rotate, or revoke them."

    def add_arguments(self, parser: CommandParser) -> None:
        """One verb, and what it needs."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        verbs.add_parser("ensure", help="make the current and the standby key if there are none")
        verbs.add_parser("list", help="show each key, what it is for, and until when")
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


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
