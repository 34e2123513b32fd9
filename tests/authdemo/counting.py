"""A site on which each visitor counts in its session: what was counted must not go back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from authdemo import urls
from authdemo.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500"]


def counted(request: HttpRequest, name: str = "", value: int = 0) -> HttpResponse:
    """What this session holds, with `name` at `value` from now on; 401 for nobody."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    if name:
        request.session[name] = value
    return JsonResponse({name: value for name, value in request.session.items() if name.startswith("count")})


urlpatterns = [
    path("counted/", counted),
    path("counted/<str:name>/<int:value>/", counted),
    *urls.urlpatterns,
]
