"""Django's CommonMiddleware, with one difference: an address without its slash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.middleware import common

if TYPE_CHECKING:
    from django.http import HttpRequest


class CommonMiddleware(common.CommonMiddleware):
    """Sends readers on to the address with a slash, and nobody else.

    A 301 would turn a POST into a GET and lose its body, and under DEBUG Django raises instead: a 500 for
    what is no more than an address that does not exist (404).
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """True for GET and HEAD where only the slash is missing."""
        return request.method in ("GET", "HEAD") and super().should_redirect_with_slash(request)
