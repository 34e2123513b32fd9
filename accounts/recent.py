"""How recently somebody has proved who they are: before a dangerous act the password is asked for again.

A session is sent to a page for it, and comes back with the same Login under a new key. Whoever else asks is
told in the words of RFC 9470, and steps up at the door of their flow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.permissions import BasePermission

from accounts import carried, conf, credentials
from accounts.errors import AuthenticationTooOld, InvalidCredentials

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from accounts.models import AbstractUser

View = TypeVar("View", bound=Callable[..., Any])
# Says to the page that asks for the password that it has interrupted somebody.
UNDONE = "undone"


def is_recent(request: HttpRequest, *, within: timedelta | None = None) -> bool:
    """Whether the person gave their password within this time (`recent_lifetime`); False for nobody.

    Costs nothing once `request.user` was resolved.
    """
    held = carried.get(request)
    return held is not None and timezone.now() - held.authenticated_at <= _limit(within)


def _limit(within: timedelta | None) -> timedelta:
    return conf.current().recent_lifetime if within is None else within


def ask(
    request: HttpRequest, *, within: timedelta | None = None, back: str | None = None
) -> HttpResponseRedirect | None:
    """Where to send somebody before they may go on, or None when they may; for the middle of a view.

    A session is sent to the page that asks for the password, and from there `back`: by default to what was
    asked for, where that is safe to repeat (GET, HEAD), else to LOGIN_REDIRECT_URL. What a form has sent is
    not kept, it may be a secret: the page says that nothing was done, and what to do next. Raises
    AuthenticationTooOld for what is no session.
    """
    safe = request.method in ("GET", "HEAD")
    then = back or (request.get_full_path() if safe else resolve_url(settings.LOGIN_REDIRECT_URL))
    if not request.user.is_authenticated:
        return redirect_to_login(then)
    if is_recent(request, within=within):
        return None
    held = carried.get(request)
    if held is None or held.flow != "session":
        raise AuthenticationTooOld(_limit(within))
    return HttpResponseRedirect(address(then, undone=not safe))


def address(then: str | None = None, *, undone: bool = False) -> str:
    """The page that asks for the password, which then leads to `then`; else it says to go back."""
    query = {**({"next": then} if then else {}), **({UNDONE: "1"} if undone else {})}
    return f"{reverse('login-again')}{'?' if query else ''}{urlencode(query)}"


@overload
def required(view: View) -> View: ...
@overload
def required(*, within: timedelta | None = ..., back: str | None = ...) -> Callable[[View], View]: ...


def required(view: Any = None, *, within: timedelta | None = None, back: str | None = None) -> Any:
    """Decorate a view of Django's, sync or async: it is not reached with an older proof (see `ask`).

    `back` is an address or the name of one, for views that only take POST. Includes `login_required`.
    """

    def decorate(view: View) -> View:
        def asked(request: HttpRequest) -> HttpResponseRedirect | None:
            return ask(request, within=within, back=resolve_url(back) if back else None)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return asked(request) or view(request, *args, **kwargs)

        @wraps(view)
        async def awaited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            # From here on `request.user` is known, and asking costs no I/O.
            await request.auser()
            return asked(request) or await view(request, *args, **kwargs)

        return cast(View, awaited if iscoroutinefunction(view) else checked)

    return decorate if view is None else decorate(view)


class RecentMixin:
    """For a class-based view of Django's, before its other parents; as `required`, for all its methods."""

    recent_within: timedelta | None = None
    recent_back: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask first."""
        handle: Callable[..., HttpResponseBase] = super().dispatch  # type: ignore[misc]
        gate = required(within=self.recent_within, back=self.recent_back)
        if not getattr(self, "view_is_async", False):
            return gate(handle)(request, *args, **kwargs)

        async def later(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return await handle(request, *args, **kwargs)  # type: ignore[misc]

        return gate(later)(request, *args, **kwargs)


class IsRecent(BasePermission):
    """For DRF, either flow: 401 with RFC 9470's challenge for an older proof. A subclass may set `within`."""

    within: timedelta | None = None

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False for nobody; raises AuthenticationTooOld."""
        if not request.user.is_authenticated:
            return False
        if not is_recent(request._request, within=self.within):
            by: Any = request.successful_authenticator
            raise AuthenticationTooOld(
                _limit(self.within), challenge=by.authenticate_header(request) if by else None
            )
        return True


class RecentForm(ModelForm):  # type: ignore[type-arg]
    """For a form of a model whose `dangerous` fields nobody changes with an older proof; None for all fields.

    It is shown again with all that was typed, and leads to the page in another tab. `request` is set on the
    subclass, as the admin does it (see `accounts.strict_admin.StrictAdmin.get_form`).
    """

    request: HttpRequest
    dangerous: frozenset[str] | None = None

    def clean(self) -> dict[str, Any] | None:
        """Refuse to save, if it comes to that."""
        data = super().clean()
        changed = set(self.changed_data)
        if (changed if self.dangerous is None else changed & self.dangerous) and not is_recent(self.request):
            asks = _(
                "Not saved yet: this needs a password that was entered lately. "
                '<a href="{}" target="_blank">Enter it in a new tab</a>, then save here once more.'
            )
            link = format_html(asks, address())
            raise ValidationError(link, code=AuthenticationTooOld.default_code)
        return data


@sensitive_variables()
def verify(request: HttpRequest, user: Any, *, password: str) -> AbstractUser:
    """The person who is signed in already, who has now given their password again; a door like any other.

    Raises InvalidCredentials or TooManyAttempts.
    """
    verified = credentials.verify(request, email=user.email, password=password)
    if verified.pk != user.pk:
        # The address has changed hands since.
        raise InvalidCredentials
    return verified
