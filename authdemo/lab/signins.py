"""Sign-ins that can be ended, each in the way that its package offers."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.conf import settings
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import RequestFactory, override_settings

from accounts import logins
from accounts.logins import EndReason
from authdemo.lab import headless, peers, variants
from tokens_stateless import issue

LOGOUT, LISTED, DELETED, REVOKED = "logout", "blacklisted", "its row deleted", "revoked"
DISABLED, NOTHING = "the person disabled", "nothing that the package has"


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """What is sent with each request, and what ends it, which returns when that was committed.

    `lifetime`: for how many seconds it is good whatever is ended; None where an end is effective.
    """

    sent: str
    end: Callable[[], int]
    lifetime: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How sign-ins at one door are ended."""

    door: str
    how: str
    start: Callable[[Any], SignIn]


def peer_endings() -> list[Ending]:
    """Of all peers that are installed: how one sign-in is ended, and else how a person is."""
    found = [
        Ending(door=peers.STATELESS, how=DISABLED, start=_disabled_token(is_asked_for=False)),
        Ending(door=peers.DEFAULT, how=NOTHING, start=_expiring),
        Ending(door=peers.DEFAULT, how=DISABLED, start=_disabled_token(is_asked_for=True)),
        Ending(door=peers.LISTED, how=LISTED, start=listed),
    ]
    for name, engine in variants.engines().items():
        found.append(Ending(door=name, how=LOGOUT, start=_session(engine)))
        if engine.endswith("signed_cookies"):
            found.append(Ending(door=name, how=DISABLED, start=_disabled_session(engine)))
    if headless.is_installed():
        found += [
            Ending(door=peers.SESSION_TOKEN, how=LOGOUT, start=_session_token),
            Ending(door=peers.JWT, how=LOGOUT, start=_jwt(is_stateful=False)),
            Ending(door=peers.READ_JWT, how=DISABLED, start=_disabled_jwt),
            Ending(door=peers.STATEFUL_JWT, how=LOGOUT, start=_jwt(is_stateful=True)),
        ]
    if apps.is_installed("knox"):
        found.append(Ending(door=peers.KNOX, how=DELETED, start=_knox))
    return found


def token(user: Any) -> SignIn:
    """Ours, by an access token."""
    pair = issue.sign_in(RequestFactory().post("/api/token/"), user)
    return SignIn(sent=f"Bearer {pair.access}", end=_ending(pair.access.login_id))


def session(user: Any) -> SignIn:
    """Ours, by a session cookie."""
    stored = variants.sign_in(user, variants.OURS).session
    return SignIn(sent=stored.session_key, end=_ending(stored.login_id))


def listed(user: Any, *, lifetime: float | None = None) -> SignIn:
    """simplejwt's, by an access token that is put on its blacklist; there, nobody may look for so long."""
    made = peers.signed(user)
    return SignIn(sent=f"Bearer {made}", end=_then(made.blacklist), lifetime=lifetime)


def _ending(login: UUID) -> Callable[[], int]:
    def end() -> int:
        at: list[int] = []
        with transaction.atomic():
            # The first to hear of the commit; the feed comes after.
            transaction.on_commit(lambda: at.append(time.monotonic_ns()))
            logins.end([login], reason=EndReason.REVOKED_BY_OPERATOR)
        return at[0]

    return end


def _then(act: Callable[[], Any]) -> Callable[[], int]:
    def end() -> int:
        act()
        return time.monotonic_ns()

    return end


def _expiring(user: Any) -> SignIn:
    made = str(peers.signed(user))
    return SignIn(sent=f"Bearer {made}", end=time.monotonic_ns, lifetime=_lifetime(made))


def _lifetime(made: str) -> float:
    """What a JWT says of itself: from when it was issued until it expires, in seconds."""
    payload = made.split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return float(said["exp"] - said["iat"])


def _somebody() -> Any:
    # Of their own: whoever is disabled is so at each door.
    return get_user_model().objects.create_user(f"{uuid4()}@example.com")


def _disable(person: Any) -> Callable[[], int]:
    def act() -> None:
        person.is_active = False
        person.save()

    return _then(act)


def _disabled_token(*, is_asked_for: bool) -> Callable[[Any], SignIn]:
    def start(_user: Any) -> SignIn:
        person = _somebody()
        made = str(peers.signed(person))
        lifetime = None if is_asked_for else _lifetime(made)
        return SignIn(sent=f"Bearer {made}", end=_disable(person), lifetime=lifetime)

    return start


def _disabled_jwt(_user: Any) -> SignIn:
    person = _somebody()
    made = _allauth(person)
    return SignIn(sent=f"Bearer {made}", end=_disable(person), lifetime=_lifetime(made))


def _disabled_session(engine: str) -> Callable[[Any], SignIn]:
    def start(_user: Any) -> SignIn:
        person = _somebody()
        key = variants.sign_in(person, engine).session.session_key
        return SignIn(sent=key, end=_disable(person))

    return start


def _session(engine: str) -> Callable[[Any], SignIn]:
    # What is signed is good for so long, and whoever has kept a copy needs no server to remember it.
    lifetime = float(settings.SESSION_COOKIE_AGE) if engine.endswith("signed_cookies") else None

    def start(user: Any) -> SignIn:
        request = variants.sign_in(user, engine)
        key = request.session.session_key
        return SignIn(sent=key, end=_logout(request), lifetime=lifetime)

    return start


def _logout(request: Any) -> Callable[[], int]:
    return _then(lambda: auth.logout(request))


def _logout_of(key: str) -> Callable[[], int]:
    request: Any = RequestFactory().post("/")
    request.session = import_module(headless.ENGINE).SessionStore(key)
    return _logout(request)


def _session_token(user: Any) -> SignIn:
    key = headless.session_token(user)
    return SignIn(sent=key, end=_logout_of(key))


def _jwt(*, is_stateful: bool) -> Callable[[Any], SignIn]:
    def start(user: Any) -> SignIn:
        made = _allauth(user)
        end = _logout_of(headless.session_key(made))
        return SignIn(sent=f"Bearer {made}", end=end, lifetime=None if is_stateful else _lifetime(made))

    return start


def _allauth(user: Any) -> str:
    with override_settings():
        # Without the lab's, so that the package's own default counts.
        delattr(settings, "HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN")
        return headless.access_token(user)


def _knox(user: Any) -> SignIn:
    row, made = import_module("knox.models").get_token_model().objects.create(user=user)
    return SignIn(sent=f"Token {made}", end=_then(row.delete))
