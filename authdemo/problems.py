"""How an error looks, on the wire (RFC 9457) and on a page. Nothing else in the project decides that.

Whoever refuses raises, or returns an `Unrendered`; `ProblemMiddleware`, outermost, gives it its look.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from csp.utils import build_policy
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.template.context_processors import csrf
from django.template.loader import get_template
from django.utils.cache import patch_vary_headers
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException
from rest_framework.views import set_rollback

from accounts import events, present
from accounts.logs import request_id
from authdemo.codes import Problem, describe, of_status

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

logger = logging.getLogger(__name__)

API_PREFIXES = ("/api/", "/.well-known/")
# Here errors are OAuth's, whoever refuses: a view, a parser or a middleware before any view is known.
OAUTH_PREFIXES = ("/api/token/introspect/", "/api/token/revoke/", "/api/token/exchange/")
CONTENT_TYPE = "application/problem+json"
CHALLENGE = "Bearer"
REFUSAL = "authdemo.refusal"
# Other statuses borrow the page of a relative, and bring their own title and detail.
PAGES = {status: f"{status}.html" for status in (400, 403, 404, 429, 500, 503)}


class Unrendered(HttpResponse):
    """An error that has its status and headers, and waits for its look."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(status=problem.status, headers=problem.headers)
        self.problem = problem


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER: a problem for what is foreseen, None (then 500) for the rest.

    Not a DRF Response: an error keeps its shape whatever the view renders, be it YAML or a page.
    """
    problem = describe(exc)
    if problem is None:
        return None
    challenge = context["view"].get_authenticate_header(context["request"])
    if problem.status == 401 and challenge:
        problem.headers.setdefault("WWW-Authenticate", challenge)
    if problem.code == "permission_denied":
        _note_refusal(context["request"])
    set_rollback()
    return _document(context["request"], problem)


class ProblemMiddleware:
    """Outermost: refuses bodies that are too long, and gives every error its look. Sync and async.

    Under DEBUG Django's own pages for 400 and 500 stay, for developers; not on the API, and not where
    somebody refused.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        return self._later(request, response) if isawaitable(response) else _finish(request, response)

    async def _later(self, request: HttpRequest, coming: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        response = await coming
        if _problem_of(request, response) is None:
            return response
        # In the thread of the request: a page asks who is here, and that may ask the database.
        return await sync_to_async(_finish, thread_sensitive=True)(request, response)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Refuse a NUL in the address; a body over DATA_UPLOAD_MAX_MEMORY_SIZE before anybody reads it."""
        try:
            _check_address(request)
            _check_body(request)
        except (RequestDataTooBig, BadRequest, UnreadablePostError) as exc:
            return _unrendered(exc)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """What a view raised outside DRF; the rest of Django's comes by the handlers, logged by Django."""
        if isinstance(exception, (OperationalError, InterfaceError)):
            logger.warning("the database could not answer: %s", type(exception).__name__)
            return _unrendered(exception)
        foreseen = isinstance(exception, (APIException, Http404, RequestDataTooBig))
        return _unrendered(exception) if foreseen else None


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for SuspiciousOperation and its kin; 413 where the body is too long."""
    return _unrendered(exception) or Unrendered(of_status(400))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for PermissionDenied."""
    _note_refusal(request)
    return Unrendered(of_status(403))


def _note_refusal(request: HttpRequest) -> None:
    route = getattr(request.resolver_match, "route", None)
    events.note("authz_fail", request=request, user=present.actor(), method=request.method, route=route)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for Http404."""
    return Unrendered(of_status(404))


def handler500(request: HttpRequest) -> HttpResponse:
    """Django's handler for what nobody foresaw; the trace goes to the log only."""
    return Unrendered(of_status(500))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW, also called by the check of Fetch Metadata. The reason is for the log."""
    # The route and not the path, which may hold the token of a link.
    route = getattr(request.resolver_match, "route", None)
    events.note("csrf_fail", request=request, reason=reason, route=route)
    detail = _("Nothing proves that this came from this site. Reload the page and try again.")
    return Unrendered(Problem(status=403, code="csrf_failed", detail=detail))


@receiver(got_request_exception)
def _remember_refusal(request: HttpRequest | None = None, **_signal: object) -> None:
    # An AuthError from a middleware is unforeseen to Django, and so is a database that is away when a session
    # is saved: it calls handler500, under DEBUG not even that. Only this signal always sees which error it
    # was.
    exc = sys.exc_info()[1]
    if request is not None and isinstance(exc, (APIException, OperationalError, InterfaceError)):
        request.META[REFUSAL] = describe(exc)


def _check_address(request: HttpRequest) -> None:
    # No text of ours holds a NUL, and PostgreSQL fails where it is asked for one.
    if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        raise BadRequest


def _check_body(request: HttpRequest) -> None:
    length = request.META.get("CONTENT_LENGTH")
    if length:
        if not (length.isascii() and length.isdecimal()):
            raise BadRequest
        # Python itself refuses to read a number of some thousand digits.
        if len(length) > 18 or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
    elif request.method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
        # Chunked, which only ASGI hands on: Django measures what the server has spooled before reading it.
        _ = request.body


def _unrendered(exc: Exception) -> Unrendered | None:
    problem = describe(exc)
    return Unrendered(problem) if problem else None


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(API_PREFIXES)


def _wants_json(request: HttpRequest) -> bool:
    preferred = request.get_preferred_type(["text/html", CONTENT_TYPE, "application/json"])
    return preferred not in (None, "text/html")


def _problem_of(request: HttpRequest, response: HttpResponseBase) -> Problem | None:
    """What to show in place of the content of `response`; None when it is to stay as it is."""
    refusal: Problem | None = request.META.get(REFUSAL)
    if refusal:
        return refusal
    if isinstance(response, Unrendered):
        return response.problem
    if not isinstance(response, HttpResponse) or response.status_code < 400:
        return None
    if _is_api(request):
        foreign = "json" not in response.headers.get("Content-Type", "")
    else:
        # Without content: Django's own 405. The other: its list of routes for an address that leads nowhere.
        unresolved = settings.DEBUG and response.status_code == 404 and request.resolver_match is None
        foreign = unresolved or not response.content
    return of_status(response.status_code) if foreign else None


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    problem = _problem_of(request, response)
    if problem is None or not isinstance(response, HttpResponse):
        return response
    as_document = _is_api(request) or _wants_json(request)
    look = _document(request, problem) if as_document else HttpResponse(_page(request, problem))
    response.status_code = problem.status
    response.content = look.content
    for name, value in {**problem.headers, **look.headers}.items():
        response.headers[name] = value
    if "Content-Length" in response.headers:
        response.headers["Content-Length"] = str(len(response.content))
    if not _is_api(request):
        patch_vary_headers(response, ["Accept", "Cookie"])
    # Under DEBUG django-csp lets Django's own pages of 404 and 500 pass without a policy; this one is ours.
    response.headers.setdefault("Content-Security-Policy", build_policy())
    return response


def _document(request: HttpRequest, problem: Problem) -> JsonResponse:
    if problem.status == 401:
        # RFC 9110, 15.5.2: every 401 names a challenge. It has no error attribute (RFC 6750, 3.1)
        # unless the exception brought one.
        problem.headers.setdefault("WWW-Authenticate", CHALLENGE)
    if request.path_info.startswith(OAUTH_PREFIXES):
        return _oauth(problem)
    # "about:blank": the status says what kind of problem it is, our `code` says which one.
    members = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    if request_id.get():
        members["request_id"] = request_id.get()
    if problem.errors is not None:
        members["errors"] = problem.errors
    return JsonResponse(members, status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def _oauth(problem: Problem) -> JsonResponse:
    """As RFC 6749 section 5.2 has it, with our own `code` and `errors` beside: they tell more."""
    described = str(problem.detail)
    if problem.errors:
        described = " ".join(f"{name}: {told[0]['code']}." for name, told in problem.errors.items())
    # Its descriptions are plain characters, neither a quote nor a backslash among them.
    described = described.replace('"', "'")
    described = re.sub(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]", "?", described)
    members: dict[str, Any] = {"error": problem.oauth_error, "error_description": described}
    members["code"] = problem.code
    if problem.errors is not None:
        members["errors"] = problem.errors
    return JsonResponse(members, status=problem.status, headers=problem.headers)


def _page(request: HttpRequest, problem: Problem) -> str:
    """The page of an error; it cannot fail. Who is here is asked below 500 only, and left out if unknown."""
    context: dict[str, Any] = {
        "retry_after": int(problem.headers.get("Retry-After", 0)),
        "request_id": request_id.get(),
    }
    name = "403_csrf.html" if problem.code == "csrf_failed" else PAGES.get(problem.status)
    if name is None:
        context |= {"title": problem.title, "detail": problem.detail}
        name = "500.html" if problem.status >= 500 else "400.html"
    # No context processors: they would show, but not clear, the messages that the next page is to show.
    known = {"request": request, "user": getattr(request, "user", None), **csrf(request)}
    page = _rendered(name, context | known) if problem.status < 500 else None
    return page or _rendered(name, context) or escape(f"{problem.title}. {problem.detail}")


def _rendered(name: str, context: dict[str, Any]) -> str | None:
    try:
        return get_template(name).render(context)
    except Exception:
        logger.exception("The page of an error could not be rendered: %s", name)
        return None
