"""Sign in, refresh, ask, sign out."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class HelloView(APIView):
    """Who asks."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """Their name."""
        return Response({"hello": str(request.user)})


urlpatterns = [path("", include("tokens_stateless.urls")), path("hello/", HelloView.as_view())]
