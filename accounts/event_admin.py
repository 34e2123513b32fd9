"""What has happened, in the admin."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import (
    device,
    filters,
    listing,
    paging,
)
from accounts.changelist import PagedAdmin, PagedChangeList
from accounts.models import Event
from accounts.strict_admin import ReadOnlyAdmin


@admin.register(Event)
class EventAdmin(PagedAdmin, ReadOnlyAdmin):
    """What has happened, newest first."""

    list_display = ("at", "name", "login", "person", "actor", "address", "device_label")
    list_filter = (filters.NameFilter,)
    fields = (
        "at", "name", "whole_login", "whole_person", "whole_actor", ("address", "device_label"), "request_id",
        "detail",
    )  # fmt: skip
    list_per_page = paging.SIZE
    search_fields = ("name",)
    search_help_text = _("The beginning of a name, or the id of a login or of a person.")
    sortable_by = ("at",)
    default_sort = ("at", True)

    def get_walk(self, request: HttpRequest, changelist: PagedChangeList) -> paging.Walk:
        """Along the time; of one name, Login or person alone, where these are asked for."""
        name = request.GET.get(filters.NameFilter.parameter_name)
        return listing.events(changelist.query, name, is_descending=changelist.sort[1])

    @admin.display(description=_("login"))
    def login(self, event: Event) -> str:
        """The beginning of the Login's id, and the way to its story."""
        return _linked(event.login_id, to=_story_of, beginning=True)

    @admin.display(description=_("person"))
    def person(self, event: Event) -> str:
        """The beginning of the person's id, and the way to all that has happened to them."""
        return _linked(event.user_uuid, to=_events_of, beginning=True)

    @admin.display(description=_("actor"))
    def actor(self, event: Event) -> str:
        """As `person`, of who did it."""
        return _linked(event.actor_uuid, to=_events_of, beginning=True)

    @admin.display(description=_("device"))
    def device_label(self, event: Event) -> str:
        """The device in words."""
        return device.in_words(event.device)

    @admin.display(description=_("login"))
    def whole_login(self, event: Event) -> str:
        """As `login`, with the whole id."""
        return _linked(event.login_id, to=_story_of)

    @admin.display(description=_("person"))
    def whole_person(self, event: Event) -> str:
        """As `person`, with the whole id."""
        return _linked(event.user_uuid, to=_events_of)

    @admin.display(description=_("actor"))
    def whole_actor(self, event: Event) -> str:
        """As `actor`, with the whole id."""
        return _linked(event.actor_uuid, to=_events_of)


def _story_of(login: UUID) -> str:
    return reverse("admin:accounts_login_change", args=[login])


def _events_of(person: UUID) -> str:
    return f"{reverse('admin:accounts_event_changelist')}?q={person}"


def _linked(name: UUID | None, *, to: Callable[[UUID], str], beginning: bool = False) -> str:
    if name is None:
        return "-"
    return format_html('<a href="{}">{}</a>', to(name), f"{str(name)[:8]}…" if beginning else name)
