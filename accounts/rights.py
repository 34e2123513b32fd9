"""Changes of what somebody is or may do are told: each is an event of that person, with who has made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import models

from accounts import events, present

ROLES = ("is_active", "is_staff", "is_superuser")
VERBS = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed"}


def changed(changes: Iterable[tuple[UUID, Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Tell of changes of people's rows: the public id, and the watched fields before and after.

    Roles are named with their new value; of an address only that it has changed. One statement for each kind.
    """
    roles, addresses = [], []
    for who, before, after in changes:
        if new := {name: after[name] for name in ROLES if before[name] != after[name]}:
            roles.append({"user": who, "actor": present.actor(), **new})
        if before["email"] != after["email"]:
            addresses.append({"user": who, "actor": present.actor(), "fields": ["email"]})
    if roles:
        events.record_each("privilege_permissions_changed", roles)
    if addresses:
        events.record_each("user_updated", addresses)


def memberships_changed(
    *,
    relation: str,
    instance: Any,
    action: str,
    reverse: bool,
    model: Any,
    pk_set: set[Any] | None,
    **_signal: Any,
) -> None:
    """Receives `m2m_changed` of groups or permissions (`relation`), from either side."""
    if action not in VERBS:
        return
    if pk_set is not None:
        others = list(model._default_manager.filter(pk__in=pk_set))
    elif reverse:
        # Everything is about to be taken away, and is still there.
        others = list(model._default_manager.filter(**{relation: instance}))
    else:
        others = list(getattr(instance, relation).all())
    people, given = (others, [instance]) if reverse else ([instance], others)
    if people and given:
        names = sorted(getattr(one, "codename", None) or str(one) for one in given)
        told = {"actor": present.actor(), VERBS[action]: names}
        about = [{"user": person.public_id, **told} for person in people]
        events.record_each("privilege_permissions_changed", about)


def connect() -> None:
    """Follow what people are given and lose; called once from `ready()`."""
    user: Any = get_user_model()
    for relation in ("groups", "user_permissions"):
        models.signals.m2m_changed.connect(
            partial(memberships_changed, relation=relation),
            sender=getattr(user, relation).through,
            weak=False,
            dispatch_uid=f"accounts.rights.{relation}",
        )
