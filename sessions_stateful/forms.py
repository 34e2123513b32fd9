"""The sign-in form, and the one that asks for the password again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import credentials, recent
from accounts.errors import InvalidCredentials
from accounts.forms import password_field

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser


class SignInForm(forms.Form):
    """Asks for an address and a password; `is_valid` raises TooManyAttempts, so that the door answers 429."""

    # Not an EmailField: what is no address is answered like one that nobody has.
    email = forms.CharField(
        label=_("Email address"),
        max_length=254,
        strip=False,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = password_field(_("Password"), autocomplete="current-password")
    remember = forms.BooleanField(label=_("Keep me signed in on this device"), required=False)

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.user: AbstractUser | None = None

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Verify the credentials once both are there."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "email" in data and "password" in data:
            try:
                self.user = credentials.verify(self.request, email=data["email"], password=data["password"])
            except InvalidCredentials as error:
                raise forms.ValidationError(error.default_detail, code=error.default_code) from None
        return data

    def get_user(self) -> AbstractUser | None:
        """The person who has signed in, once the form is valid."""
        return self.user


class AgainForm(forms.Form):
    """Asks whoever is signed in for their password; `is_valid` raises TooManyAttempts."""

    password = password_field(_("Password"), autocomplete="current-password")

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.fields["password"].widget.attrs["autofocus"] = True
        self.verified: AbstractUser | None = None

    @sensitive_variables()
    def clean_password(self) -> str:
        """The password that the person has now."""
        password: str = self.cleaned_data["password"]
        try:
            self.verified = recent.verify(self.request, self.request.user, password=password)
        except InvalidCredentials:
            raise forms.ValidationError(
                _("This is not your current password."), code="password_incorrect"
            ) from None
        return password
