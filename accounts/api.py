"""The endpoints that both flows share: who am I, and where am I logged in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import logout
from django.db import transaction
from django.db.models import Q
from django.http import Http404
from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import carried, logins, recent
from accounts.logins import EndReason, Login, LoginQuerySet
from accounts.serializers import (
    EndedSerializer,
    LoginSerializer,
    LoginsQuerySerializer,
    LoginsSerializer,
    MeSerializer,
)

PAGE = 50


def me(request: Any) -> dict[str, Any]:
    """What `/api/me/` answers for a signed-in request; costs no SQL."""
    held = carried.get(getattr(request, "_request", request))
    return {
        "id": request.user.public_id,
        "email": request.user.email,
        "flow": held.flow if held else None,
        "login": held.login_id if held else None,
        "is_staff": request.user.is_staff,
        "authenticated_at": held.authenticated_at if held else None,
    }


def own(request: Any) -> LoginQuerySet:
    """The Logins of the person who asks, and of nobody else."""
    return Login.objects.filter(user_id=request.user.pk)


class MeView(APIView):
    """GET /api/me/"""

    @extend_schema(operation_id="me", responses=MeSerializer, tags=["me"])
    def get(self, request: Request) -> Response:
        """Who am I, in either flow."""
        return Response(MeSerializer(me(request)).data)


class LoginsView(APIView):
    """GET /api/logins/"""

    @extend_schema(
        operation_id="logins_list",
        parameters=[LoginsQuerySerializer],
        responses=LoginsSerializer,
        tags=["logins"],
    )
    def get(self, request: Request) -> Response:
        """Where am I logged in: own logins of both flows, newest first, 50 a page."""
        query = LoginsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        rows = list(_wanted(request, **query.validated_data)[: PAGE + 1])
        page, more = rows[:PAGE], len(rows) > PAGE
        context = {"current": carried.login_id(request._request)}
        return Response(
            {
                "next": _next(request, page[-1]) if more else None,
                "results": LoginSerializer(page, many=True, context=context).data,
            }
        )


def _wanted(
    request: Request, *, state: str, flow: str | None = None, before: UUID | None = None
) -> LoginQuerySet:
    wanted = own(request)
    if state != "all":
        wanted = wanted.live() if state == "live" else wanted.exclude(pk__in=wanted.live())
    if flow:
        wanted = wanted.filter(flow=flow)
    if before:
        last = own(request).filter(pk=before).values_list("started_at", flat=True).first()
        if last is None:
            raise ValidationError({"before": ["No such login."]})
        wanted = wanted.filter(Q(started_at__lt=last) | Q(started_at=last, pk__lt=before))
    return wanted.order_by("-started_at", "-pk")


def _next(request: Request, last: Login) -> str:
    query = request.query_params.copy()
    query["before"] = str(last.pk)
    return request.build_absolute_uri(f"{reverse('api-logins')}?{query.urlencode()}")


class LoginView(APIView):
    """GET and DELETE /api/logins/<sid>/"""

    @extend_schema(operation_id="logins_read", responses=LoginSerializer, tags=["logins"])
    def get(self, request: Request, sid: UUID) -> Response:
        """One of my logins, live or ended."""
        context = {"current": carried.login_id(request._request)}
        return Response(LoginSerializer(self._find(request, sid), context=context).data)

    @extend_schema(operation_id="logins_end", responses={204: None}, tags=["logins"])
    def delete(self, request: Request, sid: UUID) -> Response:
        """End one of my logins, this one included; ending an ended one is fine."""
        end_own(request._request, request.user, self._find(request, sid))
        return Response(status=204)

    def _find(self, request: Request, sid: UUID) -> Login:
        login = own(request).filter(pk=sid).first()
        if login is None:
            raise Http404
        return login


def end_own(request: Any, user: Any, login: Login) -> None:
    """End a Login for its owner; the one of this very session by signing out, so that the cookie goes too."""
    held = carried.get(request)
    if held and held.login_id == login.pk and held.flow == "session":
        logout(request)
    else:
        logins.end([login.pk], reason=EndReason.REVOKED_BY_OWNER, by=user, request=request)


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class EndOthersView(APIView):
    """POST /api/logins/end-others/"""

    permission_classes = (IsAuthenticated, recent.IsRecent)

    @extend_schema(operation_id="logins_end_others", request=None, responses=EndedSerializer, tags=["logins"])
    def post(self, request: Request) -> Response:
        """End all my logins but the one that carries this request, if my password was given lately."""
        count = logins.end_all(
            request.user,  # type: ignore[arg-type]
            reason=EndReason.REVOKED_BY_OWNER,
            by=request.user,  # type: ignore[arg-type]
            keep=carried.login_id(request._request),
            request=request._request,
        )
        return Response({"ended": count})
