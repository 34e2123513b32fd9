"""`manage.py prune`: record timeouts, and take away what has been over for long enough."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import arguments, cleaning, progress

EPILOG = """
examples:
  manage.py prune                       daily, from cron, or as often as you like
  manage.py prune --json --verbosity 0  how many rows, for whoever watches over it

exit codes: 0 done; 1 the database failed, what was done stays so; 2 the command
line cannot be read; 130 (143) stopped by Ctrl-C (SIGTERM): run it again to go on.
"""


class Command(BaseCommand):
    """Batches of 500 at most, each a transaction of its own; stop it whenever you like, run it from cron."""

    help = """
Ends logins that have timed out, and deletes history older than
`history_lifetime`, expired sessions, keys that verify nothing any more and old
counters. In small batches that disturb nobody; nothing depends on when it is
run, or on how far it comes.
    """.strip()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's, with examples and exit codes."""
        kwargs |= {"epilog": EPILOG.strip(), "formatter_class": arguments.HelpFormatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """How it says what it has done."""
        parser.add_argument(
            "--json", action="store_true", help="a JSON object for each kind of row, one a line"
        )

    def handle(self, *_args: Any, verbosity: int, **options: Any) -> None:
        """Clean, and say how much there was."""
        progress.run(cleaning.steps(), stdout=self.stdout, verbosity=verbosity, is_json=options["json"])
