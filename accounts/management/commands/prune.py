"""`manage.py prune`: record timeouts, and take away what has been over for long enough."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounts import cleaning, progress


class Command(BaseCommand):
    """Batches of 500 at most, each a transaction of its own; stop it whenever you like, run it from cron."""

    help = "Ends logins that have timed out, and deletes history older than `history_lifetime`, in batches."

    def handle(self, *_args: Any, verbosity: int, **_options: Any) -> None:
        """Clean, and say how much there was."""
        progress.run(cleaning.steps(), stdout=self.stdout, verbosity=verbosity)
