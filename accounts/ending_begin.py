"""Before many Logins are ended: what is looked for in words, how many that is, and whether it is meant."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import carried, endings, flows, recent
from accounts.endings import LONGEST_WHY, Counted, Ending
from accounts.errors import AuthenticationTooOld
from accounts.search import BadSearch, Search

if TYPE_CHECKING:
    from accounts.changelist import PagedChangeList
    from accounts.ending_admin import EndingAdmin


class Written(NamedTuple):
    """So many Logins of so many people, for people."""

    logins: str
    people: str


def number(value: int) -> str:
    """A number with its thousands apart."""
    return formats.number_format(value, use_l10n=True, force_grouping=True)


class ConfirmForm(forms.Form):
    """Why; and where nothing narrows it down, that everybody is meant."""

    # Sent twice, it begins once.
    key = forms.UUIDField(widget=forms.HiddenInput)
    why = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_WHY,
        help_text=_("It stands in the history, and with each login that is ended; 200 characters at most."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    everybody = forms.BooleanField(label=_("Yes, I mean everybody: end every login there is."))

    def __init__(self, request: HttpRequest, *, search: Search, counted: Counted, **kwargs: Any) -> None:
        super().__init__(
            request.POST if request.method == "POST" else None, initial={"key": uuid.uuid4()}, **kwargs
        )
        self._request, self._counted = request, counted
        if search.given():
            del self.fields["everybody"]

    def clean(self) -> dict[str, Any]:
        """Of several people, only with a password that was entered lately; what was typed stays."""
        data = super().clean() or {}
        if self._counted.people > 1 and not recent.is_recent(self._request):
            asks = gettext(
                "Nothing has been ended: this needs a password that was entered lately. "
                '<a href="{}" target="_blank">Enter it in a new tab</a>, then send this once more.'
            )
            link = format_html(asks, recent.address())
            raise forms.ValidationError(link, code=AuthenticationTooOld.default_code)
        return data


class MomentForm(forms.Form):
    """Everything that was started before; of one flow, or of all."""

    moment = forms.DateTimeField(
        label=_("Started before"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
        input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"],
    )
    flow = forms.ChoiceField(label=_("Flow"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["flow"]
        choice.choices = [("", _("all flows")), *flows.choices()]

    def clean_moment(self) -> datetime:
        """Not in the future: who signs in meanwhile is not chased."""
        moment: datetime = self.cleaned_data["moment"]
        if moment > timezone.now():
            raise forms.ValidationError(_("This is in the future."))
        return moment


def address(asked: dict[str, str]) -> str:
    """The page that asks whether all that matches is to be ended."""
    return f"{reverse('admin:accounts_ending_begin')}?{urlencode(asked)}"


def offered(listed: PagedChangeList) -> str | None:
    """The same for what this list shows; None if all of it has ended."""
    page = listed.page
    is_open = any(login.ended_at is None for login in page.rows) or page.previous or page.next
    return address(listed.asked) if listed.asked is not None and is_open else None


def confirm(admin: EndingAdmin, request: HttpRequest) -> HttpResponse | Ending:
    """The page that asks, or the act that has begun once it was answered."""
    try:
        search = Search.read(request.GET.dict())
    except BadSearch as bad:
        return _page(admin, request, "begin", status=400, errors=sorted(bad.errors.items()))
    # Whoever signs in from now on is not meant, whatever a link says.
    search = replace(search, at=min(search.at, timezone.now()))
    own = carried.login_id(request)
    spared = endings.spared(search, own)
    counted = endings.count(search, spared=spared)
    here = address(search.values())
    if request.method != "POST" and counted.people > 1 and (answer := recent.ask(request, back=here)):
        return answer
    form = ConfirmForm(request, search=search, counted=counted)
    is_answered = request.method == "POST" and form.is_valid()
    if is_answered and Ending.objects.filter(pk=form.cleaned_data["key"]).exists():
        return redirect("admin:accounts_ending_change", form.cleaned_data["key"])
    if is_answered and counted.logins:
        try:
            with transaction.atomic():
                return endings.begin(
                    search,
                    why=form.cleaned_data["why"],
                    by=request.user,  # type: ignore[arg-type]
                    spared=spared,
                    counted=counted,
                    key=form.cleaned_data["key"],
                    request=request,
                )
        except IntegrityError:
            return redirect("admin:accounts_ending_change", form.cleaned_data["key"])
    told = {
        "search": search,
        "counted": counted,
        "written": Written(number(counted.logins), number(counted.people)),
        "form": form,
        "here": here,
        "is_everything": not search.given(),
        "spares_own": spared is not None,
        "names_own": own is not None and search.login == own,
        "list_url": f"{reverse('admin:accounts_login_changelist')}?{_listed(search)}",
    }
    return _page(admin, request, "begin", status=400 if form.errors else 200, **told)


def _listed(search: Search) -> str:
    """The same search for the list."""
    return urlencode({name: text for name, text in search.values().items() if name != "at"})


def ask_moment(admin: EndingAdmin, request: HttpRequest) -> HttpResponse:
    """The page that asks before which moment, on the way to the one that asks whether that is meant."""
    if "moment" in request.GET:
        form = MomentForm(request.GET)
        if form.is_valid():
            search = Search(before=form.cleaned_data["moment"], flow=form.cleaned_data["flow"] or None)
            return redirect(address(search.values()))
    else:
        form = MomentForm(initial={"moment": timezone.now()})
    zone = timezone.get_current_timezone_name()
    return _page(admin, request, "before", status=400 if form.errors else 200, form=form, zone=zone)


def _page(
    admin: EndingAdmin, request: HttpRequest, name: str, *, status: int, **context: Any
) -> TemplateResponse:
    titles = {"begin": _("End everything that matches"), "before": _("End everything started before…")}
    known = {**admin.admin_site.each_context(request), "opts": admin.opts, "title": titles[name]}
    return TemplateResponse(request, f"admin/accounts/ending/{name}.html", known | context, status=status)
