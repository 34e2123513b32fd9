"""The one view of this project."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse

from accounts import carried


def hello(request: HttpRequest) -> JsonResponse:
    """GET /hello/: who is here and through what, or 401."""
    user: Any = request.user
    held = carried.get(request) if user.is_authenticated else None
    if held is None:
        return JsonResponse({}, status=401)
    who = {"nickname": user.nickname, "is_staff": user.is_staff}
    return JsonResponse({**who, "flow": held.flow, "login": held.login_id})
