"""The access token: which claims it carries, how it is signed, how strictly it is read (RFC 9068, RFC 8725).

What we read is narrower than what the libraries accept: one compact form, canonical base64url, a header of
exactly `alg`, `kid` and `typ`, and every claim of the type and in the range in which we issue it.
"""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from collections.abc import Callable, Collection
from datetime import datetime, timedelta, timezone
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.utils import timezone as django_timezone
from jwt.algorithms import ECAlgorithm
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.tokens import AccessToken as SimpleAccessToken

from accounts import people, strict_json
from tokens_stateless import conf, keys
from tokens_stateless.errors import TokenNotValid

if TYPE_CHECKING:
    from accounts.models import AbstractUser, Login
    from tokens_stateless.remembered import Verified

COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
TYPES = frozenset({"at+jwt", "application/at+jwt"})
# base64url's letters as base64 has them; and by a text's length, which last letters have no stray bits.
STANDARD = bytes.maketrans(b"-_", b"+/")
PADDING = {0: b"", 2: b"==", 3: b"="}
LAST = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ES256 = ECAlgorithm(ECAlgorithm.SHA256)
TEXT = ("iss", "aud", "sub", "sid", "jti", "client_id", "email")
INSTANTS = ("iat", "exp", "auth_time")
WHOLE = (*INSTANTS, "ver")
FLAGS = ("is_staff", "is_superuser")


class Backend(TokenBackend):
    """simplejwt's backend with a key ring, a `kid`, and a strict reader."""

    def encode(self, payload: dict[str, Any]) -> str:
        """Sign with the current key."""
        kid, private = keys.signer()
        header = {"alg": keys.ALGORITHM, "kid": kid, "typ": "at+jwt"}
        signed = _part(header) + b"." + _part(payload)
        return (signed + b"." + _base64(ES256.sign(signed, private))).decode()

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """The claims of a token that is good in itself; always verified, whatever `verify` says."""
        return read(token if isinstance(token, bytes) else str(token).encode("utf-8", "replace"))


class AccessToken(SimpleAccessToken):
    """simplejwt's access token, carrying a Login."""

    _token_backend = Backend(keys.ALGORITHM)

    def get_token_backend(self) -> Backend:
        """The backend that knows our keys."""
        return self._token_backend

    def verify(self) -> None:
        """Nothing is left to check: the backend has read every claim."""

    @classmethod
    def for_login(
        cls, login: Login, user: AbstractUser, *, read_at: datetime, authenticated_at: datetime
    ) -> AccessToken:
        """A token for this Login that vouches from `read_at` on, the instant before its row was read.

        It never outlives the Login.
        """
        chosen = conf.current()
        issued = int(read_at.timestamp())
        token = cls()
        token.payload = {
            "iss": chosen.issuer,
            "aud": chosen.audience,
            "sub": str(user.public_id),
            "client_id": chosen.client_id,
            "iat": issued,
            "exp": min(issued + _lifetime(), int(login.expires_at.timestamp())),
            # A sign-in's row is a moment younger than `read_at`; a second may begin in between.
            "auth_time": min(issued, int(authenticated_at.timestamp())),
            "jti": uuid.uuid4().hex,
            "sid": str(login.pk),
            "ver": user.version,
            "email": user.email,
            "is_staff": user.is_staff,
            "is_superuser": user.is_superuser,
        }
        if user._meta.pk.attname != user.PUBLIC_ID_FIELD:
            token.payload["pk"] = user._meta.pk.value_to_string(user)
        return token

    @cached_property
    def login_id(self) -> uuid.UUID:
        """The Login that the token carries."""
        return uuid.UUID(self.payload["sid"])

    @cached_property
    def public_id(self) -> uuid.UUID:
        """The person that it is about."""
        return uuid.UUID(self.payload["sub"])

    @property
    def authenticated_at(self) -> datetime:
        """When the person last proved who they are."""
        return datetime.fromtimestamp(self.payload["auth_time"], tz=timezone.utc)

    def user(self) -> AbstractUser:
        """The person as the token tells, without SQL: real and light; the rest is fetched when touched."""
        return user_maker(self.payload, self.public_id)()


class VerifiedToken(AccessToken):
    """The same, of a token that was verified before; for next to nothing.

    What a request does to its claims stays with the request.
    """

    def __init__(self, known: Verified) -> None:
        self._known = known

    @cached_property
    def token(self) -> bytes:  # type: ignore[override]
        """The text that was verified."""
        return self._known.header.rpartition(" ")[2].encode()

    @cached_property
    def payload(self) -> dict[str, Any]:  # type: ignore[override]
        """The claims, this instance's own."""
        return _object(self._known.header.split(".")[1].encode())

    @cached_property
    def current_time(self) -> datetime:  # type: ignore[override]
        """When simplejwt takes it to be: the instant at which it first asks this instance."""
        return django_timezone.now()

    @cached_property
    def login_id(self) -> uuid.UUID:
        """The Login that the token carries."""
        return self._known.carried.login_id

    @cached_property
    def public_id(self) -> uuid.UUID:
        """The person that it is about."""
        return self._known.public_id

    def user(self) -> AbstractUser:
        """The person as the token tells, made anew."""
        return self._known.make_user()


def user_maker(claims: dict[str, Any], public_id: uuid.UUID) -> Callable[[], AbstractUser]:
    """Makes the person of these claims, anew each time."""
    model = get_user_model()
    pk, public = model._meta.pk, model.PUBLIC_ID_FIELD
    values = {"version": claims["ver"], "is_active": True, public: public_id}
    values |= {name: claims[name] for name in people.CARRIED if name in claims}
    if pk.attname != public:
        values[pk.attname] = pk.to_python(claims.get("pk"))
    return model.maker(values)


def read(token: bytes) -> dict[str, Any]:
    """The claims of an access token of ours that is valid now; TokenNotValid otherwise. No SQL, no I/O."""
    claims = opened(token)
    check_own(claims)
    return claims


def opened(token: bytes) -> dict[str, Any]:
    """The claims of a token that a key of ours has signed, for whatever audience; not one of them checked.

    Nothing of the payload is used before the signature has passed. No SQL, no I/O.
    """
    if len(token) > conf.current().max_token_bytes or not COMPACT.fullmatch(token):
        raise TokenNotValid("form")
    signed, _dot, signature = token.rpartition(b".")
    head, _dot, body = signed.partition(b".")
    key = keys.ring().verifying.get(_kid(head))
    if key is None:
        raise TokenNotValid("kid")
    if not ES256.verify(signed, key, _bytes(signature)):
        raise TokenNotValid("signature")
    return _object(body)


@lru_cache(maxsize=64)  # all tokens of a key begin with the same header; refused ones are not kept
def _kid(head: bytes) -> str:
    header = _object(head)
    if set(header) != {"alg", "kid", "typ"}:
        raise TokenNotValid("header")
    if header["alg"] != keys.ALGORITHM or str(header["typ"]).lower() not in TYPES:
        raise TokenNotValid("header")
    if not isinstance(header["kid"], str):
        raise TokenNotValid("kid")
    return header["kid"]


def check_own(claims: dict[str, Any]) -> None:
    """TokenNotValid unless these are the claims of an access token for this project's own doors."""
    chosen = conf.current()
    check(claims, text=TEXT, flags=FLAGS, audiences=(chosen.audience,), longest=chosen.access_lifetime)


def check(
    claims: dict[str, Any],
    *,
    text: Collection[str],
    flags: Collection[str],
    audiences: Collection[str],
    longest: timedelta,
) -> None:
    """TokenNotValid unless each of these claims is there, of its type and in range, for such an audience."""
    chosen, now = conf.current(), time.time()
    leeway = chosen.leeway.total_seconds()
    for name in text:
        said = claims.get(name)
        # PostgreSQL fails where it is asked for a NUL; no text of ours has one.
        if type(said) is not str or not said or "\0" in said:
            raise TokenNotValid("claims")
    _check_types(claims, WHOLE, int)
    _check_types(claims, flags, bool)
    if not 0 < claims["ver"] < 2**63:
        raise TokenNotValid("claims")
    if claims["iss"] != chosen.issuer or claims["aud"] not in audiences:
        raise TokenNotValid("audience")
    if not (UUID.fullmatch(claims["sub"]) and UUID.fullmatch(claims["sid"])):
        raise TokenNotValid("claims")
    lifetime = claims["exp"] - claims["iat"]
    if not 0 <= lifetime <= longest.total_seconds():
        raise TokenNotValid("lifetime")
    # The lifetime cap has bounded exp by iat, so these comparisons meet no absurd number unrefused.
    if claims["iat"] > now + leeway or not 0 <= claims["auth_time"] <= claims["iat"] + leeway:
        raise TokenNotValid("not yet")
    # We issue no `nbf`, but whoever writes one means it (RFC 7519 section 4.1.5).
    if "nbf" in claims and not (type(claims["nbf"]) is int and claims["nbf"] <= now + leeway):
        raise TokenNotValid("not yet")
    if claims["exp"] <= now - leeway:
        raise TokenNotValid("expired")


def _check_types(claims: dict[str, Any], names: Collection[str], kind: type) -> None:
    for name in names:
        # Not isinstance(): True is an int.
        if type(claims.get(name)) is not kind:
            raise TokenNotValid("claims")


def _lifetime() -> int:
    """Seconds that a new token lives: at random a little less than the most, so that what was issued in one
    moment, after a start or a change of many people, is not refreshed in one moment too.
    """
    chosen = conf.current()
    longest = chosen.access_lifetime.total_seconds()
    return int(longest) - secrets.randbelow(int(longest * chosen.access_jitter) + 1)


def _part(value: dict[str, Any]) -> bytes:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _bytes(part: bytes) -> bytes:
    """Decoded base64url in its one canonical form: no padding, no stray last bits (RFC 7515 section 2).

    `part` is of the alphabet's letters alone, as COMPACT has it; so its length and its last letter tell all.
    """
    over = len(part) % 4
    if over == 1 or (over and part[-1] not in LAST[over]):
        raise TokenNotValid("base64")
    return a2b_base64(part.translate(STANDARD) + PADDING[over])


def _object(part: bytes) -> dict[str, Any]:
    try:
        value = strict_json.loads(_bytes(part))
    except (ValueError, RecursionError) as error:
        raise TokenNotValid("json") from error
    if not isinstance(value, dict):
        raise TokenNotValid("json")
    return value
