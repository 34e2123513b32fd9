"""What the cookie flow refuses besides what every flow does."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.errors import AuthError


class NextElsewhere(AuthError):
    """After signing in, `next` would lead to another site: nobody is signed in, and nobody is led away."""

    status_code = 400
    default_code = "bad_request"
    default_detail = _("The link leads to another site after signing in. Nothing was changed.")
