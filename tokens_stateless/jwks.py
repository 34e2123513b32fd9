"""The public keys for others who verify our tokens (RFC 7517)."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from tokens_stateless import keys


# Whoever asks keeps the answer for minutes, so it must not be an empty set: the first one to ask makes a key.
@transaction.non_atomic_requests
@require_safe
def jwks(request: HttpRequest) -> HttpResponseBase:
    """GET /.well-known/jwks.json: the key set, and for how long it may be kept; 503 where nobody can tell."""
    try:
        ring, seconds = keys.published()
    except (DatabaseError, InterfaceError):
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    headers = {"Cache-Control": f"public, max-age={seconds}", "ETag": ring.etag}
    response = HttpResponse(ring.jwks, content_type="application/jwk-set+json", headers=headers)
    return get_conditional_response(request, etag=ring.etag, response=response) or response
