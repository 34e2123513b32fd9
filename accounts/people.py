"""How a person's row is written: what the flows carry moves `version`, a new password moves `stamp`.

Neither is ever written from an instance. Whoever saves is compared with the row as it stands, under its lock,
so that no stale copy can put an old right or an old password back unnoticed. A new password and a disabled
account end Logins.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.contrib.auth.base_user import BaseUserManager
from django.db import models, transaction
from django.db.models.functions import Now

from accounts import feed, logins, notices, rights
from accounts.logins import EndReason

if TYPE_CHECKING:
    from accounts.models import AbstractUser

CARRIED = ("email", "is_active", "is_staff", "is_superuser")
WATCHED = (*CARRIED, "password")
OWN = ("stamp", "version", "changed_at")
LONGEST_EMAIL = 254


def new_stamp() -> str:
    """128 random bits that stand for "this password"."""
    return secrets.token_urlsafe(16)


def normalize_email(address: str) -> str:
    """NFKC, the host in lower case; the local part stays as its owner writes it."""
    local, at, host = unicodedata.normalize("NFKC", address).strip().rpartition("@")
    return f"{local}@{host.lower()}" if at else host


def email_key(address: str) -> str:
    """The form in which two spellings of one address are equal: NFKC and case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).strip().casefold())


def is_too_long(address: str) -> bool:
    """Whether this address does not fit into a row; one character may fold to eighteen."""
    return max(len(normalize_email(address)), len(email_key(address))) > LONGEST_EMAIL


def locked_rows(people: models.QuerySet[Any]) -> dict[Any, dict[str, Any]]:
    """The watched fields as they stand in the database, by primary key, locked until the transaction ends."""
    # Through a subquery, because a lock may not reach over the joins that a filter has brought in.
    rows = people.model._base_manager.using(people.db).filter(pk__in=people.order_by().values("pk"))
    locked = rows.order_by("pk").select_for_update(no_key=True)
    return {row["pk"]: row for row in locked.values("pk", "version", *WATCHED)}


def moves(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The values of `stamp`, `version` and `changed_at` that this change of a row asks for."""
    changed: dict[str, Any] = {}
    if before["password"] != after["password"]:
        changed["stamp"] = new_stamp()
    if any(before[name] != after[name] for name in CARRIED):
        changed["version"] = before["version"] + 1
    if changed:
        changed["changed_at"] = Now()
    return changed


class Change(NamedTuple):
    """What a write did to one person's row."""

    user: AbstractUser
    before: dict[str, Any]
    after: dict[str, Any]
    moved: dict[str, Any]

    @property
    def disabled(self) -> bool:
        """The account was open before, and no longer is."""
        return self.before["is_active"] and not self.after["is_active"]


def settle(changes: Sequence[Change], *, keep: UUID | None = None) -> None:
    """End, publish and tell what these changes end and move; inside of the transaction that made them.

    Together and not person by person: each end takes its locks in the order of the Logins' ids.
    """
    if disabled := [change.user for change in changes if change.disabled]:
        logins.end_all_of(disabled, reason=EndReason.ACCOUNT_DISABLED)
    if renewed := [one.user for one in changes if "stamp" in one.moved and not one.disabled]:
        logins.end_all_of(renewed, reason=EndReason.PASSWORD_CHANGED, keep=keep)
        for user in renewed:
            notices.password_changed(user)
    if promoted := [one.user for one in changes if one.after["is_staff"] and not one.before["is_staff"]]:
        logins.shorten_for_staff(promoted)
    for one in changes:
        if one.before["email"] != one.after["email"]:
            notices.address_changed(one.user, old=one.before["email"], new=one.after["email"])
    rights.changed((one.user.public_id, one.before, one.after) for one in changes)
    feed.publish(
        changed=[(one.user.public_id, one.moved["version"]) for one in changes if "version" in one.moved]
    )


class UserQuerySet(models.QuerySet[Any]):
    """A queryset whose `update` keeps the promises of `save`, person by person."""

    def update(self, **kwargs: Any) -> int:
        """As Django's; a change of the password or of what is carried moves and ends as `save()` would."""
        if refused := set(kwargs) & {*OWN, "email_key"}:
            raise ValueError(
                f"{', '.join(sorted(refused))} cannot be written; they follow from what changes."
            )
        if not set(kwargs) & set(WATCHED):
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            before = locked_rows(self)
            rows = self.model._base_manager.using(self.db).filter(pk__in=list(before))
            count: int = rows.update(**kwargs)
            changes = []
            for user in rows.order_by("pk"):
                after = {name: getattr(user, name) for name in WATCHED}
                moved = moves(before[user.pk], after)
                if moved or user.email_key != email_key(user.email):
                    rows.filter(pk=user.pk).update(email_key=email_key(user.email), **moved)
                changes.append(Change(user, before[user.pk], after, moved))
            settle(changes)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        """As Django's, without `update_conflicts`: that would change people and end nothing."""
        if update_conflicts:
            raise ValueError("update_conflicts cannot be used for people; use update().")
        return super().bulk_create(objs, batch_size, ignore_conflicts)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Makes people and finds them by address, whatever its case."""

    use_in_migrations = False

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Any:
        """A new person; `password` None makes an account that only a reset link can open."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Any:
        """A new operator with every right."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> Any:
        """The person of this address; raises DoesNotExist."""
        return self.get(email_key=email_key(username or ""))


def save_existing(
    user: AbstractUser, save: Any, *, fields: Sequence[str], using: str, keep: UUID | None
) -> None:
    """Write `fields` of an existing row, with what follows from them; `save` is the model's own."""
    rows = user.__class__._base_manager.using(using).filter(pk=user.pk)
    with transaction.atomic(using=using):
        before = locked_rows(rows).get(user.pk)
        if before is None:
            save(update_fields=fields, using=using)
            return
        after = {name: getattr(user, name) if name in fields else before[name] for name in WATCHED}
        moved = moves(before, after)
        save(update_fields=fields, using=using)
        if moved:
            rows.update(**moved)
            user.take(rows.values(*moved).get())
        settle([Change(user, before, after, moved)], keep=keep)


def about_to_be_deleted(user: AbstractUser, *, using: str) -> None:
    """End a person's Logins before the row goes, in the transaction that deletes it.

    That locks the row, so a sign-in which is under way is either seen here or finds nobody.
    """
    with transaction.atomic(using=using):
        logins.end_all(user, reason=EndReason.ACCOUNT_DELETED)
