"""The endpoints that both flows share: who am I, and where am I logged in."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import carried, mine, receipt_api, recent
from accounts.logins import Login, LoginQuerySet
from accounts.serializers import (
    EndedSerializer,
    LoginSerializer,
    LoginsQuerySerializer,
    LoginsSerializer,
    MeSerializer,
    NotMeSerializer,
    ReceiptSerializer,
)


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
        """Where am I logged in: own logins of both flows, newest first, 50 a page.

        Follow `next` until it is null. Pages are in the order of `started_at`, which does not change: nothing
        is left out or comes twice, whatever starts, is used or ends meanwhile.
        """
        query = LoginsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted, before = _wanted(request, **query.validated_data), query.validated_data.get("before")
        rows, rest = mine.page(wanted, by="started_at", before=before)
        shown = mine.entries(rows, current=carried.login_id(request._request))
        following = _next(request, rest) if rest else None
        return Response({"next": following, "results": LoginSerializer(shown, many=True).data})


def _wanted(request: Request, *, state: str, flow: str | None = None, **_before: object) -> LoginQuerySet:
    wanted = mine.own(request.user)
    if state != "all":
        wanted = wanted.usable() if state == "live" else wanted.over()
    return wanted.filter(flow=flow) if flow else wanted


def _next(request: Request, rest: mine.Position) -> str:
    query = request.query_params.copy()
    query["before"] = str(rest)
    return request.build_absolute_uri(f"{reverse('api-logins')}?{query.urlencode()}")


def _find(request: Request, sid: UUID) -> Login:
    login = mine.own(request.user).filter(pk=sid).first()
    if login is None:
        raise Http404
    return login


# The receipt tells of what was committed.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class LoginView(APIView):
    """GET and DELETE /api/logins/<sid>/"""

    @extend_schema(operation_id="logins_read", responses=LoginSerializer, tags=["logins"])
    def get(self, request: Request, sid: UUID) -> Response:
        """One of my logins, live or ended."""
        login, current = _find(request, sid), carried.login_id(request._request)
        return Response(LoginSerializer(mine.entries([login], current=current)[0]).data)

    @extend_schema(
        operation_id="logins_end",
        parameters=[receipt_api.PREFER],
        responses={
            204: OpenApiResponse(description="It has ended, now or before."),
            200: ReceiptSerializer,
        },
        tags=["logins"],
    )
    def delete(self, request: Request, sid: UUID) -> Response:
        """End one of my logins, this one included; ending an ended one is fine."""
        end = partial(mine.end, request._request, request.user, _find(request, sid))
        return receipt_api.ended(request, end, plain=lambda _none: Response(status=204))


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class NotMeView(APIView):
    """POST /api/logins/<sid>/not-me/"""

    @extend_schema(operation_id="logins_not_me", request=None, responses=NotMeSerializer, tags=["logins"])
    def post(self, request: Request, sid: UUID) -> Response:
        """That was not me: end this login of mine and all others, and mail me a link for a new password.

        The login that carries this request ends as well, so whoever does it with a stolen credential loses
        that; it needs no recent password. A login that has ended already may be named, too.
        """
        user: Any = request.user
        count = mine.disown(request._request, user, _find(request, sid))
        others, mailed = mine.leave_everywhere(request._request, user)
        return Response({"ended": count + others, "mailed": mailed})


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class EndOthersView(APIView):
    """POST /api/logins/end-others/"""

    permission_classes = (IsAuthenticated, recent.IsRecent)

    @extend_schema(
        operation_id="logins_end_others",
        parameters=[receipt_api.PREFER],
        request=None,
        responses=PolymorphicProxySerializer(
            component_name="EndedOrReceipt",
            serializers=[EndedSerializer, ReceiptSerializer],
            resource_type_field_name=None,
        ),
        tags=["logins"],
    )
    def post(self, request: Request) -> Response:
        """End all my logins but the one that carries this request, if my password was given lately."""
        end = partial(mine.end_others, request._request, request.user)
        return receipt_api.ended(request, end, plain=lambda count: Response({"ended": count}))
