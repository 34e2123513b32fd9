"""The addresses of the cookie flow; a project includes them at its root."""

from __future__ import annotations

from django.urls import path

from sessions_stateful import api, views

urlpatterns = [
    path("login/", views.LoginView.as_view(), name="login"),
    path("login/again/", views.AgainView.as_view(), name="login-again"),
    path("logout/", views.logout, name="logout"),
    path("api/session/", api.SessionView.as_view(), name="api-session"),
]
