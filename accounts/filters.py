"""What operators narrow lists down by, beside each list; what it means, accounts/search.py says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import events, flows
from accounts.logins import EndReason


class LinkFilter(admin.SimpleListFilter):
    """A choice of values of one condition, which the list applies; another one is shown while it holds."""

    known: Any = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The values that are offered."""
        offered = list(self.known)
        value = self.value()
        return offered if value in (None, "", *dict(offered)) else [*offered, (str(value), value)]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        """Left as it is."""


class StateFilter(LinkFilter):
    """Live, expired or ended."""

    title, parameter_name = _("state"), "state"
    known = (("live", _("live")), ("expired", _("expired")), ("ended", _("ended")))


class FlowFilter(LinkFilter):
    """The flow, from those that are installed."""

    title, parameter_name = _("flow"), "flow"

    @property
    def known(self) -> Any:
        """Name and label of each."""
        return flows.choices()


class ReasonFilter(LinkFilter):
    """Why it has ended."""

    title, parameter_name = _("end reason"), "reason"
    known = EndReason.choices


class IdleFilter(LinkFilter):
    """Not ended, and not used for so long."""

    title, parameter_name = _("idle time"), "idle"
    known = (
        ("1h", _("an hour or more")),
        ("1d", _("a day or more")),
        ("7d", _("a week or more")),
        ("30d", _("a month or more")),
    )


class SinceFilter(LinkFilter):
    """Started so long ago at most."""

    title, parameter_name = _("sign-in"), "since"
    known = (
        ("1h", _("within an hour")),
        ("1d", _("within a day")),
        ("7d", _("within a week")),
        ("30d", _("within a month")),
    )


class BeforeFilter(LinkFilter):
    """Started so long ago at least."""

    title, parameter_name = _("age"), "before"
    known = (("1d", _("older than a day")), ("7d", _("older than a week")), ("30d", _("older than a month")))


class StaffFilter(LinkFilter):
    """Of an operator, or not."""

    title, parameter_name = _("operator"), "staff"
    known = (("yes", _("yes")), ("no", _("no")))


class EmailFilter(LinkFilter):
    """For links from elsewhere, as are the following."""

    title, parameter_name = _("email address begins with"), "email"


class AddressFilter(LinkFilter):
    """A client's address, or a network."""

    title, parameter_name = _("address"), "address"


class LoginFilter(LinkFilter):
    """One Login."""

    title, parameter_name = _("login"), "login"


class PersonFilter(LinkFilter):
    """All Logins of one person."""

    title, parameter_name = _("person"), "person"


LOGIN_FILTERS = (
    StateFilter, FlowFilter, ReasonFilter, IdleFilter, SinceFilter, BeforeFilter, StaffFilter, EmailFilter,
    AddressFilter, LoginFilter, PersonFilter,
)  # fmt: skip


class FlagFilter(LinkFilter):
    """Yes or no, as Django's, of a flag whose rarer value has an index."""

    field_name = ""
    known = (("1", _("Yes")), ("0", _("No")))


class ActiveFilter(FlagFilter):
    """Whether somebody may sign in."""

    title, parameter_name, field_name = _("active"), "is_active__exact", "is_active"


class OperatorFilter(FlagFilter):
    """Whether somebody may enter the admin."""

    title, parameter_name, field_name = _("operator"), "is_staff__exact", "is_staff"


class SuperuserFilter(FlagFilter):
    """Whether somebody has all rights."""

    title, parameter_name, field_name = _("superuser status"), "is_superuser__exact", "is_superuser"


class NameFilter(LinkFilter):
    """The names of events that there are."""

    title, parameter_name = _("name"), "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Each that is a row; to ask the table for them would read all of it."""
        return [(name, name) for name in events.ROWS]
