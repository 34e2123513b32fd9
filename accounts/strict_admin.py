"""What every list of the admin here has in common: it tells only what it shows, and tells of each act."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import helpers
from django.contrib.auth import get_user_model
from django.core.exceptions import BadRequest, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from accounts import (
    events,
    people,
    recent,
)
from accounts.receipt_admin import ReceiptMixin

# The language of what is written once and read by many: the history names each row as `str` does.
HISTORY = "en"


class StrictAdmin(ReceiptMixin):
    """Django's, for lists that tell only what they show."""

    # Whether each act is told by an event of its own, besides the history that Django keeps.
    acts_are_events = False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's, and an event."""
        self._tell(request, obj, act="add", message=message)
        with translation.override(HISTORY):
            return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's, and an event."""
        self._tell(request, obj, act="change", message=message)
        with translation.override(HISTORY):
            return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Django's, and an event for each."""
        for obj in queryset:
            self._tell(request, obj, act="delete", message="")
        with translation.override(HISTORY):
            return super().log_deletions(request, queryset)

    def _tell(self, request: HttpRequest, obj: Any, *, act: str, message: Any) -> None:
        if self.acts_are_events:
            return
        whose = obj.public_id if isinstance(obj, get_user_model()) else None
        about = {"act": act, "model": obj._meta.label_lower, "object": str(obj.pk), "message": message}
        actor: Any = request.user
        events.record("admin_action", request=request, user=whose, actor=actor.public_id, **about)

    def dangerous(self, request: HttpRequest, obj: Any = None) -> frozenset[str] | None:
        """The fields that an operator changes only with a password entered lately; None for all of them."""
        return frozenset()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        """Django's, which asks for the password again before such a change (`accounts.recent`)."""
        form = super().get_form(request, obj, change, **kwargs)
        held = {"request": request, "dangerous": self.dangerous(request, obj)}
        return type(form.__name__, (recent.RecentForm, form), held)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """What the filters beside the list ask for; others could feel their way along a hidden field."""
        offered = {getattr(each, "parameter_name", each) for each in self.list_filter}
        return not offered.isdisjoint((lookup, lookup.removesuffix("__exact")))

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """As Django's; in any spelling."""
        return super().get_search_results(request, queryset, people.email_key(search_term))

    def response_action(
        self, request: HttpRequest, queryset: models.QuerySet[Any], **options: Any
    ) -> HttpResponse | None:
        """As Django's; but a chosen id that can be none is the sender's fault (400), not ours."""
        try:
            for chosen in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME):
                self.model._meta.pk.clean(chosen, None)
        except ValidationError:
            raise BadRequest("a chosen id is none") from None
        # Django 6.1 says more about where the action was chosen.
        return super().response_action(request, queryset, **options)


class ReadOnlyAdmin(StrictAdmin):
    """What operators may look at and nobody may edit or delete here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are written by what happens."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor are they edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor deleted; cleaning does that."""
        return False
