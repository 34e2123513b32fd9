"""`manage.py prune`: record timeouts, and take away what has been over for long enough."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounts import cleaning, flows


class Command(BaseCommand):
    """Batches of 500, each a transaction of its own; stop it whenever you like, and run it from cron."""

    help = "Ends logins that have timed out, and deletes history older than `history_lifetime`, in batches."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Clean, and say how much there was."""
        self.stdout.write(f"{sum(cleaning.timeouts())} logins had timed out and are recorded as ended")
        self.stdout.write(f"{sum(cleaning.history())} rows of history were deleted")
        for flow in flows.registered():
            self.stdout.write(f"{flow.clean()} expired carriers of the {flow.name} flow were deleted")
