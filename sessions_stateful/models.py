"""The stored session: what one browser carries, under the hash of its key."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Login


class SessionQuerySet(models.QuerySet["Session"]):
    """A session that is deleted in any way is dead at once, whatever Redis holds of it."""

    def delete(self) -> tuple[int, dict[str, int]]:
        """Kill them one by one."""
        from sessions_stateful.store import front

        hashes = list(self.values_list("pk", flat=True))
        for key_hash in hashes:
            front().delete(key_hash)
        return len(hashes), {self.model._meta.label: len(hashes)}

    def remove(self) -> int:
        """Take the rows away; for the stores alone."""
        return super().delete()[0]


class Session(models.Model):
    """One session; bound to a Login once a person has signed in, else anonymous.

    `data` is sealed to `key_hash` and the Login. `rights` are those that the key was made for: when the
    person gains more, the next answer brings a new key. `replaced_hash` names the key before this one, so
    that a late request which still carries it can be told from one whose session is long gone.
    """

    key_hash = models.CharField(max_length=43, primary_key=True)
    replaced_hash = models.CharField(max_length=43, null=True)  # noqa: DJ001 - most have replaced nothing
    login = models.OneToOneField(Login, on_delete=models.CASCADE, null=True, related_name="session")
    data = models.BinaryField()
    version = models.PositiveBigIntegerField(default=1)
    authenticated_at = models.DateTimeField(null=True)
    rights = models.PositiveSmallIntegerField(default=0)
    remember = models.BooleanField(default=False)
    expires_at = models.DateTimeField(db_index=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = (
            models.Index(
                fields=["replaced_hash"],
                name="session_replaced",
                condition=models.Q(replaced_hash__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"session of {self.login_id or 'nobody'}"

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        """Kill it, as `SessionQuerySet.delete` does."""
        return type(self).objects.filter(pk=self.pk).delete()
