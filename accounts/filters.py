"""How operators narrow the list of Logins down: by state, flow and age."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import events, flows

AGES = (
    ("hour", timedelta(hours=1)),
    ("day", timedelta(days=1)),
    ("week", timedelta(weeks=1)),
    ("month", timedelta(days=30)),
)


class StateFilter(admin.SimpleListFilter):
    """Live or ended."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two states."""
        return [("live", _("live")), ("ended", _("ended or expired"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The Logins in the chosen state."""
        now = timezone.now()
        if self.value() == "live":
            return queryset.filter(ended_at__isnull=True, expires_at__gt=now)
        if self.value() == "ended":
            return queryset.filter(models.Q(ended_at__isnull=False) | models.Q(expires_at__lte=now))
        return queryset


class FlowFilter(admin.SimpleListFilter):
    """The flow, from those that are installed."""

    title = _("flow")
    parameter_name = "flow"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The installed flows."""
        return list(flows.choices())

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The Logins of the chosen flow."""
        return queryset.filter(flow=self.value()) if self.value() else queryset


class AgeFilter(admin.SimpleListFilter):
    """Started within the last hour, day, week or month, or before."""

    title = _("age")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Younger than, and older than a month."""
        labels = (_("within an hour"), _("within a day"), _("within a week"), _("within a month"))
        return [
            *((name, label) for (name, _span), label in zip(AGES, labels, strict=True)),
            ("older", _("older than a month")),
        ]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The Logins of the chosen age."""
        spans, now = dict(AGES), timezone.now()
        if self.value() in spans:
            return queryset.filter(started_at__gte=now - spans[str(self.value())])
        return queryset.filter(started_at__lt=now - spans["month"]) if self.value() == "older" else queryset


class NameFilter(admin.SimpleListFilter):
    """The name of an event, of those that are rows; to ask the table for them would read all of it."""

    title = _("name")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The names."""
        return [(name, name) for name in events.ROWS]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The events of the chosen name."""
        return queryset.filter(name=self.value()) if self.value() else queryset
