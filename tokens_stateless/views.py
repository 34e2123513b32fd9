"""The doors of the token flow, in simplejwt's names so that its clients work, and the page of a client."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import credentials, standing
from accounts.parsers import StrictFormParser
from tokens_stateless import authenticate, conf, end, issue, keys, refresh
from tokens_stateless.serializers import (
    CredentialsSerializer,
    PairSerializer,
    RefreshSerializer,
    TokenSerializer,
)


# What a refusal writes must stay; a transaction around the request would take it back.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
# An error report would show what came in the body: a serializer's repr quotes it.
@method_decorator(sensitive_variables(), name="dispatch")
class Door(APIView):
    """An endpoint that takes a credential in its body, and no other."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """The challenge of a refused door."""
        return 'Bearer realm="api"'


class TokenView(Door):
    """POST /api/token/"""

    @extend_schema(
        operation_id="token_issue",
        request=CredentialsSerializer,
        responses={200: PairSerializer},
        tags=["token"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Sign in: an address and a password for a pair of tokens."""
        data = CredentialsSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        user = credentials.verify(request._request, **data.validated_data)
        return Response(issue.sign_in(request._request, user))


class RefreshView(Door):
    """POST /api/token/refresh/"""

    @extend_schema(
        operation_id="token_refresh",
        request=RefreshSerializer,
        responses={200: PairSerializer},
        tags=["token"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """A refresh token for a fresh access token and the refresh token to go on with."""
        data = RefreshSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        access, successor = refresh.rotate(request._request, data.validated_data["refresh"])
        return Response(issue.answer(access, successor))


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
        authenticate.verify(request._request, data.validated_data["token"].encode("utf-8", "replace"))
        return Response({})


class RevokeView(Door):
    """POST /api/token/revoke/ (RFC 7009)"""

    parser_classes = (StrictFormParser,)

    @extend_schema(
        operation_id="token_revoke",
        request={"application/x-www-form-urlencoded": TokenSerializer},
        responses={
            200: OpenApiResponse(description="The login that the token carried has ended, if there was one.")
        },
        tags=["token"],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Sign out: either token of a pair ends the login that both carry."""
        data = TokenSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        end.revoke(request._request, data.validated_data["token"])
        return Response({})


# Whoever asks keeps the answer for minutes, so it must not be an empty set: the first one to ask makes a key.
@transaction.non_atomic_requests
@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """GET /.well-known/jwks.json: the public keys (RFC 7517)."""
    standing.freshen()
    if not keys.ring().jwks["keys"]:
        keys.ensure()
    response = JsonResponse(keys.ring().jwks, content_type="application/jwk-set+json")
    response["Cache-Control"] = f"public, max-age={int(conf.current().jwks_max_age.total_seconds())}"
    return response


@require_safe
def client(request: HttpRequest) -> HttpResponse:
    """GET /token/: a browser client that keeps its tokens and walks through the flow's steps."""
    return render(request, "tokens_stateless/client.html")
