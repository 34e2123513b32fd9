"""The doors of the token flow, in simplejwt's names so that its clients work, and the page of a client."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import carried, credentials, recent
from accounts.parsers import StrictFormParser, StrictJSONParser
from tokens_stateless import authenticate, clients, conf, cookie, end, issue, refresh
from tokens_stateless.authenticate import TokenAuthentication
from tokens_stateless.serializers import (
    AccessSerializer,
    AgainSerializer,
    CalledTokenSerializer,
    CookieSerializer,
    PairSerializer,
    RefreshSerializer,
    SignInSerializer,
    TokenSerializer,
)

FORM = "application/x-www-form-urlencoded"
# Requirements of OpenAPI; drf-spectacular passes on what its annotation calls text.
NOBODY: Any = {}
CLIENT: Any = {"client": []}
SESSION: Any = {"session": []}
CSRF = OpenApiParameter(
    "X-CSRFToken",
    location=OpenApiParameter.HEADER,
    description="Needed where the cookie takes part; `GET /api/token/cookie/` tells it.",
)
COOKIE = OpenApiParameter(
    conf.current().refresh_cookie,
    location=OpenApiParameter.COOKIE,
    description="The refresh token, where the body has none; then that is JSON, and X-CSRFToken is needed.",
)
SET_COOKIE = OpenApiParameter(
    "Set-Cookie",
    location=OpenApiParameter.HEADER,
    response=[200],
    description=f"`{conf.current().refresh_cookie}` where a cookie carries the refresh token: HttpOnly, "
    "SameSite=Strict, for the token doors alone; Secure over https.",
)


# What a refusal writes must stay; a transaction around the request would take it back.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
# An error report would show what came in the body: a form is in it as such, a serializer's repr quotes it.
@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(sensitive_variables(), name="dispatch")
@method_decorator(cache_control(no_store=True), name="dispatch")
class Door(APIView):
    """An endpoint that takes a credential in its body, or the refresh cookie, and no other."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = ()
    parser_classes: tuple[type[BaseParser], ...] = (StrictJSONParser,)
    permission_classes: tuple[type[BasePermission], ...] = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """The challenge of a refused door."""
        return 'Bearer realm="api"'


class TokenView(Door):
    """POST /api/token/"""

    @extend_schema(
        operation_id="token_issue",
        request=SignInSerializer,
        responses={200: PairSerializer},
        parameters=[CSRF, SET_COOKIE],
        tags=["token"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Sign in: an address and a password for a pair of tokens."""
        data = SignInSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        by_cookie = data.validated_data.pop("transport") == "cookie"
        if by_cookie:
            cookie.guard(request)
        user = credentials.verify(request._request, **data.validated_data)
        if by_cookie:
            # First, so that it is not counted among the Logins that live.
            cookie.replaced(request._request)
        pair = issue.sign_in(request._request, user)
        return cookie.answer(pair) if by_cookie else Response(issue.answer(pair))


@method_decorator(ensure_csrf_cookie, name="dispatch")
class CookieView(Door):
    """GET /api/token/cookie/"""

    @extend_schema(
        operation_id="token_cookie",
        responses={200: CookieSerializer},
        parameters=[COOKIE],
        tags=["token"],
        auth=[],
    )
    def get(self, request: Request) -> Response:
        """Whether this browser has a refresh cookie, and the CSRF token for using or getting one."""
        present = conf.current().refresh_cookie in request.COOKIES
        return Response({"present": present, "csrf_token": get_token(request._request)})


class RefreshView(Door):
    """POST /api/token/refresh/"""

    @extend_schema(
        operation_id="token_refresh",
        request=RefreshSerializer,
        responses={200: PairSerializer},
        parameters=[COOKIE, CSRF, SET_COOKIE],
        tags=["token"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """A refresh token for a fresh access token and the refresh token to go on with."""
        token = cookie.carried(request, field="refresh")
        if token is not None:
            return cookie.answer(refresh.rotate(request._request, token))
        data = RefreshSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(issue.answer(refresh.rotate(request._request, data.validated_data["refresh"])))


class AgainView(Door):
    """POST /api/token/again/"""

    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="token_again",
        request=AgainSerializer,
        responses={200: AccessSerializer},
        tags=["token"],
    )
    def post(self, request: Request) -> Response:
        """Give the password again: an access token of the same login with a new `auth_time`.

        For what answers `insufficient_user_authentication`. A refresh goes back to the first one.
        """
        data = AgainSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        plain = request._request
        user = recent.verify(plain, request.user, password=data.validated_data["password"])
        return Response(issue.answer_of(issue.step_up(plain, user, login=carried.login_id(plain))))


class VerifyView(Door):
    """POST /api/token/verify/"""

    @extend_schema(
        operation_id="token_verify",
        request=TokenSerializer,
        responses={200: OpenApiResponse(description="The access token is good, and its login stands.")},
        tags=["token"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Whether an access token is good now."""
        data = TokenSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        authenticate.verify(request._request, data.validated_data["token"])
        return Response({})


class RevokeView(Door):
    """POST /api/token/revoke/ (RFC 7009)"""

    parser_classes = (StrictFormParser,)

    def get_parsers(self) -> list[BaseParser]:
        """A form, as the RFC has it; JSON too where the refresh cookie came along."""
        # Whoever describes the API asks without a request.
        request: HttpRequest | None = self.request
        by_cookie = request is None or conf.current().refresh_cookie in request.COOKIES
        return [*super().get_parsers(), *([StrictJSONParser()] if by_cookie else [])]

    @extend_schema(
        operation_id="token_revoke",
        request={FORM: CalledTokenSerializer, cookie.JSON: OpenApiTypes.OBJECT},
        parameters=[COOKIE, CSRF],
        responses={
            200: OpenApiResponse(description="The login that the token carried has ended, if there was one.")
        },
        tags=["token"],
        auth=[NOBODY, CLIENT],
    )
    def post(self, request: Request) -> Response:
        """Sign out: either token of a pair ends the login of both; so does a client's, with its secret."""
        token = cookie.carried(request, field="token")
        if token is not None:
            end.revoke(request._request, token)
            return cookie.goodbye()
        caller = clients.authenticate(request)
        data = CalledTokenSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        if caller is None:
            end.revoke(request._request, data.validated_data["token"])
        else:
            client = clients.required(caller, "may_revoke")
            end.revoke_for(client, request._request, data.validated_data["token"])
        return Response({})


@require_safe
def client(request: HttpRequest) -> HttpResponse:
    """GET /token/: a browser client that keeps its tokens and walks through the flow's steps."""
    return render(request, "tokens_stateless/client.html")
