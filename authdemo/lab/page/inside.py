"""What the lab does inside the server, where no door leads: to the demo person and to Logins of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import F
from django.utils import timezone

from accounts import people
from accounts.logins import Login
from authdemo.demo import PEOPLE
from authdemo.lab.page.panes import PERSON
from sessions_stateful.store import SessionStore
from tokens_stateless import conf, keyring
from tokens_stateless.claims import AccessToken
from tokens_stateless.models import Family, KeyState, SigningKey

# How long the token lives that is made to be waited for.
SHORT_SECONDS = 5


class NotTheDemos(Exception):
    """This Login is not a live one of a demo person's, of this flow; nothing was done to it."""


def own(login: str, *, flow: str) -> Login:
    """A live Login of a demo person, or NotTheDemos."""
    found = Login.objects.select_related("user").filter(pk=login, flow=flow).first() if login else None
    keys = {people.email_key(address) for address in PEOPLE}
    if found is None or found.user is None or found.user.email_key not in keys or not found.is_live:
        raise NotTheDemos
    return found


def forget_session(key: str, *, login: str) -> None:
    """Delete what the server has stored under this key; its Login lives on, with nothing to carry it."""
    own(login, flow="session")
    SessionStore().delete(key)


def forget_family(login: str) -> None:
    """Delete the one row that the server keeps of these tokens."""
    Family.objects.filter(pk=own(login, flow="token").pk).delete()


def age_rotation(login: str) -> None:
    """Let the window of the last rotation be over, rather than have a visitor wait for it."""
    family = Family.objects.filter(pk=own(login, flow="token").pk, rotated_at__isnull=False)
    family.update(rotated_at=F("rotated_at") - conf.current().rotation_window)


def short_token(login: str) -> str:
    """An access token of this Login, from the code that issues them all, with a few seconds to live.

    It was issued as long ago as clocks may differ, so that the tolerance for them is used up.
    """
    row, leeway = own(login, flow="token"), conf.current().leeway
    read_at = timezone.now() - leeway + timedelta(seconds=SHORT_SECONDS)
    # Its person was read above.
    user: Any = row.user
    token = AccessToken.for_login(row, user, read_at=read_at, authenticated_at=row.started_at)
    token["exp"] = token["iat"]
    return str(token)


def set_staff(is_staff: bool) -> None:
    """Give the demo person the mark of staff, or take it; without a single permission it opens nothing."""
    mine: Any = get_user_model().objects
    mine.filter(email_key=people.email_key(PERSON)).update(is_staff=is_staff)


def rotate_key() -> str:
    """Have the standby key sign; returns its id. StandbyTooYoung where others may not know it yet.

    In a demo nobody keeps the key set for minutes, so there the standby is made old enough.
    """
    if settings.DEBUG:
        standby = SigningKey.objects.filter(state=KeyState.STANDBY)
        for row in standby:
            wait = row.ready_at - timezone.now()
            if wait > timedelta(0):
                standby.update(created_at=row.created_at - wait)
    return keyring.rotate().kid
