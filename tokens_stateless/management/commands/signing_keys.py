"""`manage.py signing_keys`: make the first signing key, and list the ring."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tokens_stateless import keys
from tokens_stateless.models import SigningKey


class Command(BaseCommand):
    """`ensure` makes the current key if there is none; `list` shows the ring, never a private part."""

    help = "Signing keys of access tokens: `ensure` that there is a current one, or `list` them."

    def add_arguments(self, parser: CommandParser) -> None:
        """One verb."""
        parser.add_argument("verb", choices=["ensure", "list"])

    def handle(self, *_args: Any, verb: str, **_options: Any) -> None:
        """Do it and say what there is."""
        if verb == "ensure":
            kid, _private = keys.ensure()
            self.stdout.write(f"current signing key: {kid}")
            return
        for key in SigningKey.objects.all():
            self.stdout.write(f"{key.kid}  {key.algorithm}  {key.state:<8}  {key.created_at:%Y-%m-%d %H:%M}")
