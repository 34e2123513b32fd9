"""People in the admin: who may sign in, with which rights, and the end of all that is theirs."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts import (
    filters,
    links,
    listing,
    mail,
    paging,
    recent,
)
from accounts.changelist import PagedAdmin, PagedChangeList
from accounts.login_admin import end_people, say_if_none
from accounts.models import User
from accounts.user_acts import PersonActs

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    return request.user.is_superuser or person is None or not (person.is_staff or person.is_superuser)


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """No password: operators start a reset, and never know what it becomes."""

    class Meta:
        model = User
        fields = ("email", "is_active", "is_staff", "is_superuser", "groups", "user_permissions")

    def save(self, commit: bool = True) -> User:
        """A new person starts with no password at all."""
        if self.instance._state.adding:
            self.instance.set_unusable_password()
        person: User = super().save(commit)
        return person


@admin.register(User)
class UserAdmin(PagedAdmin, PersonActs):
    """People. Disabling or deleting one ends all their Logins, for good."""

    form = PersonForm
    list_display = ("email", "is_active", "is_staff", "is_superuser", "last_login", "date_joined")
    list_filter = (filters.ActiveFilter, filters.OperatorFilter, filters.SuperuserFilter)
    list_per_page = paging.SIZE
    search_fields = ("email_key",)
    search_help_text = _("The beginning of an email address, or the id of a person.")
    sortable_by = ("email",)
    default_sort = ("email", False)
    ordering = ("email_key",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "is_active", "id", "last_login", "date_joined")}),
        (_("Rights"), {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    actions = ("end_all_logins", "send_reset_link")

    def get_walk(self, request: HttpRequest, changelist: PagedChangeList) -> paging.Walk:
        """Along the email addresses; operators, superusers and disabled people have indexes of their own."""
        flags = {}
        for each in self.list_filter:
            if text := request.GET.get(each.parameter_name):
                if text not in dict(each.known):
                    return changelist.refuse(f"{each.title}: {_('This is neither 1 nor 0.')}")
                flags[each.field_name] = text == "1"
        return listing.people(changelist.query, flags, is_descending=changelist.sort[1])

    def dangerous(self, request: HttpRequest, obj: User | None = None) -> frozenset[str]:
        """Rights; and an address that somebody has, because a link for a new password goes to it."""
        return frozenset({*RIGHTS, "email"} if obj else RIGHTS)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Rights are given by whoever has them all, and nobody disables themselves."""
        rights = () if request.user.is_superuser else RIGHTS
        own = ("is_active",) if obj == request.user else ()
        return (*self.readonly_fields, *rights, *own)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Not of whoever has rights: a changed address and a link to it would lend them to anybody."""
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As for a change; and nobody deletes themselves."""
        return (
            super().has_delete_permission(request, obj) and _may_touch(request, obj) and obj != request.user
        )

    @admin.action(description=_("End all logins of selected people"), permissions=["end"])
    def end_all_logins(self, request: HttpRequest, queryset: models.QuerySet[User]) -> HttpResponse | None:
        """End every Login of the selected people; the Login you work with is spared."""
        if answer := recent.ask(request, back=request.get_full_path()):
            return answer
        say_if_none(self, request, end_people(self, request, queryset))
        return None

    @admin.action(description=_("Send a link for a new password"), permissions=["change"])
    def send_reset_link(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        """Mail each selected, active person a link; their password stays what it is until they use it."""
        for person in queryset.filter(is_active=True):
            mail.send_later(partial(links.mail_reset, person.email))
            self.log_change(request, person, "A link for a new password was sent.")
        self.message_user(request, _("The links are on their way."), messages.SUCCESS)
