"""The project's own page: what this is, and both flows side by side."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts import carried, device, events, strict_json
from authdemo import conf
from authdemo.demo import PASSWORD, PEOPLE


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """GET /; the demo people are named only where they can exist. Telling who is here costs no statement."""
    shown: dict[str, Any] = {"demo_people": PEOPLE, "demo_password": PASSWORD} if settings.DEBUG else {}
    shown["lab"] = conf.lab().is_on
    if request.user.is_authenticated:
        shown |= {"carried": carried.get(request), "device": device.name(request)}
    return render(request, "authdemo/home.html", shown)


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """POST /csp-report/: what a browser says that a page of ours tried and the policy refused (CSP level 3).

    Exempt from CSRF, because browsers send it on their own; it changes nothing, and little of it is logged.
    """
    try:
        said = strict_json.loads(request.body)["csp-report"]
        refused = {
            name: str(said[name])[:200] for name in ("document-uri", "effective-directive", "blocked-uri")
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        return HttpResponseBadRequest()
    events.note("csp_violation", request=request, **refused)
    return HttpResponse(status=204)
