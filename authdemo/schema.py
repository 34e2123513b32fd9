"""How the API describes itself (OpenAPI 3.1), and the page to try it on; both for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from authdemo.codes import CODES, OAUTH_ERRORS
from authdemo.problems import CONTENT_TYPE, OAUTH_PREFIXES

Schema = dict[str, Any]

# The answers that any operation may give: status, name of the component, when, header that comes with it.
ANSWERS: tuple[tuple[str, str, str, str | None], ...] = (
    ("400", "BadRequest", "The body, a field or a header cannot be understood.", None),
    ("401", "Unauthorized", "Credentials are missing, wrong or no longer good.", "WWW-Authenticate"),
    ("403", "Forbidden", "The credentials are good, and do not allow this.", None),
    ("404", "NotFound", "There is no such thing, or it is not yours.", None),
    ("409", "Conflict", "The credentials are good, and too many logins live already.", None),
    ("413", "ContentTooLarge", "The body is too long.", None),
    ("415", "UnsupportedMediaType", "The body has a type that is not taken here.", None),
    ("429", "TooManyRequests", "Too many attempts.", "Retry-After"),
    ("503", "ServiceUnavailable", "Nobody can tell right now.", "Retry-After"),
)
# Which operations start a login, and can find too many of them.
STARTING = ("token_issue", "session_start")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The token flow: an access token in the Authorization header."""

    target_class = "tokens_stateless.authenticate.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        """RFC 6750."""
        return build_bearer_security_scheme_object("Authorization", "Bearer", bearer_format="JWT")


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The cookie flow: an opaque key in a cookie, whose name depends on https."""

    target_class = "sessions_stateful.authenticate.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        """The cookie as it is called here."""
        description = "A change also needs, as X-CSRFToken, the token that GET /api/session/ tells."
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": description,
        }


def document_problems(result: Schema, **_context: Any) -> Schema:
    """Postprocessing hook: every operation that does not say otherwise answers its errors with a Problem.

    Where errors are OAuth's, an OAuthError; and a client authenticates as OAuth has it.
    """
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update({"Problem": _problem(), "OAuthError": _oauth_error()})
    components.setdefault("securitySchemes", {})["client"] = _client()
    answers = components.setdefault("responses", {})
    for _status, name, when, header in ANSWERS:
        answers[name] = _answer(when, header, CONTENT_TYPE, "Problem")
        answers[f"OAuth{name}"] = _answer(when, header, "application/json", "OAuthError")
    for path, operation in _operations(result):
        kind = "OAuth" if path.startswith(OAUTH_PREFIXES) else ""
        for status, name, _when, _header in ANSWERS:
            asked = {"404": "{" in path, "409": operation.get("operationId") in STARTING}
            if asked.get(status, True):
                operation["responses"].setdefault(status, {"$ref": f"#/components/responses/{kind}{name}"})
    return result


@method_decorator(cache_control(public=True, max_age=300), name="get")
class SchemaView(SpectacularAPIView):
    """GET /api/schema/: YAML, or JSON where it is asked for; everything to everybody, in English."""

    authentication_classes = ()

    def _get_schema_response(self, request: Request) -> Response:
        # What is said of models and forms would be in the language of whoever asked first: caches keep it.
        with translation.override("en"):
            response: Response = super()._get_schema_response(request)  # type: ignore[no-untyped-call]
        return response


class DocsView(SpectacularSwaggerSplitView):
    """GET /api/docs/: Swagger UI without inline scripts or styles; credentials stay in the page's memory."""

    authentication_classes = ()
    template_name = "authdemo/docs.html"


def _operations(result: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in result.get("paths", {}).items():
        yield from ((path, operation) for method, operation in methods.items() if method in METHODS)


def _answer(when: str, header: str | None, content_type: str, schema: str) -> Schema:
    content = {content_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    described: Schema = {"description": when, "content": content}
    if header:
        described["headers"] = {header: {"schema": {"type": "string"}}}
    return described


def _problem() -> Schema:
    error = {"type": "object", "properties": {"code": {"type": "string"}, "detail": {"type": "string"}}}
    meanings = "\n".join(f"* `{code}`: {meaning}" for code, meaning in CODES.items())
    return {
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "For people; it may be translated."},
            "code": {"type": "string", "description": meanings, "enum": list(CODES)},
            "request_id": {"type": "string", "description": "As in X-Request-ID and in our log."},
            "errors": {
                "type": "object",
                "description": "The fields that are missing or wrong, by name.",
                "additionalProperties": {"type": "array", "items": error},
            },
        },
    }


def _oauth_error() -> Schema:
    return {
        "type": "object",
        "description": "An error (RFC 6749 section 5.2).",
        "required": ["error", "error_description", "code"],
        "properties": {
            "error": {"type": "string", "enum": list(OAUTH_ERRORS)},
            "error_description": {"type": "string", "description": "For people."},
            "code": {"type": "string", "description": "As in a Problem.", "enum": list(CODES)},
        },
    }


def _client() -> Schema:
    description = "A client's id and secret (RFC 6749 section 2.3.1); operators make clients in the admin."
    return {"type": "http", "scheme": "basic", "description": description}
