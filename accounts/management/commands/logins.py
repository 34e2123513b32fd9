"""`manage.py logins`: look at Logins, end them, and watch them come and go, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import OperationalError

from accounts import arguments, ending_command, login_command, logs, terminal, watch_command

# As of a program that Ctrl-C has ended.
INTERRUPTED = 130
EPILOG = """
It needs the database and nothing else: no web process and no Redis.
`manage.py logins VERB --help` tells the rest, with examples and exit codes.
"""


class Command(BaseCommand):
    """Verbs on the ledger, for when the web is down."""

    help = "Logins, which are people's sign-ins: list, show, end and watch them."
    # Whoever has to end something must not be kept from it by what is wrong elsewhere.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's, with a last word."""
        kwargs |= {"epilog": EPILOG.strip(), "formatter_class": arguments.HelpFormatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """One verb, and what it needs."""
        self._verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        of = login_command
        self._add("list", of.LIST_HELP, of.LIST, of.LIST_EXAMPLES, of.add_list_arguments)
        self._add("show", of.SHOW_HELP, of.SHOW, of.SHOW_EXAMPLES, of.add_show_arguments)
        end = ending_command
        self._add("end", end.END_HELP, end.END, end.END_EXAMPLES, end.add_end_arguments)
        self._add("end-before", end.BEFORE_HELP, end.BEFORE, end.BEFORE_EXAMPLES, end.add_before_arguments)
        watching = watch_command
        self._add("watch", watching.HELP, watching.TEXT, watching.EXAMPLES, watching.add_arguments)

    def _add(
        self, verb: str, short: str, text: str, examples: str, add_arguments: Callable[[Any], None]
    ) -> None:
        parser = self._verbs.add_parser(
            verb,
            help=short,
            description=text.strip(),
            epilog=examples.strip(),
            formatter_class=arguments.HelpFormatter,
            # Of what ends Logins nothing is to be guessed.
            allow_abbrev=False,
        )
        add_arguments(parser)

    @no_translations
    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        """Do it; what is written for programs and in help texts is English, so all of it is."""
        with terminal.quiet_pipe():
            try:
                self._do(verb, options)
            except KeyboardInterrupt:
                raise CommandError("Stopped.", returncode=INTERRUPTED) from None
            except OperationalError as error:
                raise CommandError(logs.visible(f"The database failed: {error}")) from None

    def _do(self, verb: str, options: dict[str, Any]) -> None:
        if verb == "list":
            login_command.show_list(self.stdout, self.stderr, options)
        elif verb == "show":
            login_command.show_one(self.stdout, options)
        elif verb == "end":
            ending_command.end(self.stdout, options)
        elif verb == "end-before":
            ending_command.end_before(self.stdout, options)
        else:
            watch_command.watch(self.stdout, self.stderr, options)
