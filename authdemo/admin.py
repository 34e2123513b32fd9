"""Groups in the operators' pages: whoever could change one could give themselves its rights."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from accounts.admin import StrictAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(StrictAdmin, DjangoGroupAdmin):
    """Django's; only whoever has all rights may give them, with a password entered lately."""

    def dangerous(self, request: HttpRequest, obj: Group | None = None) -> frozenset[str]:
        """What its members may do."""
        return frozenset({"permissions"})

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Superusers."""
        return request.user.is_superuser
