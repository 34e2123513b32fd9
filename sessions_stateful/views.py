"""The doors of the cookie flow for people: sign in, give the password again, sign out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST
from django.views.generic import FormView

from accounts import recent
from accounts.errors import TooManyLogins
from sessions_stateful import issue
from sessions_stateful.errors import NextElsewhere
from sessions_stateful.forms import AgainForm, SignInForm

# What a browser should forget at sign-out (W3C Clear-Site-Data); over plain http browsers ignore it.
FORGET = '"cache", "cookies", "storage"'


def next_stays_here(door: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorator for a sign-in view: `next` to another site is refused (400), and nobody is signed in.

    Django would sign in and go to its default page. Whoever wrote such a link meant to lead people away.
    """

    @wraps(door)
    @sensitive_variables("asked")
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        hosts, secure = {request.get_host()}, request.is_secure()
        for asked in (request.GET, request.POST):
            for url in filter(None, asked.getlist(REDIRECT_FIELD_NAME)):
                if not url_has_allowed_host_and_scheme(url, allowed_hosts=hosts, require_https=secure):
                    raise NextElsewhere
        return door(request, *args, **kwargs)

    return checked


# What a refusal writes must stay; a transaction around the request would take it back.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
@method_decorator(next_stays_here, name="dispatch")
class LoginView(auth_views.LoginView):
    """GET and POST /login/: Django's view with our form; `next` leads only to this site."""

    # Django's takes PUT for POST.
    http_method_names = ["get", "head", "options", "post"]
    template_name = "sessions_stateful/login.html"
    authentication_form = SignInForm  # type: ignore[assignment]

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign in and go on; the form again (409) for whoever is signed in in too many places."""
        try:
            issue.sign_in(self.request, form.get_user(), remember=form.cleaned_data["remember"])
        except TooManyLogins as error:
            form.add_error(None, ValidationError(error.detail, code=error.default_code))
            return self.render_to_response(self.get_context_data(form=form), status=error.status_code)
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again, with what was typed except the password."""
        return self.render_to_response(self.get_context_data(form=form), status=400)


@method_decorator(transaction.non_atomic_requests, name="dispatch")
@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(csrf_protect, name="dispatch")
@method_decorator(never_cache, name="dispatch")
@method_decorator(next_stays_here, name="dispatch")
@method_decorator(login_required, name="dispatch")
class AgainView(FormView):  # type: ignore[type-arg]
    """GET and POST /login/again/: asks whoever is signed in for their password before a dangerous act."""

    http_method_names = ["get", "head", "options", "post"]
    template_name = "sessions_stateful/again.html"
    form_class = AgainForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form looks at the password of whoever asks."""
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """`then`: where it leads; `undone`: whether somebody was interrupted."""
        asked: dict[str, Any] = {"then": self._then(), "undone": self._undone()}
        return super().get_context_data(**kwargs) | asked

    def form_valid(self, form: AgainForm) -> HttpResponse:
        """Step up, and go on."""
        assert form.verified is not None  # noqa: S101 - a valid form has verified somebody
        issue.step_up(self.request, form.verified)
        if self._undone() or not self._then():
            messages.success(self.request, _("Thank you. Now do once more what you were about to do."))
        return HttpResponseRedirect(self._then() or resolve_url(settings.LOGIN_REDIRECT_URL))

    def form_invalid(self, form: AgainForm) -> HttpResponse:
        """The form again."""
        return self.render_to_response(self.get_context_data(form=form), status=400)

    def _then(self) -> str:
        return self._asked(REDIRECT_FIELD_NAME)

    def _undone(self) -> bool:
        return bool(self._asked(recent.UNDONE))

    def _asked(self, name: str) -> str:
        return self.request.POST.get(name) or self.request.GET.get(name, "")


@require_POST
@transaction.non_atomic_requests
def logout(request: HttpRequest) -> HttpResponse:
    """POST /logout/: end the Login, kill the session, clear the cookie."""
    auth.logout(request)
    response = redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or settings.LOGIN_URL))
    response["Clear-Site-Data"] = FORGET
    return response
