"""Acts that end many Logins, in the admin: all of them, how far each is, and the buttons that move it.

The browser of whoever looks does the work, a step after the other; whoever closes it interrupts the act, and
anybody with the right takes it up again, here or on the command line.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import ending_begin, endings
from accounts.ending_begin import number
from accounts.endings import Ending
from accounts.receipt_admin import WAIT_SECONDS
from accounts.search import BadSearch
from accounts.strict_admin import ReadOnlyAdmin

# A script asks for a step again and again; without one, a click is to be worth its while.
STEP_SECONDS, CLICK_SECONDS = 0.5, 2.0
# In the session of whoever has just confirmed: their next page begins by itself.
BEGUN = "_ending"


@admin.register(Ending)
class EndingAdmin(ReadOnlyAdmin):
    """Who has ended many Logins at once, which, why, and how far it is."""

    list_display = ("begun_at", "begun_by", "words", "why", "progress", "state")
    list_display_links = ("begun_at", "words")
    list_select_related = ("by",)
    list_per_page = 50
    acts_are_events = True
    fields = ("words", "why", ("begun_by", "begun_at"), "counted", "spared_login", "state")

    def has_view_permission(self, request: HttpRequest, obj: Ending | None = None) -> bool:
        """Whoever may look at Logins."""
        return request.user.has_perm("accounts.view_login")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As above."""
        return self.has_view_permission(request)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """The same right as for one Login."""
        return self.has_view_permission(request) and request.user.has_perm("accounts.end_login")

    def get_urls(self) -> list[URLPattern]:
        """Django's, and those of the buttons."""
        name, of = "accounts_ending_{}", self.admin_site.admin_view
        return [
            path("begin/", of(self.begin), name=name.format("begin")),
            path("before/", of(self.before), name=name.format("before")),
            # Its steps are transactions of their own.
            path(
                "<uuid:key>/go-on/",
                transaction.non_atomic_requests(of(self.work)),
                name=name.format("go_on"),
            ),
            path("<uuid:key>/stop/", of(self.stop), name=name.format("stop")),
            path("<uuid:key>/drop/", of(self.drop), name=name.format("drop")),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Django's, with how far it is, what may be done, and in the end the receipt."""
        ending: Ending = context["original"]
        tally = ending.receipt.wait(WAIT_SECONDS) if ending.is_over and ending.ended else None
        told = {
            "ending": ending,
            "progress": self.progress(ending),
            "may_end": self.has_end_permission(request),
            "begins": request.session.pop(BEGUN, None) == str(ending.pk),
            "tally": tally,
            "receipt_url": reverse("api-receipt", args=[ending.receipt.token]) if tally else None,
            "title": _("Ending of many logins"),
            "subtitle": None,
        }
        return super().render_change_form(request, context | told, *args, **kwargs)

    def begin(self, request: HttpRequest) -> HttpResponse:
        """Ask whether everything that matches is to be ended, and begin."""
        self._must(request)
        answer = ending_begin.confirm(self, request)
        if isinstance(answer, Ending):
            self.log_change(request, answer, f"Begun: {answer.logins} logins of {answer.people} people.")
            request.session[BEGUN] = str(answer.pk)
            return self._page(answer)
        return answer

    def before(self, request: HttpRequest) -> HttpResponse:
        """Ask for the moment before which everything is to be ended."""
        self._must(request)
        return ending_begin.ask_moment(self, request)

    @method_decorator(require_POST)
    def work(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Some steps; whoever has clicked has it taken up first, and is told on the page."""
        ending = self._given(request, key)
        is_click = "go on" in request.POST
        is_script = request.headers.get("Accept") == "application/json"
        if is_click and ending.is_abandoned:
            ending = endings.take_up(ending, by=request.user, request=request)  # type: ignore[arg-type]
            self.log_change(request, ending, f"Taken up, after {ending.ended} logins.")
        was_over = ending.is_over
        ending = endings.work(ending, seconds=STEP_SECONDS if is_script else CLICK_SECONDS, request=request)
        if ending.is_over and not was_over:
            self.log_change(request, ending, f"Finished: {ending.ended} logins were ended.")
        if not is_script:
            return self._page(ending)
        return JsonResponse({"share": ending.share, "text": self.progress(ending), "goes_on": ending.goes_on})

    @method_decorator(require_POST)
    def stop(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Have everybody stop."""
        before = self._given(request, key)
        ending = endings.stop(before, by=request.user, request=request)  # type: ignore[arg-type]
        if ending.stopped_at is not None and before.stopped_at is None:
            self.log_change(request, ending, f"Stopped, after {ending.ended} logins.")
        return self._page(ending)

    @method_decorator(require_POST)
    def drop(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Leave the rest alone."""
        before = self._given(request, key)
        ending = endings.drop(before, by=request.user, request=request)  # type: ignore[arg-type]
        if ending.dropped_at is not None and before.dropped_at is None:
            self.log_change(request, ending, f"The rest was left alone, after {ending.ended} logins.")
            self.message_user(request, _("The rest is left alone."), messages.SUCCESS)
        return self._page(ending)

    def _must(self, request: HttpRequest) -> None:
        if not self.has_end_permission(request):
            raise PermissionDenied

    def _given(self, request: HttpRequest, key: UUID) -> Ending:
        self._must(request)
        return get_object_or_404(Ending, pk=key)

    def _page(self, ending: Ending) -> HttpResponse:
        return redirect("admin:accounts_ending_change", ending.pk)

    @admin.display(description=_("begun by"))
    def begun_by(self, ending: Ending) -> str:
        """Who it was; the command line is nobody."""
        return str(ending.by or ending.by_uuid or _("the command line"))

    @admin.display(description=_("what was looked for"))
    def words(self, ending: Ending) -> str:
        """In words; as it was written down where the words have gone, with a flow, say."""
        try:
            return ending.wanted.words()
        except BadSearch:
            return ", ".join(f"{name}: {text}" for name, text in sorted(ending.search.items()))

    @admin.display(description=_("confirmed"))
    def counted(self, ending: Ending) -> str:
        """What the confirmation said."""
        numbers = {"logins": number(ending.logins), "people": number(ending.people)}
        return str(_("logins: %(logins)s, people: %(people)s") % numbers)

    @admin.display(description=_("spared"))
    def spared_login(self, ending: Ending) -> str:
        """The Login of whoever began it."""
        if ending.spared is None:
            return "-"
        url = reverse("admin:accounts_login_change", args=[ending.spared])
        return format_html('<a href="{}">{}</a>', url, ending.spared)

    @admin.display(description=_("ended"))
    def progress(self, ending: Ending) -> str:
        """How many of how many."""
        numbers = {"ended": number(ending.ended), "logins": number(ending.logins)}
        if ending.finished_at is not None:
            return ngettext("%(ended)s login ended", "%(ended)s logins ended", ending.ended) % numbers
        text = ngettext(
            "%(ended)s of about %(logins)s login ended",
            "%(ended)s of about %(logins)s logins ended",
            ending.logins,
        )
        return text % numbers

    @admin.display(description=_("state"))
    def state(self, ending: Ending) -> str:
        """Where it stands."""
        if ending.finished_at is not None:
            return str(_("finished"))
        if ending.dropped_at is not None:
            return str(_("the rest was left alone"))
        if ending.stopped_at is not None:
            return str(_("stopped"))
        return str(_("unfinished; nobody works on it") if ending.is_abandoned else _("at work"))
