"""The authentication backend that every door passes: the page, both APIs, the admin's form, any to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.backends import ModelBackend
from django.views.decorators.debug import sensitive_variables

from accounts import credentials

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser


class ThrottledBackend(ModelBackend):
    """Django's rights, our way of checking a password; raises TooManyAttempts, which no door swallows."""

    @sensitive_variables()
    def authenticate(  # type: ignore[override]
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> AbstractUser | None:
        """The person of this address (`username` or `email`) and password, or None."""
        email = kwargs.get("email") if username is None else username
        if not isinstance(email, str) or not isinstance(password, str):
            return None
        return credentials.check(request, email=email, password=password)
