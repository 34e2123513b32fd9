"""`manage.py demo`: make the demo people, and say how to sign in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from authdemo.demo import OPERATOR, PASSWORD, PEOPLE


class Command(BaseCommand):
    """Idempotent: people who exist are left as they are, password included."""

    help = "Makes Alice, Bob and Olga (operator), prints addresses and password. Refuses while DEBUG is off."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Make who is missing and print."""
        if not settings.DEBUG:
            raise CommandError(
                "Demo people have a password that everybody knows; they are made only while DEBUG is on."
            )
        people: Any = get_user_model().objects
        for address in PEOPLE:
            if not people.filter(email=address).exists():
                make = people.create_superuser if address == OPERATOR else people.create_user
                make(address, PASSWORD)
            role = " (operator)" if address == OPERATOR else ""
            self.stdout.write(f"  {address}{role}")
        self.stdout.write(f"  password of all three: {PASSWORD}")
