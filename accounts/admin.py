"""The operators' side: people, one list of Logins of both flows, and events; nothing that can be replayed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.auth import get_user_model, logout
from django.core.exceptions import BadRequest, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import carried, events, links, logins, mail, people, recent, story
from accounts.filters import AgeFilter, FlowFilter, NameFilter, StateFilter
from accounts.logins import EndReason
from accounts.models import Event, Login, User
from accounts.receipt_admin import ReceiptMixin


class StrictAdmin(ReceiptMixin):
    """Django's, for lists that tell only what they show; `uuid_fields` are found by the whole of an id."""

    uuid_fields: tuple[str, ...] = ()
    # Whether each act is told by an event of its own, besides the history that Django keeps.
    acts_are_events = False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's, and an event."""
        self._tell(request, obj, act="add", message=message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's, and an event."""
        self._tell(request, obj, act="change", message=message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Django's, and an event for each."""
        for obj in queryset:
            self._tell(request, obj, act="delete", message="")
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
        return lookup.removesuffix("__exact") in offered

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """As Django's; an address in any spelling, and an id by its index."""
        try:
            wanted = [(name, UUID(search_term)) for name in self.uuid_fields]
        except ValueError:
            wanted = []
        if not wanted:
            return super().get_search_results(request, queryset, people.email_key(search_term))
        return queryset.filter(models.Q(*wanted, _connector=models.Q.OR)), False

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


@admin.register(Login)
class LoginAdmin(ReadOnlyAdmin):
    """Every Login of both flows: who, how, where from, since when, and whether and why it has ended."""

    list_display = (
        "person",
        "state",
        "flow_label",
        "device",
        "address",
        "seen_at",
        "started_at",
        "expires_at",
    )
    acts_are_events = True
    list_filter = (StateFilter, FlowFilter, "end_reason", AgeFilter)
    list_select_related = ("user", "ended_by")
    list_per_page = 50
    search_fields = ("user__email_key__startswith", "device")
    uuid_fields = ("id",)
    search_help_text = _("The beginning of an email address, a device, or the id of a login.")
    ordering = ("-started_at", "-pk")
    actions = ("end_selected", "end_all_of_these_people")
    fields = (
        "state", ("user", "user_uuid"), ("flow_label", "id"), ("device", "address"),
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

    @admin.display(description=_("person"), ordering="user__email_key")
    def person(self, login: Any) -> str:
        """Whose Login it is, the operator's own one marked."""
        who = login.user or _("deleted person")
        return format_html("{} <strong>({})</strong>", who, _("this is you")) if login.is_own else str(who)

    @admin.display(description=_("flow"), ordering="flow")
    def flow_label(self, login: Login) -> str:
        """The flow in words."""
        return login.get_flow_display()

    @admin.display(description=_("state"), ordering="ended_at")
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


def end_people(model_admin: Any, request: HttpRequest, whose: models.QuerySet[Any]) -> int:
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
class UserAdmin(StrictAdmin):
    """People. Disabling or deleting one ends all their Logins, for good."""

    form = PersonForm
    list_display = ("email", "is_active", "is_staff", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email_key__startswith",)
    search_help_text = _("The beginning of an email address.")
    ordering = ("email",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "is_active", "id", "last_login", "date_joined")}),
        (_("Rights"), {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    actions = ("end_all_logins", "send_reset_link")

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

    def has_end_permission(self, request: HttpRequest) -> bool:
        """The same right as in the list of Logins."""
        return request.user.has_perm("accounts.end_login")

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


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What has happened, newest first."""

    list_display = ("at", "name", "login", "person", "actor_uuid", "address", "device")
    list_filter = (NameFilter,)
    fields = (
        "at", "name", "whole_login", "whole_person", "actor_uuid", ("address", "device"), "request_id",
        "detail",
    )  # fmt: skip
    show_full_result_count = False
    # Counting the rows of each name would read all of them.
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("name__startswith",)
    uuid_fields = ("login_id", "user_uuid")
    search_help_text = _("The beginning of a name, or the id of a login or of a person.")
    list_per_page = 50

    @admin.display(description=_("login"), ordering="login_id")
    def login(self, event: Event) -> str:
        """The beginning of the Login's id, and the way to its story."""
        return _linked(event.login_id, to=_story_of, beginning=True)

    @admin.display(description=_("person"), ordering="user_uuid")
    def person(self, event: Event) -> str:
        """The beginning of the person's id, and the way to all that has happened to them."""
        return _linked(event.user_uuid, to=_events_of, beginning=True)

    @admin.display(description=_("login"))
    def whole_login(self, event: Event) -> str:
        """As `login`, with the whole id."""
        return _linked(event.login_id, to=_story_of)

    @admin.display(description=_("person"))
    def whole_person(self, event: Event) -> str:
        """As `person`, with the whole id."""
        return _linked(event.user_uuid, to=_events_of)


def _story_of(login: UUID) -> str:
    return reverse("admin:accounts_login_change", args=[login])


def _events_of(person: UUID) -> str:
    return f"{reverse('admin:accounts_event_changelist')}?q={person}"


def _linked(name: UUID | None, *, to: Callable[[UUID], str], beginning: bool = False) -> str:
    if name is None:
        return "-"
    return format_html('<a href="{}">{}</a>', to(name), f"{str(name)[:8]}…" if beginning else name)
