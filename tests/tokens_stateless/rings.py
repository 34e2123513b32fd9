"""The ring of signing keys as the tests see it, and keys of every age and make."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from tokens_stateless import keypairs, keys
from tokens_stateless.models import KeyState, SigningKey


def states() -> dict[str, str]:
    """The state of each key."""
    return dict(SigningKey.objects.values_list("kid", "state"))


def kid(state: str) -> str:
    """The id of the only key in this state."""
    return SigningKey.objects.get(state=state).kid


def published(client: Client | None = None) -> set[str]:
    """The ids that the key set shows."""
    answer = (client or Client()).get("/.well-known/jwks.json")
    return {key["kid"] for key in answer.json()["keys"]}


def ripen() -> None:
    """The standby key has been published for long enough."""
    hour = timezone.now() - timedelta(hours=1)
    SigningKey.objects.filter(state=KeyState.STANDBY).update(created_at=hour)


def add(state: KeyState = KeyState.PREVIOUS, **changes: Any) -> SigningKey:
    """A row as somebody else might have written it, unannounced: a good one but for these changes."""
    public, private = keypairs.make()
    good: dict[str, Any] = {
        "kid": keypairs.thumbprint(public),
        "algorithm": "ES256",
        "public": public,
        "private": keypairs.seal(private),
        "previous_at": timezone.now(),
    }
    row = SigningKey.objects.create(state=state, **{**good, **changes})
    keys.forget()
    return row
