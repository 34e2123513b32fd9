"""The one view of this project."""

from __future__ import annotations

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import carried


class HelloView(APIView):
    """GET /hello/: who is here and through what, or 401."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        """What the token tells."""
        user, held = request.user, carried.get(request._request)
        assert held
        assert user.is_authenticated
        who = {"email": user.email, "is_staff": user.is_staff}
        return Response({**who, "flow": held.flow, "login": held.login_id})
