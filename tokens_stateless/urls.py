"""The addresses of the token flow; a project includes them at its root."""

from __future__ import annotations

from django.urls import path

from tokens_stateless import views

urlpatterns = [
    path("api/token/", views.TokenView.as_view(), name="api-token"),
    path("api/token/refresh/", views.RefreshView.as_view(), name="api-token-refresh"),
    path("api/token/verify/", views.VerifyView.as_view(), name="api-token-verify"),
    path("api/token/revoke/", views.RevokeView.as_view(), name="api-token-revoke"),
    path("token/", views.client, name="token-client"),
    path(".well-known/jwks.json", views.jwks, name="jwks"),
]
