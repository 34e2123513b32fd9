"""The forms of the account pages. Passwords are taken byte for byte: not stripped, not normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _

from accounts import credentials, events, people, recent
from accounts.errors import InvalidCredentials

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import AbstractUser


def password_field(label: Any, *, autocomplete: str, **options: Any) -> forms.CharField:
    """A masked field that password managers understand."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, widget=widget, max_length=4096, **options)


class AddressForm(forms.Form):
    """Asks for an email address."""

    email = forms.EmailField(
        label=_("Email address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )

    def clean_email(self) -> str:
        """The address as we store it."""
        email: str = self.cleaned_data["email"]
        if people.is_too_long(email):
            raise forms.ValidationError(_("This address is too long."), code="max_length")
        return people.normalize_email(email)


class NewPasswordForm(forms.Form):
    """Asks twice for a new password, which must not resemble the address of `user` (who may be unsaved)."""

    password = password_field(_("New password"), autocomplete="new-password")
    password_again = password_field(_("New password again"), autocomplete="new-password")

    def __init__(self, user: AbstractUser | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["password"].help_text = password_validation.password_validators_help_text_html()

    def clean_password(self) -> str:
        """A password that our validators accept."""
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password, self.user)  # type: ignore[arg-type]
        return password

    def clean_password_again(self) -> str:
        """The same once more."""
        again: str = self.cleaned_data["password_again"]
        if "password" in self.cleaned_data and self.cleaned_data["password"] != again:
            raise forms.ValidationError(_("The two passwords differ."), code="password_mismatch")
        return again

    def save(self) -> Any:
        """Give the person this password; all their Logins end. For Django's own reset view."""
        credentials.change_password(self.user, self.cleaned_data["password"])  # type: ignore[arg-type]
        return self.user


class ChangePasswordForm(NewPasswordForm):
    """Asks for the old password too; a wrong one counts like any other failed attempt."""

    old_password = password_field(_("Current password"), autocomplete="current-password")
    field_order = ("old_password", "password", "password_again")

    def __init__(self, request: HttpRequest, user: AbstractUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        """The password that the person has now; raises TooManyAttempts through the form."""
        old: str = self.cleaned_data["old_password"]
        try:
            recent.verify(self.request, self.user, password=old)
        except InvalidCredentials:
            user: Any = self.user
            events.note("authn_password_change_fail", request=self.request, user=user.public_id)
            raise forms.ValidationError(
                _("This is not your current password."), code="password_incorrect"
            ) from None
        return old
