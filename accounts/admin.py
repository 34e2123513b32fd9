"""The operators' side: people, one list of Logins of both flows, and events; nothing that can be replayed."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.auth import get_user_model, logout
from django.core.exceptions import BadRequest, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import carried, filters, links, listing, logins, mail, paging, people, recent, search
from accounts.changelist import PagedAdmin, PagedChangeList
from accounts.logins import EndReason
from accounts.models import Event, Login, User
from accounts.search import BadSearch, Search


class StrictAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Django's, for lists that tell only what they show."""

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


@admin.register(Login)
class LoginAdmin(PagedAdmin, ReadOnlyAdmin):
    """Every Login of both flows: who, how, where from, since when, and whether and why it has ended."""

    list_display = (
        "person",
        "flow_label",
        "device",
        "address",
        "started_at",
        "seen_at",
        "expires_at",
        "state",
    )
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
        "id", "user", "user_uuid", "flow", "device", "address", "started_at", "seen_at", "expires_at",
        "ended_at", "end_reason", "ended_by",
    )  # fmt: skip

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Ending is a right of its own."""
        return request.user.has_perm("accounts.end_login")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Login]:
        """Every Login, knowing whether it is the one that the operator works with."""
        own = models.Q(pk=carried.login_id(request))
        logins_of_both: models.QuerySet[Login] = super().get_queryset(request)
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
        return listing.walk(wanted, by=self.sorts[column], is_descending=is_descending)

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

    @admin.display(description=_("state"))
    def state(self, login: Login) -> str:
        """Live, expired, or ended by whom and why."""
        if login.ended_at is None:
            return str(_("live") if login.is_live else _("expired"))
        why = login.get_end_reason_display()
        return format_html("{} ({})", why, login.ended_by) if login.ended_by else str(why)

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
        self._say(request, count)

    @admin.action(description=_("End all logins of these people"), permissions=["end"])
    def end_all_of_these_people(
        self, request: HttpRequest, queryset: models.QuerySet[Login]
    ) -> HttpResponse | None:
        """End every Login of whoever has a selected one; the Login you work with is spared."""
        if answer := recent.ask(request, back=request.get_full_path()):
            return answer
        theirs = get_user_model()._default_manager.filter(pk__in=queryset.values("user_id"))
        self._say(request, end_people(self, request, theirs))
        return None

    def _say(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%(count)d login was ended.", "%(count)d logins were ended.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


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
class UserAdmin(PagedAdmin, StrictAdmin):
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

    def has_end_permission(self, request: HttpRequest) -> bool:
        """The same right as in the list of Logins."""
        return request.user.has_perm("accounts.end_login")

    @admin.action(description=_("End all logins of selected people"), permissions=["end"])
    def end_all_logins(self, request: HttpRequest, queryset: models.QuerySet[User]) -> HttpResponse | None:
        """End every Login of the selected people; the Login you work with is spared."""
        if answer := recent.ask(request, back=request.get_full_path()):
            return answer
        count = end_people(self, request, queryset)
        text = ngettext("%(count)d login was ended.", "%(count)d logins were ended.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
        return None

    @admin.action(description=_("Send a link for a new password"), permissions=["change"])
    def send_reset_link(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        """Mail each selected, active person a link; their password stays what it is until they use it."""
        for person in queryset.filter(is_active=True):
            mail.send_later(partial(links.mail_reset, person.email))
            self.log_change(request, person, "A link for a new password was sent.")
        self.message_user(request, _("The links are on their way."), messages.SUCCESS)


@admin.register(Event)
class EventAdmin(PagedAdmin, ReadOnlyAdmin):
    """What has happened, newest first."""

    list_display = ("at", "name", "login_id", "user_uuid", "actor_uuid", "address", "device")
    list_filter = (filters.NameFilter,)
    list_per_page = paging.SIZE
    search_fields = ("name",)
    search_help_text = _("The beginning of a name, or the id of a login or of a person.")
    sortable_by = ("at",)
    default_sort = ("at", True)

    def get_walk(self, request: HttpRequest, changelist: PagedChangeList) -> paging.Walk:
        """Along the time; of one name, Login or person alone, where these are asked for."""
        name = request.GET.get(filters.NameFilter.parameter_name)
        return listing.events(changelist.query, name, is_descending=changelist.sort[1])
