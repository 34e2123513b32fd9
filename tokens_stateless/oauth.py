"""The doors for third parties, in OAuth's names: introspection, exchange, and what all of them can do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.parsers import StrictFormParser
from tokens_stateless import clients, conf, exchange, introspect
from tokens_stateless.errors import InvalidClient, InvalidRequest, InvalidTarget, UnsupportedGrantType
from tokens_stateless.serializers import (
    CalledTokenSerializer,
    ExchangedSerializer,
    ExchangeSerializer,
    IntrospectedSerializer,
)
from tokens_stateless.views import CLIENT, CSRF, FORM, SESSION, Door

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name of RFC 8693
TOKEN_TYPES = (ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt")
METHODS = ["client_secret_basic", "client_secret_post"]
METADATA_MAX_AGE_SECONDS = 3600


class OAuthDoor(Door):
    """A door for clients; takes a form, as OAuth has it."""

    parser_classes = (StrictFormParser,)


class IntrospectView(OAuthDoor):
    """POST /api/token/introspect/ (RFC 7662)"""

    @extend_schema(
        operation_id="token_introspect",
        request={FORM: CalledTokenSerializer},
        responses={200: IntrospectedSerializer},
        tags=["token"],
        auth=[CLIENT],
    )
    def post(self, request: Request) -> Response:
        """Whether a token is good at this very moment, for a client that it is for."""
        caller = clients.authenticate(request)
        client = clients.required(caller, "may_introspect")
        data = CalledTokenSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(introspect.tell(request._request, client, data.validated_data["token"]))


class ExchangeView(OAuthDoor):
    """POST /api/token/exchange/ (RFC 8693)"""

    def perform_authentication(self, request: Request) -> None:
        """Left out: DRF would put nobody in the place of the person whose session the middleware knows."""

    @extend_schema(
        operation_id="token_exchange",
        request={FORM: ExchangeSerializer},
        responses={200: ExchangedSerializer},
        parameters=[CSRF],
        tags=["token"],
        auth=[CLIENT, SESSION],
    )
    def post(self, request: Request) -> Response:
        """A person's access token, with a client's secret, or this browser's session, for a short token.

        It is for one audience. What came from an exchange cannot be exchanged again.
        """
        client = clients.authenticate(request)
        held = exchange.of_page(request._request) if client is None else None
        data = ExchangeSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        asked = data.validated_data
        _check_grant(asked, request.data)
        wanted = {"audience": asked["audience"], "scope": asked["scope"]}
        if held is None:
            payload = exchange.for_client(
                request._request,
                clients.required(client, "may_exchange"),
                subject_token=_subject(asked),
                **wanted,
            )
        elif asked["subject_token"]:
            # A token is exchanged for whoever has a client's secret.
            raise InvalidClient
        else:
            payload = exchange.for_page(request._request, held, **wanted)
        told = {
            "access_token": exchange.sign(payload),
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": payload["exp"] - payload["iat"],
        }
        return Response({**told, **{name: payload[name] for name in ("scope",) if name in payload}})


def _check_grant(asked: dict[str, str], sent: Any) -> None:
    if asked["grant_type"] != GRANT:
        raise UnsupportedGrantType
    if sent.get("resource"):
        raise InvalidTarget("Name the audience, and no resource.")
    if asked["requested_token_type"] not in ("", *TOKEN_TYPES):
        raise InvalidRequest("No token of this requested_token_type is given here.")
    if sent.get("actor_token") or sent.get("actor_token_type"):
        raise InvalidRequest("The actor is the client; an actor_token is not taken.")


def _subject(asked: dict[str, str]) -> str:
    if not asked["subject_token"]:
        raise InvalidRequest("subject_token is missing.")
    if asked["subject_token_type"] not in TOKEN_TYPES:
        raise InvalidRequest(f"subject_token_type must be {ACCESS_TOKEN}.")
    return asked["subject_token"]


# It needs no database, so nothing may ask one for a transaction.
@transaction.non_atomic_requests
@require_safe
def metadata(request: HttpRequest) -> HttpResponse:
    """GET /.well-known/oauth-authorization-server: what third parties find here, and nothing else (RFC 8414).

    The password door is for our own clients, so it is not announced.
    """
    issuer = conf.current().issuer

    def at(name: str) -> str:
        return urljoin(issuer, reverse(name))

    response = JsonResponse(
        {
            "issuer": issuer,
            "token_endpoint": at("api-token-exchange"),
            "jwks_uri": at("jwks"),
            "introspection_endpoint": at("api-token-introspect"),
            "revocation_endpoint": at("api-token-revoke"),
            # Required, and empty: there is no authorization endpoint.
            "response_types_supported": [],
            "grant_types_supported": [GRANT],
            "token_endpoint_auth_methods_supported": METHODS,
            "introspection_endpoint_auth_methods_supported": METHODS,
            # Whoever bears a token of ours may end its login with nothing else.
            "revocation_endpoint_auth_methods_supported": [*METHODS, "none"],
        }
    )
    response["Cache-Control"] = f"public, max-age={METADATA_MAX_AGE_SECONDS}"
    return response
