"""Issue: a person whose credentials were verified gets a Login, and the session that carries it.

`login()` may be called from any door (our page, the API, the admin, a third party's view); each leads here
through Django's `user_logged_in`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import auth
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts import carried, events, logins
from accounts.carried import Carried
from accounts.errors import InvalidCredentials, TooManyLogins
from sessions_stateful import conf
from sessions_stateful.store import SessionStore

if TYPE_CHECKING:
    from datetime import timedelta

    from django.http import HttpRequest

    from accounts.models import AbstractUser

FLOW = "session"
ABOUT_THE_PERSON = frozenset({SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY})


def sign_in(request: HttpRequest, user: AbstractUser, *, remember: bool = False) -> None:
    """Sign a verified person in to this browser; `remember` keeps the cookie when the browser closes."""
    request.session.wish = remember  # type: ignore[attr-defined]
    auth.login(request, user)  # type: ignore[arg-type]


def start_login(*, request: HttpRequest | None, user: AbstractUser, **_kwargs: Any) -> None:
    """Receives `user_logged_in`: starts a Login when `login()` has bound a person to a session without one.

    The same person again keeps the Login and gets a new key. What was put into the session before the sign-in
    is dropped, except `kept_at_sign_in`: a stranger may have planted it. Signals of other flows are not ours.
    """
    session = getattr(request, "session", None)
    if request is None or not isinstance(session, SessionStore) or not session.binding:
        return
    session.binding = False
    if session.user() == user:
        _renew(request, session, user)
    else:
        _start(request, session, user)
        _carry(request, session)


def step_up(request: HttpRequest, user: AbstractUser) -> None:
    """Whoever is signed in here has given their password again: the same Login, a new key, a new instant.

    Not `login()`: that changes the CSRF token, and what is being typed in another tab would be refused.
    """
    session: Any = request.session
    _renew(request, session, user)


def _renew(request: HttpRequest, session: SessionStore, user: AbstractUser) -> None:
    session.renew(user)
    _carry(request, session)
    who = user.public_id
    events.record("authn_step_up", request=request, login=session.login_id, user=who, actor=who, flow=FLOW)


def _carry(request: HttpRequest, session: SessionStore) -> None:
    carried.put(
        request,
        Carried(login_id=session.login_id, flow=FLOW, authenticated_at=session.authenticated_at),  # type: ignore[arg-type]
    )


def _start(request: HttpRequest, session: SessionStore, user: AbstractUser) -> None:
    kept = ABOUT_THE_PERSON.union(conf.current().kept_at_sign_in)
    for planted in session.keys() - kept:
        del session[planted]
    if session.login_id or not session.new_key:
        # Django has seen no change of person in what the session says, but its key must go all the same.
        session.replace()
    session.remember = bool(session.wish) and not user.is_staff
    idle, absolute = timeouts(remember=session.remember)
    try:
        with transaction.atomic():
            login = logins.start(request, user, flow=FLOW, idle_timeout=idle, absolute_timeout=absolute)
            session.bind(login, user)
    except (InvalidCredentials, TooManyLogins):
        # login() has put this person everywhere already, and nobody has signed in.
        session.flush()
        request.user = AnonymousUser()
        raise


def timeouts(*, remember: bool) -> tuple[timedelta, timedelta]:
    """How long a session may lie idle, and how long it may live at all; the ledger shortens an operator's."""
    chosen = conf.current()
    if remember:
        return chosen.remember_idle_timeout, chosen.remember_absolute_timeout
    return chosen.idle_timeout, chosen.absolute_timeout
