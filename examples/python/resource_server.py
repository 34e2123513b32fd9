"""A service of somebody else that takes the issuer's tokens; it knows the issuer's address and its own name.

    pip install "pyjwt[crypto]"
    ISSUER=http://127.0.0.1:8000 AUDIENCE=https://api.example.com python resource_server.py

Nobody is asked per request, so the token of an ended Login is taken until it expires; see verifier.py.
"""

from __future__ import annotations

import json
import os
import urllib.request
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

ISSUER = os.environ["ISSUER"]
AUDIENCE = os.environ["AUDIENCE"]
PORT = int(os.environ.get("PORT", "9001"))
# What the issuer's Cache-Control says; a revoked key is believed for so long.
JWKS_SECONDS = float(os.environ.get("JWKS_SECONDS", "300"))
LEEWAY_SECONDS = 30


@cache
def keys() -> jwt.PyJWKClient:
    """The issuer's keys, at the address that its metadata names (RFC 8414)."""
    with urllib.request.urlopen(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=5) as answer:
        metadata = json.load(answer)
    if metadata["issuer"] != ISSUER:
        raise OSError("this is the metadata of another issuer")
    return jwt.PyJWKClient(metadata["jwks_uri"], lifespan=JWKS_SECONDS, timeout=5)


def verify(token: str) -> dict[str, Any]:
    """The claims of a good token; InvalidTokenError, or OSError when the issuer does not tell its keys."""
    try:
        key = keys().get_signing_key_from_jwt(token)
    except jwt.PyJWKClientConnectionError as error:
        raise OSError("the issuer's keys cannot be read") from error
    except jwt.PyJWKClientError as error:
        raise jwt.InvalidTokenError("no key of the issuer's") from error
    found = jwt.decode_complete(
        token,
        key,
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=LEEWAY_SECONDS,
        options={"require": ["iss", "aud", "sub", "exp", "iat"]},
    )
    # Other things that an issuer signs (RFC 9068 section 4) are no access tokens.
    if str(found["header"].get("typ")).lower() not in {"at+jwt", "application/at+jwt"}:
        raise jwt.InvalidTokenError("no access token")
    claims: dict[str, Any] = found["payload"]
    return claims


class Handler(BaseHTTPRequestHandler):
    """GET anything: who the bearer is."""

    def do_GET(self) -> None:
        """Answer with the person and what the token may do here; 401 and 503 as RFC 6750 has them."""
        scheme, _space, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return self._answer(401, {"error": "no token"}, challenge="Bearer")
        try:
            claims = verify(token)
        except (jwt.InvalidTokenError, RecursionError):
            return self._answer(401, {"error": "invalid_token"}, challenge='Bearer error="invalid_token"')
        except (OSError, ValueError, KeyError):
            return self._answer(503, {"error": "the issuer does not answer"})
        return self._answer(200, {"sub": claims["sub"], "scope": claims.get("scope", "")})

    def _answer(self, status: int, body: dict[str, str], *, challenge: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
