"""What happened: a change of the ledger is a row and a log line, a refusal on a request's path a log line.

Names follow the OWASP logging vocabulary. Nothing in an event can be replayed: ids of Logins and people are
no credentials, and whatever is one must be hashed by the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts import device, present
from accounts.device import AddressField
from accounts.logs import request_id

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

# The names that are rows, in the house; a flow of somebody else's may write others.
ROWS = (
    "admin_action",
    "authn_login_success",
    "authn_password_change",
    "authn_step_up",
    "authn_token_reuse",
    "client_changed",
    "client_made",
    "client_renewed",
    "client_switched_off",
    "client_switched_on",
    "ending_begun",
    "ending_dropped",
    "ending_finished",
    "ending_stopped",
    "ending_taken_up",
    "login_disowned",
    "login_ended",
    "privilege_permissions_changed",
    "signing_key_removed",
    "signing_key_revoked",
    "signing_key_rotated",
    "signing_key_unreadable",
    "user_updated",
)


class Event(models.Model):
    """One change of the ledger, kept for `history_lifetime`."""

    at = models.DateTimeField(_("at"), auto_now_add=True)
    name = models.CharField(_("name"), max_length=64)
    login_id = models.UUIDField(_("login"), null=True)
    user_uuid = models.UUIDField(_("person"), null=True)
    actor_uuid = models.UUIDField(_("actor"), null=True)
    address = AddressField(_("address"), null=True)
    device = models.CharField(_("device"), max_length=80, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        ordering = ("-at", "-pk")
        # What is looked for, in the order of the list.
        indexes = (
            models.Index(fields=["at", "id"], name="event_at"),
            models.Index(fields=["name", "at", "id"], name="event_name"),
            models.Index(fields=["login_id", "at", "id"], name="event_login"),
            models.Index(fields=["user_uuid", "at", "id"], name="event_user"),
            # What concerns a person as such: few rows among those of their many Logins.
            models.Index(
                fields=["user_uuid", "at", "id"],
                name="event_person",
                condition=models.Q(login_id__isnull=True),
            ),
        )
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"


def _line(name: str, fields: dict[str, Any], *, level: int) -> None:
    logger.log(
        level, name, extra={"event": {key: value for key, value in fields.items() if value is not None}}
    )


def _where(request: HttpRequest | None) -> dict[str, Any]:
    request = request or present.request()
    if request is None:
        return {"address": None, "device": ""}
    return {"address": device.address(request), "device": device.name(request)}


def record(
    name: str,
    *,
    request: HttpRequest | None = None,
    login: UUID | None = None,
    user: UUID | None = None,
    actor: UUID | None = None,
    **detail: Any,
) -> None:
    """Write a row in the current transaction, and its log line once that has been committed."""
    record_each(name, [{"login": login, "user": user, "actor": actor, **detail}], request=request)


def record_each(name: str, about: Iterable[Mapping[str, Any]], *, request: HttpRequest | None = None) -> None:
    """As `record`, of many at once: what happened has happened to each of these, in one statement."""
    lines = [{**_where(request), **one} for one in about]
    Event.objects.bulk_create(_row(name, line) for line in lines)

    def tell() -> None:
        for line in lines:
            _line(name, line, level=logging.INFO)

    transaction.on_commit(tell, robust=True)


def _row(name: str, line: Mapping[str, Any]) -> Event:
    columns = {"login": "login_id", "user": "user_uuid", "actor": "actor_uuid"}
    place = {"address", "device"}
    return Event(
        name=name,
        request_id=request_id.get(),
        detail={key: value for key, value in line.items() if key not in columns and key not in place},
        **{column: line.get(key) for key, column in columns.items()},
        **{key: line[key] for key in place},
    )


def tell(name: str, *, request: HttpRequest | None = None, **detail: Any) -> None:
    """Write a log line once the transaction has been committed, and no row: for what is remembered."""
    line = {**_where(request), **detail}
    transaction.on_commit(lambda: _line(name, line, level=logging.INFO), robust=True)


def note(name: str, *, request: HttpRequest | None = None, **detail: Any) -> None:
    """Write a log line at once and no row: for refusals, whose number a stranger decides."""
    _line(name, {**_where(request), **detail}, level=logging.WARNING)
