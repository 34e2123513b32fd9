"""What a browser adds to a request by itself, and what that tells: where the request was caused (W3C Fetch
Metadata, Origin), and a cookie that somebody has planted beside ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.http import is_same_domain

if TYPE_CHECKING:
    from django.http import HttpRequest

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


def objection(request: HttpRequest) -> str | None:
    """Why another site must have caused this request, in words for the log; None when it may pass. No I/O."""
    site = request.headers.get("Sec-Fetch-Site")
    if request.method in SAFE_METHODS:
        # Following a link is "document". Whatever else browsers name, now or later, is part of another page.
        dest = request.headers.get("Sec-Fetch-Dest", "document")
        return f"cross-site use as {dest}" if site == "cross-site" and dest != "document" else None
    if site in ("same-origin", "none"):
        return None
    origin = request.headers.get("Origin")
    if site in ("cross-site", "same-site"):
        return None if origin and _trusted(origin) else f"{site} {request.method}"
    # An old browser, another program, or a value from the future.
    return None if origin is None or _own(request, origin) or _trusted(origin) else "foreign Origin"


def comes_twice(request: HttpRequest, cookie: str) -> bool:
    """Whether this cookie was sent more than once: then nobody can tell which one is ours."""
    header: str = request.META.get("HTTP_COOKIE", "")
    pairs = header.split(";")
    return sum(pair.partition("=")[0].strip() == cookie for pair in pairs) > 1


def _own(request: HttpRequest, origin: str) -> bool:
    return origin == f"{request.scheme}://{request.get_host()}"


def _trusted(origin: str) -> bool:
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        given = urlsplit(origin)
    except ValueError:
        return False
    patterns = (urlsplit(trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS if "*" in trusted)
    return any(
        given.scheme == pattern.scheme and is_same_domain(given.netloc, pattern.netloc.lstrip("*"))
        for pattern in patterns
    )
