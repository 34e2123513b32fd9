"""Sign in, refresh, ask, sign out."""

from __future__ import annotations

from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenBlacklistView, TokenObtainPairView, TokenRefreshView


class HelloView(APIView):
    """Who asks."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """Their name."""
        return Response({"hello": str(request.user)})


urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/revoke/", TokenBlacklistView.as_view()),
    path("hello/", HelloView.as_view()),
]
