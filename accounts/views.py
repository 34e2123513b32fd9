"""The account pages: sign-up, passwords, and where you are logged in."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, logout, update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import carried, conf, credentials, device, links, mail, people, throttle
from accounts.forms import AddressForm, ChangePasswordForm, NewPasswordForm

CHOOSE = "choose"
# Says to the page for a new password that somebody has just said "that was not me".
NOT_ME = "not-me"
SIGNING_UP = "_signing_up"


def _mail(request: HttpRequest, form: AddressForm, job: Any) -> None:
    """Send a link behind the request: known and unknown addresses get the same answer in the same time."""
    email: str = form.cleaned_data["email"]
    throttle.reserve(account=people.email_key(email), address=device.address(request), purpose="link")
    mail.send_later(partial(job, email))


@never_cache
@require_http_methods(["GET", "POST"])
@transaction.non_atomic_requests
def signup(request: HttpRequest) -> HttpResponse:
    """Ask for an address and mail a link to it; nobody learns whether it has an account."""
    form = AddressForm(request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            _mail(request, form, links.mail_signup)
            return redirect("signup-sent")
        return render(request, "accounts/signup.html", {"form": form}, status=400)
    return render(request, "accounts/signup.html", {"form": form})


@require_safe
def signup_sent(request: HttpRequest) -> HttpResponse:
    """The same words whoever asked."""
    return render(request, "accounts/signup_sent.html", {"mail_on_console": conf.current().mail_on_console})


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def signup_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Let whoever reads the mail of an address choose a password; the account is made now, and not before."""
    if token != CHOOSE:
        # The token leaves the address bar, and with it the history and the Referer.
        # What the session keeps instead cannot be used as a link by whoever reads the store.
        request.session[SIGNING_UP] = links.open_signup(token)
        answer = redirect("signup-confirm", CHOOSE)
        _tell_nobody(answer)
        return answer
    email = links.signing_up(request.session.get(SIGNING_UP))
    user = get_user_model()(email=email or "")
    form = NewPasswordForm(user, request.POST or None)
    if email and request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                get_user_model().objects.create_user(email, form.cleaned_data["password"])
        except IntegrityError:
            email = None
        else:
            del request.session[SIGNING_UP]
            messages.success(request, _("Your account is ready. Sign in."))
            return redirect(settings.LOGIN_URL)
    status = 200 if request.method != "POST" else 400
    context = {"form": form, "valid": email is not None, "email": email}
    return render(request, "accounts/signup_confirm.html", context, status=status)


def _tell_nobody(response: HttpResponseBase) -> None:
    """For the answer to a mailed link: whoever follows it tells its token to nobody else."""
    # Not for the page after it, whose address holds no token: under this policy browsers send `Origin: null`
    # with the form, and that is refused like any foreign origin.
    response["Referrer-Policy"] = "no-referrer"


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@transaction.non_atomic_requests
@login_required
def password_change(request: HttpRequest) -> HttpResponse:
    """Change the password; every other Login of the person ends, this one gets a new key.

    Asked for with `NOT_ME`, it speaks to somebody who has seen a stranger in their account.
    """
    user: Any = request.user
    form = ChangePasswordForm(request, user, request.POST or None)
    context = {"form": form, "email": user.email, "not_me": NOT_ME in request.GET}
    if request.method == "POST":
        if not form.is_valid():
            return render(request, "accounts/password_change.html", context, status=400)
        new = form.cleaned_data["password"]
        credentials.change_password(user, new, keep=carried.login_id(request), request=request)
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password was changed. Every other sign-in of yours has ended."))
        return redirect("logins")
    return render(request, "accounts/password_change.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@transaction.non_atomic_requests
def password_reset(request: HttpRequest) -> HttpResponse:
    """Ask for an address and mail a link to it; nobody learns whether it has an account."""
    form = AddressForm(request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            _mail(request, form, links.mail_reset)
            return redirect("password-reset-sent")
        return render(request, "accounts/password_reset.html", {"form": form}, status=400)
    return render(request, "accounts/password_reset.html", {"form": form})


@require_safe
def password_reset_sent(request: HttpRequest) -> HttpResponse:
    """The same words whoever asked."""
    return render(
        request, "accounts/password_reset_sent.html", {"mail_on_console": conf.current().mail_on_console}
    )


class PasswordResetConfirmView(auth_views.PasswordResetConfirmView):
    """Django's, with our link and form: works once, signs nobody in, and ends every Login of the person."""

    # Django's takes PUT for POST.
    http_method_names = ["get", "head", "options", "post"]
    template_name = "accounts/password_reset_confirm.html"
    form_class = NewPasswordForm  # type: ignore[assignment]
    token_generator = links.opened_resets
    reset_url_token = CHOOSE
    success_url = reverse_lazy("login")

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As Django's, but the session keeps no token: what it keeps cannot be used as a link."""
        if kwargs["token"] != CHOOSE and self.request.method in {"GET", "HEAD"}:
            return self._open(kwargs["uidb64"], kwargs["token"])
        response = super().dispatch(*args, **kwargs)
        if self.request.method not in {"GET", "HEAD"} and not self.validlink:
            response.status_code = 400
        return response

    def _open(self, uidb64: str, token: str) -> HttpResponse:
        user: Any = self.get_user(uidb64)
        good = user is not None and links.reset_tokens.check_token(user, token)
        opened = links.opened_resets.make_token(user, token) if good else ""
        self.request.session[auth_views.INTERNAL_RESET_SESSION_TOKEN] = opened
        answer = redirect("password-reset-confirm", uidb64, CHOOSE)
        _tell_nobody(answer)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """`valid`: whether the link can still be used."""
        context = super().get_context_data(**kwargs)
        user: Any = getattr(self, "user", None)
        return {**context, "valid": self.validlink, "email": user.email if user and self.validlink else None}

    def form_valid(self, form: Any) -> HttpResponse:
        """Say what has happened, also to whoever was signed in as this person in the same browser."""
        was_here = self.request.user == self.user
        response = super().form_valid(form)
        if was_here:
            # Their session was killed with all the others; this gives the answer a new one for the message.
            logout(self.request)
        messages.success(
            self.request, _("Your password was changed, and you are signed out everywhere. Sign in.")
        )
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again."""
        return self.render_to_response(self.get_context_data(form=form), status=400)
