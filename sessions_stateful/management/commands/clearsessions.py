"""`manage.py clearsessions`: Django's command by its name; it shows how far it is and may be stopped."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounts import progress
from accounts.cleaning import Step
from sessions_stateful import durable


class Command(BaseCommand):
    """Expired sessions only, in batches; `prune` does this and more."""

    help = "Deletes expired sessions, in batches."

    def handle(self, *_args: Any, verbosity: int, **_options: Any) -> None:
        """Clean, and say how much there was."""
        step = Step("expired sessions were deleted", durable.delete_expired())
        progress.run([step], stdout=self.stdout, verbosity=verbosity)
