"""The addresses of the token flow; a project includes them at its root."""

from __future__ import annotations

from django.urls import path

from tokens_stateless import jwks, oauth, views

urlpatterns = [
    path("api/token/", views.TokenView.as_view(), name="api-token"),
    path("api/token/cookie/", views.CookieView.as_view(), name="api-token-cookie"),
    path("api/token/refresh/", views.RefreshView.as_view(), name="api-token-refresh"),
    path("api/token/again/", views.AgainView.as_view(), name="api-token-again"),
    path("api/token/verify/", views.VerifyView.as_view(), name="api-token-verify"),
    path("api/token/revoke/", views.RevokeView.as_view(), name="api-token-revoke"),
    path("api/token/introspect/", oauth.IntrospectView.as_view(), name="api-token-introspect"),
    path("api/token/exchange/", oauth.ExchangeView.as_view(), name="api-token-exchange"),
    path("token/", views.client, name="token-client"),
    path(".well-known/jwks.json", jwks.jwks, name="jwks"),
    path(".well-known/oauth-authorization-server", oauth.metadata, name="oauth-metadata"),
]
