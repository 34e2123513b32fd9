"""One list of Logins of both flows, the story of each, and their end; nothing that can be replayed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model, logout
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import (
    carried,
    device,
    ending_begin,
    filters,
    listing,
    logins,
    paging,
    recent,
    search,
    story,
)
from accounts.changelist import PagedAdmin, PagedChangeList
from accounts.logins import EndReason
from accounts.models import Login
from accounts.search import BadSearch, Search
from accounts.strict_admin import ReadOnlyAdmin


@admin.register(Login)
class LoginAdmin(PagedAdmin, ReadOnlyAdmin):
    """Every Login of both flows: who, how, where from, since when, and whether and why it has ended."""

    list_display = (
        "person",
        "flow_label",
        "device_label",
        "address",
        "started_at",
        "seen_at",
        "expires_at",
        "state",
    )
    acts_are_events = True
    list_filter = filters.LOGIN_FILTERS
    list_select_related = ("user", "ended_by")
    list_per_page = paging.SIZE
    search_fields = ("user__email_key",)
    search_help_text = _(
        "The beginning of an email address; an address or a network, such as 10.0.0.0/8; the id of a login "
        "or of a person."
    )
    sorts = {"seen_at": "seen", "started_at": "started", "expires_at": "expires"}
    default_sort = ("started_at", True)
    ordering = ("-started_at", "-pk")
    actions = ("end_selected", "end_all_of_these_people")
    fields = (
        "state", ("user", "user_uuid"), ("flow_label", "id"), ("device_label", "address"),
        ("started_at", "seen_at"), "ends_by_itself", "ended_at",
    )  # fmt: skip

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Ending is a right of its own."""
        return request.user.has_perm("accounts.end_login")

    def get_fields(self, request: HttpRequest, obj: Login | None = None) -> Any:
        """Only one of those that tell of the end."""
        over = "ended_at" if obj is None or obj.ended_at is None else "ends_by_itself"
        return [name for name in self.fields if name != over]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Django's, with the story of the Login and the other Logins of its person."""
        login = context["original"]
        told = {
            "story": story.page_of(login, before=story.place(request.GET.get("before", ""))),
            "is_first_page": "before" not in request.GET,
            "others": story.others(login),
            "may_end": login.ended_at is None and self.has_end_permission(request),
            "person_url": self._person_url(request, login),
        }
        return super().render_change_form(request, context | told, *args, **kwargs)

    def _person_url(self, request: HttpRequest, login: Login) -> str | None:
        found = self.admin_site._registry.get(get_user_model())
        if found is None or login.user is None or not found.has_view_permission(request, login.user):
            return None
        name = f"admin:{found.opts.app_label}_{found.opts.model_name}_change"
        return reverse(name, args=[login.user_id])

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Login]:
        """Every Login, knowing whether it is the one that the operator works with."""
        own = models.Q(pk=carried.login_id(request))
        logins_of_both: models.QuerySet[Login] = super().get_queryset(request)
        logins_of_both = logins_of_both.select_related(*self.list_select_related)
        return logins_of_both.annotate(is_own=models.ExpressionWrapper(own, models.BooleanField()))

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """What has an index among the Logins that are shown."""
        try:
            offered = listing.sorts(Search.read(self._asked(request)))
        except BadSearch:
            offered = ()
        return [name for name, by in self.sorts.items() if by in offered]

    def get_walk(self, request: HttpRequest, changelist: PagedChangeList) -> paging.Walk:
        """The one of accounts/listing.py."""
        column, is_descending = changelist.sort
        asked, typed = self._asked(request), search.recognised(changelist.query)
        if twice := [name for name, text in typed.items() if asked.setdefault(name, text) != text]:
            return changelist.refuse(*(self._told(name, _("This is asked for twice.")) for name in twice))
        try:
            wanted = Search.read(asked)
        except BadSearch as bad:
            return changelist.refuse(*(self._told(name, error) for name, error in bad.errors.items()))
        changelist.asked = asked
        return listing.walk(wanted, by=self.sorts[column], is_descending=is_descending)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's, and the way to end everything that matches, if there may be anything to end."""
        answer = super().changelist_view(request, extra_context)
        found = getattr(answer, "context_data", None) or {}
        if "cl" in found and self.has_end_permission(request):
            found["end_before_url"] = reverse("admin:accounts_ending_before")
            found["end_everything_url"] = ending_begin.offered(found["cl"])
        return answer

    def _asked(self, request: HttpRequest) -> dict[str, str]:
        names = [each.parameter_name for each in self.list_filter]
        return {name: request.GET[name] for name in names if request.GET.get(name)}

    def _told(self, name: str, error: Any) -> str:
        title = next(each.title for each in self.list_filter if each.parameter_name == name)
        return f"{title}: {error}"

    @admin.display(description=_("person"))
    def person(self, login: Any) -> str:
        """Whose Login it is, the operator's own one marked."""
        who = login.user or _("deleted person")
        return format_html("{} <strong>({})</strong>", who, _("this is you")) if login.is_own else str(who)

    @admin.display(description=_("flow"))
    def flow_label(self, login: Login) -> str:
        """The flow in words."""
        return login.get_flow_display()

    @admin.display(description=_("device"))
    def device_label(self, login: Login) -> str:
        """The device in words."""
        return device.in_words(login.device)

    @admin.display(description=_("state"))
    def state(self, login: Login) -> str:
        """Live, expired, or ended by whom and why."""
        if login.ended_at is None:
            return str(_("live") if login.is_live else _("expired"))
        why = login.get_end_reason_display()
        return format_html("{} ({})", why, login.ended_by) if login.ended_by else str(why)

    @admin.display(description=_("ends by itself"))
    def ends_by_itself(self, login: Login) -> str:
        """When it would be over if nobody ended it."""
        idle, at = login.seen_at + login.idle_timeout, login.expires_at
        if idle >= at:
            return str(_("at %(at)s") % {"at": _written(at)})
        return str(
            _("at %(idle)s if it is not used before, at %(at)s in any case")
            % {"idle": _written(idle), "at": _written(at)}
        )

    @admin.action(description=_("End selected logins"), permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: models.QuerySet[Login]) -> None:
        """End what is selected; the next request of each is refused."""
        chosen = list(queryset.filter(ended_at__isnull=True))
        count = logins.end(
            [login.pk for login in chosen],
            reason=EndReason.REVOKED_BY_OPERATOR,
            by=request.user,  # type: ignore[arg-type]
            request=request,
        )
        for login in chosen:
            self.log_change(request, login, "Ended by an operator.")
        if carried.login_id(request) in {login.pk for login in chosen}:
            # Its session was killed with it; this gives the answer a new one, for what is to be said.
            logout(request)
        say_if_none(self, request, count)

    @admin.action(description=_("End all logins of these people"), permissions=["end"])
    def end_all_of_these_people(
        self, request: HttpRequest, queryset: models.QuerySet[Login]
    ) -> HttpResponse | None:
        """End every Login of whoever has a selected one; the Login you work with is spared."""
        if answer := recent.ask(request, back=request.get_full_path()):
            return answer
        theirs = get_user_model()._default_manager.filter(pk__in=queryset.values("user_id"))
        say_if_none(self, request, end_people(self, request, theirs))
        return None


def say_if_none(model_admin: Any, request: HttpRequest, count: int) -> None:
    """That nothing was ended; else the receipt says how many."""
    if not count:
        model_admin.message_user(request, _("None of these logins was live."), messages.WARNING)


def _written(at: datetime) -> str:
    return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")


def end_people(model_admin: Any, request: HttpRequest, whose: Iterable[Any]) -> int:
    """End all Logins of these people but the operator's own present one; one line of history per person."""
    count = 0
    for person in whose:
        count += logins.end_all(
            person,
            reason=EndReason.REVOKED_BY_OPERATOR,
            by=request.user,  # type: ignore[arg-type]
            keep=carried.login_id(request),
            request=request,
        )
        model_admin.log_change(request, person, "All logins ended by an operator.")
    return count
