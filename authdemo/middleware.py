"""Django's CommonMiddleware and LocaleMiddleware, each with one difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.middleware import common, locale
from django.utils import translation
from django.utils.cache import patch_vary_headers

from authdemo.problems import OAUTH_PREFIXES

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class CommonMiddleware(common.CommonMiddleware):
    """Sends readers on to the address with a slash, and nobody else.

    A 301 would turn a POST into a GET and lose its body, and under DEBUG Django raises instead: a 500 for
    what is no more than an address that does not exist (404).
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """True for GET and HEAD where only the slash is missing."""
        return request.method in ("GET", "HEAD") and super().should_redirect_with_slash(request)


class LocaleMiddleware(locale.LocaleMiddleware):
    """Answers in the language of the visitor's cookie, else of Accept-Language, and tells caches so.

    Django's says that an answer depends on Accept-Language, and forgets the cookie. What says
    `Cache-Control: public` is the same for everybody, in English where it has words. So is what OAuth's doors
    say: programs alone read it, and RFC 6749 gives it too few characters for other languages. Nothing that
    the thread does after the answer speaks its language.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Choose the language of this request."""
        if request.path_info.startswith(OAUTH_PREFIXES):
            translation.activate("en")
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Name the language of the answer, and what has decided on it."""
        if "public" not in response.headers.get("Cache-Control", ""):
            patch_vary_headers(response, ("Cookie",))
            response = super().process_response(request, response)
        translation.deactivate()
        return response
