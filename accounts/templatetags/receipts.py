"""For the admin's pages: what an operator waits for."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from accounts import receipt_admin

register = template.Library()


@register.inclusion_tag("accounts/receipt.html", takes_context=True)
def receipt(context: Any) -> dict[str, Any]:
    """Who knows of what was ended last; nothing where there is nothing to say."""
    request = context.get("request")
    kept = receipt_admin.kept(request) if request else None
    if kept is None:
        return {}
    mine, tally = kept
    return {"tally": tally, "url": reverse("api-receipt", args=[mine.token])}
