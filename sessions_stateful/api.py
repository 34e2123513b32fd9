"""The door of the cookie flow for scripts in a browser: the same session and cookie, CSRF enforced always."""

from __future__ import annotations

from typing import Any

from django.contrib import auth
from django.db import transaction
from django.middleware.csrf import get_token
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import api, credentials
from accounts.serializers import CredentialsSerializer, MeSerializer
from sessions_stateful import issue
from sessions_stateful.authenticate import SessionAuthentication
from sessions_stateful.serializers import SessionSerializer


# DRF checks CSRF only for whoever is signed in; a sign-in needs it just as much.
@method_decorator(csrf_protect, name="dispatch")
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class SessionView(APIView):
    """GET, POST and DELETE /api/session/"""

    authentication_classes = (SessionAuthentication,)
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="session_read", responses=SessionSerializer, tags=["session"])
    def get(self, request: Request) -> Response:
        """Who is signed in here, and the CSRF token for what comes next."""
        return Response(_told(request))

    # An error report would show what came in the body: a serializer's repr quotes it.
    @extend_schema(
        operation_id="session_start",
        request=CredentialsSerializer,
        responses=SessionSerializer,
        tags=["session"],
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Sign in: an address and a password for a cookie."""
        data = CredentialsSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        user = credentials.verify(request._request, **data.validated_data)
        issue.sign_in(request._request, user)
        request.user = user  # type: ignore[assignment]
        return Response(_told(request))

    @extend_schema(operation_id="session_end", request=None, responses={204: None}, tags=["session"])
    def delete(self, request: Request) -> Response:
        """Sign out: the login ends, the session is killed, the cookie goes."""
        auth.logout(request._request)
        return Response(status=204)


def _told(request: Request) -> dict[str, Any]:
    known = request.user.is_authenticated
    return {
        "authenticated": known,
        "csrf_token": get_token(request._request),
        "me": MeSerializer(api.me(request)).data if known else None,
    }
