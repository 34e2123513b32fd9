"""The addresses of this project: Django's own doors, what accounts brings, and a view of its own."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from tests.foreign.sessions_only import views

urlpatterns = [
    path("enter/", LoginView.as_view()),
    path("leave/", LogoutView.as_view(next_page="/enter/")),
    path("hello/", views.hello),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
]
