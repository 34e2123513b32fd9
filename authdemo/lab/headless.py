"""allauth's headless tokens, as its documentation has them, over sessions as Django has them by default.

A session token is the key of such a session; an access token is a JWT (RS256, five minutes by default) that
carries it encrypted, and is looked up in it only where HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED says so.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import UserSettingsHolder, settings
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from rest_framework.authentication import BaseAuthentication

from authdemo.lab.switch import switched_on

ENGINE = "django.contrib.sessions.backends.db"
HEADER = "X-Session-Token"
_STRATEGIES = "allauth.headless.tokens.strategies"


def is_installed() -> bool:
    """Whether allauth is here; nothing below works without it."""
    return apps.is_installed("allauth.headless")


def authentications() -> dict[str, type[BaseAuthentication]]:
    """allauth's classes: session token, JWT, and JWT looked up in its session."""
    _on_its_own_sessions()
    found = import_module("allauth.headless.contrib.rest_framework.authentication")

    def credentials(self: Any, key: str) -> Any:
        with switched_on():
            return found.JWTTokenAuthentication.authenticate_credentials(self, key)

    stateful = type("Stateful", (found.JWTTokenAuthentication,), {"authenticate_credentials": credentials})
    return {
        "session": found.XSessionTokenAuthentication,
        "jwt": found.JWTTokenAuthentication,
        "stateful": stateful,
    }


def engine() -> str:
    """Where allauth's sessions are."""
    _on_its_own_sessions()
    sessionkit = import_module("allauth.headless.internal.sessionkit")
    return str(type(sessionkit.session_store()).__module__)


def session_token(user: Any) -> str:
    """What a client sends in X-Session-Token when this person has signed in."""
    strategy = import_module(f"{_STRATEGIES}.sessions").SessionTokenStrategy()
    return str(strategy.create_session_token(_signed_in(user)))


def access_token(user: Any) -> str:
    """What a client sends as a bearer token when this person has signed in, of a session of its own."""
    request = _signed_in(user)
    payload = import_module(f"{_STRATEGIES}.jwt").JWTTokenStrategy().create_access_token_payload(request)
    request.session.save()
    return str(payload["access_token"])


def session_key(access_token: str) -> str:
    """The key of the session that such a token belongs to, for who ends it."""
    internal = import_module(f"{_STRATEGIES}.jwt.internal")
    return str(internal.session_key_from_sid(internal.decode_token(access_token, "access")["sid"]))


def _signed_in(user: Any) -> Any:
    _on_its_own_sessions()
    request: Any = RequestFactory().post("/_allauth/app/v1/auth/login")
    request.user = AnonymousUser()
    request.session = import_module("allauth.headless.internal.sessionkit").new_session()
    auth.login(request, user)
    request.session.save()
    return request


def _on_its_own_sessions() -> None:
    """SESSION_ENGINE is ours here; allauth, alone, gets what Django has by default."""
    sessionkit: Any = import_module("allauth.headless.internal.sessionkit")
    if sessionkit.settings is settings:
        sessionkit.settings = UserSettingsHolder(settings)
        sessionkit.settings.SESSION_ENGINE = ENGINE
