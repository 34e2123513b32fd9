"""Sign in, ask, sign out."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.urls import path


@login_required
def hello(request: HttpRequest) -> HttpResponse:
    """Who asks."""
    return HttpResponse(f"hello {request.user}")


urlpatterns = [
    path("accounts/login/", LoginView.as_view()),
    path("accounts/logout/", LogoutView.as_view(next_page="/accounts/login/")),
    path("hello/", hello),
]
