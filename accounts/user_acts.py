"""A person's page in the admin: where they are signed in, and the acts of an operator who must be quick."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts import (
    carried,
    fence,
    flows,
    links,
    logins,
    mail,
    receipt,
    receipt_admin,
    recent,
)
from accounts.login_admin import end_people, say_if_none
from accounts.logins import EndReason, Login
from accounts.models import Event
from accounts.search import Search
from accounts.strict_admin import StrictAdmin

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Of so many Logins of one person, those used last, it is told how many live, and so many of these are shown.
LOOK, SHOWN = 1_000, 20
SPARE = "spare"
ACTS = {
    "end_all": "end-all",
    "end_others": "end-others",
    "disable": "disable",
    "send_link": "send-link",
}


class SignedIn(NamedTuple):
    """The live Logins of a person: how many, of which flows (name, label, how many), and those used last.

    There may be more unless they are `all_looked_at`.
    """

    total: int
    by_flow: Sequence[tuple[str, StrOrPromise, int]]
    logins: Sequence[Login]
    all_looked_at: bool


def signed_in(person: Any) -> SignedIn:
    """Where somebody is signed in, in two statements that read 1,000 rows at most."""
    live, kinds = Search(state="live").condition(), flows.choices()
    theirs = Login._base_manager.filter(user_id=person.pk).order_by("-seen_at")
    looked = fence.over(Login, [theirs], limit=LOOK)
    each = {
        f"flow{number}": Count("pk", filter=live & Q(flow=name))
        for number, (name, _label) in enumerate(kinds)
    }
    told = looked.aggregate(looked=Count("pk"), live=Count("pk", filter=live), **each)
    counts = [(name, label, told[f"flow{number}"]) for number, (name, label) in enumerate(kinds)]
    return SignedIn(
        total=told["live"],
        by_flow=[one for one in counts if one[2]],
        logins=list(looked.filter(live).order_by("-seen_at", "-pk")[:SHOWN]),
        all_looked_at=told["looked"] < LOOK,
    )


class PersonActs(StrictAdmin):
    """For the admin of a user model: what its pages tell of Logins, and the addresses of the acts.

    Each takes POST alone and wants a password that was entered lately. The Login that the operator works with
    is spared on their own page, too.
    """

    def has_end_permission(self, request: HttpRequest) -> bool:
        """The same right as in the list of Logins."""
        return request.user.has_perm("accounts.end_login")

    def get_urls(self) -> list[URLPattern]:
        """Django's, and one for each act."""
        about = f"{self.opts.app_label}_{self.opts.model_name}"
        acts = [
            path(
                f"<path:object_id>/{slug}/",
                self.admin_site.admin_view(self.act_view),
                {"act": act},
                name=f"{about}_{act}",
            )
            for act, slug in ACTS.items()
        ]
        return [*acts, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Django's, with where the person is signed in and what this operator may do about it."""
        if (person := context.get("original")) is not None:
            context |= self._told(request, person)
        return super().render_change_form(request, context, *args, **kwargs)

    def _told(self, request: HttpRequest, person: Any) -> dict[str, Any]:
        told: dict[str, Any] = {
            "acts": {act for act, may in self._may(request, person).items() if may},
            "act_urls": {act: self._url(act, person) for act in ACTS},
            "is_own_page": person == request.user,
            "own_login": carried.login_id(request),
            "spared": request.GET.getlist(SPARE),
        }
        if self._may_view(request, Login):
            told["signed_in"], told["looked"] = signed_in(person), LOOK
            told["logins_url"] = f"{reverse('admin:accounts_login_changelist')}?person={person.public_id}"
        if self._may_view(request, Event):
            told["events_url"] = f"{reverse('admin:accounts_event_changelist')}?q={person.public_id}"
        return told

    def _may_view(self, request: HttpRequest, model: Any) -> bool:
        found = self.admin_site._registry.get(model)
        return found is not None and found.has_view_permission(request)

    def _may(self, request: HttpRequest, person: Any) -> dict[str, bool]:
        ends, changes = self.has_end_permission(request), self.has_change_permission(request, person)
        return {
            "end_all": ends,
            "end_others": ends,
            "disable": changes and person != request.user,
            "send_link": changes,
        }

    def _url(self, page: str, person: Any) -> str:
        return reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}",
            args=[quote(person.pk)],
            current_app=self.admin_site.name,
        )

    @method_decorator(require_POST)
    def act_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """POST <id>/<act>/: do it, and go back to the page, which says how many processes know."""
        person = self.get_object(request, unquote(object_id))
        if person is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        may = self.has_view_or_change_permission(request, person) and self._may(request, person)[act]
        if not may:
            raise PermissionDenied
        spared, page = _to_spare(request), self._url("change", person)
        # Whoever is asked for the password finds the same boxes checked when they are back.
        back = f"{page}?{urlencode({SPARE: spared}, doseq=True)}" if spared else page
        if answer := recent.ask(request, back=back):
            return answer
        with receipt.wanted() as mine, transaction.atomic():
            getattr(self, f"_{act}")(request, person, spared)
        if mine.ended:
            receipt_admin.tell(request, mine)
        return redirect(page)

    def _end_all(self, request: HttpRequest, person: Any, _spared: Sequence[UUID]) -> None:
        say_if_none(self, request, end_people(self, request, [person]))

    def _end_others(self, request: HttpRequest, person: Any, spared: Sequence[UUID]) -> None:
        if not spared:
            text = _("Nothing was ended: check the logins that are to be spared.")
            self.message_user(request, text, messages.WARNING)
            return
        own = carried.login_id(request)
        count = logins.end_all(
            person,
            reason=EndReason.REVOKED_BY_OPERATOR,
            by=request.user,  # type: ignore[arg-type]
            keep=[*spared, own] if own else spared,
            request=request,
        )
        self.log_change(request, person, f"All logins but {len(spared)} ended by an operator.")
        say_if_none(self, request, count)

    def _disable(self, request: HttpRequest, person: Any, _spared: Sequence[UUID]) -> None:
        if not person.is_active:
            text = _("Nothing to do: %(person)s is disabled already, and can sign in nowhere.")
            self.message_user(request, text % {"person": person}, messages.WARNING)
            return
        # First, so that their Logins say who it was; the person's row is locked by it until all is done.
        logins.end_all(
            person,
            reason=EndReason.ACCOUNT_DISABLED,
            by=request.user,  # type: ignore[arg-type]
            request=request,
        )
        person.is_active = False
        person.save(update_fields=["is_active"])
        self.log_change(request, person, "Disabled by an operator, all logins ended.")
        text = _("Disabled: %(person)s can sign in nowhere.")
        self.message_user(request, text % {"person": person}, messages.SUCCESS)

    def _send_link(self, request: HttpRequest, person: Any, _spared: Sequence[UUID]) -> None:
        if not person.is_active:
            text = _("Nothing was sent: nobody who is disabled can set a password.")
            self.message_user(request, text, messages.WARNING)
            return
        mail.send_later(partial(links.mail_reset, person.email))
        self.log_change(request, person, "A link for a new password was sent.")
        self.message_user(request, _("The link is on its way."), messages.SUCCESS)


def _to_spare(request: HttpRequest) -> list[UUID]:
    try:
        return [UUID(text) for text in request.POST.getlist(SPARE)]
    except ValueError:
        raise BadRequest("what is to be spared is no login") from None
