"""For the admin's pages: acts that wait for somebody to go on."""

from __future__ import annotations

from typing import Any

from django import template

from accounts import endings

register = template.Library()
MOST = 10


@register.inclusion_tag("admin/accounts/ending/unfinished.html", takes_context=True)
def unfinished_endings(context: Any) -> dict[str, Any]:
    """The newest of them, for whoever may look at Logins; one statement."""
    request = context.get("request")
    if request is None or not request.user.has_perm("accounts.view_login"):
        return {}
    return {"unfinished": list(endings.unfinished()[:MOST])}
