"""The pages about where you are signed in: the list, ending one or all others, and "that was not me"."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts import carried, mine, recent
from accounts.logins import Login
from accounts.views import NOT_ME


@require_safe
@login_required
def logins_page(request: HttpRequest) -> HttpResponse:
    """Where you are signed in, in both flows: this device first, the others by last use, then what has ended.

    The later pages go on with the others. What is used meanwhile moves up to the first page, where it is
    seen next time.
    """
    current, user = carried.login_id(request), request.user
    before = mine.Position.read(request.GET.get("before", ""))
    others, rest = mine.page(mine.own(user).usable().exclude(pk=current), by="seen_at", before=before)
    this = [] if before else list(mine.own(user).filter(pk=current))
    context = {
        "entries": mine.entries([*this, *others], current=current),
        "ended": None if before else mine.entries(mine.ended_lately(user), current=current),
        "ended_days": mine.LATELY.days,
        "alone": not (before or others),
        "later": before is not None,
        "page_next": f"{reverse('logins')}?before={rest}" if rest else None,
    }
    return render(request, "accounts/logins.html", context)


def _find(request: HttpRequest, sid: UUID) -> Login:
    login = mine.own(request.user).filter(pk=sid).first()
    if login is None:
        raise Http404
    return login


@require_POST
@login_required
def login_end(request: HttpRequest, sid: UUID) -> HttpResponse:
    """End one of your own Logins; of somebody else's you learn nothing."""
    mine.end(request, request.user, _find(request, sid))
    messages.success(request, _("That sign-in has ended."))
    return redirect("logins")


@require_POST
@transaction.non_atomic_requests
@recent.required(back="logins")
def logins_end_others(request: HttpRequest) -> HttpResponse:
    """End all your Logins but this one, if you gave your password lately."""
    count = mine.end_others(request, request.user)
    text = ngettext("%(count)d other sign-in has ended.", "%(count)d other sign-ins have ended.", count)
    messages.success(request, text % {"count": count})
    return redirect("logins")


@require_POST
@transaction.non_atomic_requests
@login_required
def login_not_me(request: HttpRequest, sid: UUID) -> HttpResponse:
    """That was not me: end it at once, then lead to a new password, with which all others end."""
    mine.disown(request, request.user, _find(request, sid))
    messages.success(request, _("That sign-in has ended."))
    return redirect(f"{reverse('password-change')}?{NOT_ME}")


@require_POST
@transaction.non_atomic_requests
@login_required
def leave_everywhere(request: HttpRequest) -> HttpResponse:
    """For whoever cannot change the password here: sign out everywhere, here too, and have a link mailed."""
    user: Any = request.user
    _count, mailed = mine.leave_everywhere(request, user)
    if mailed:
        messages.success(request, _("You are signed out everywhere. Now look into your mail."))
        return redirect("password-reset-sent")
    text = _("You are signed out everywhere. Too many links were asked for: wait, then ask for one here.")
    messages.warning(request, text)
    return redirect("password-reset")
