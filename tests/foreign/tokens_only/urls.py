"""The addresses of this project: the token flow, what accounts brings, and a view of its own."""

from __future__ import annotations

from django.urls import include, path

from tests.foreign.tokens_only import views

urlpatterns = [
    path("", include("tokens_stateless.urls")),
    path("", include("accounts.urls")),
    path("hello/", views.HelloView.as_view()),
]
