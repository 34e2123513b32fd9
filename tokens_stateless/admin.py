"""The operators' side of the token flow: the ring of signing keys, to look at, without the private parts."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import ReadOnlyAdmin
from tokens_stateless.models import SigningKey


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """Each key and what it is for at present."""

    list_display = ("kid", "algorithm", "state", "created_at")
    list_filter = ("state",)
    fields = ("kid", "algorithm", "state", "public", "created_at")

    def has_view_permission(self, request: HttpRequest, obj: SigningKey | None = None) -> bool:
        """Whoever may see keys."""
        return request.user.has_perm("tokens_stateless.view_signingkey")
