"""Clients: third parties that may call us, known by an id that is nobody's and a secret we do not keep."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import unquote_plus

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import device, events, throttle
from accounts.errors import TooManyAttempts
from tokens_stateless import conf
from tokens_stateless.errors import InvalidClient, InvalidRequest, UnauthorizedClient

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from accounts.models import AbstractUser

# No person's `sub`, which is a UUID, can look like this (RFC 9068 section 5).
ID = re.compile(r"client-[0-9a-f]{32}")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
AUDIENCE = re.compile(r"[\x21-\x7e]{1,200}")
RIGHTS = ("may_introspect", "may_revoke", "may_exchange", "for_pages")
# What an unknown client's secret is compared with: the hash of nothing that anybody could send.
NOBODY = "0" * 64


def new_id() -> str:
    """A client id that was never used and tells nothing."""
    return f"client-{secrets.token_hex(16)}"


def check_audiences(text: str) -> None:
    """ValidationError unless this lists at least one audience, each of plain characters without a blank."""
    if not text.split():
        raise ValidationError(_("Name at least one audience."))
    if not all(AUDIENCE.fullmatch(each) for each in text.split()):
        raise ValidationError(_("An audience has at most 200 plain characters, and no blank."))


def check_scopes(text: str) -> None:
    """ValidationError unless each of these is a scope (RFC 6749 section 3.3)."""
    if not all(SCOPE.fullmatch(each) for each in text.split()):
        raise ValidationError(_('A scope has plain characters only, and no " or \\.'))


class Client(models.Model):
    """One caller: the audiences that it stands for, the scopes it may be given, and what it may call."""

    id = models.CharField(_("client id"), max_length=39, primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100)
    secret_hash = models.CharField(max_length=64, editable=False)
    audiences = models.TextField(
        _("audiences"),
        validators=[check_audiences],
        help_text=_("What it stands for, one in a line: tokens for these it may look at, end and ask for."),
    )
    scopes = models.TextField(
        _("scopes"), blank=True, validators=[check_scopes], help_text=_("What its tokens may be good for.")
    )
    may_introspect = models.BooleanField(
        _("may introspect"), default=False, help_text=_("Ask whether a token for its audiences is good.")
    )
    may_revoke = models.BooleanField(
        _("may revoke"), default=False, help_text=_("End the whole login that such a token carries.")
    )
    may_exchange = models.BooleanField(
        _("may exchange"),
        default=False,
        help_text=_("Exchange a person's access token for one for its audiences."),
    )
    for_pages = models.BooleanField(
        _("for pages"),
        default=False,
        help_text=_("Pages of this site may exchange a person's session for a token for its audiences."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off refuses it at once; its tokens expire within minutes.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    secret_at = models.DateTimeField(_("secret since"), auto_now_add=True)

    class Meta:
        app_label = "tokens_stateless"
        ordering = ("name", "pk")
        verbose_name = _("client")
        verbose_name_plural = _("clients")

    def __str__(self) -> str:
        return self.name

    @property
    def audience_set(self) -> frozenset[str]:
        """The audiences that it stands for."""
        return frozenset(self.audiences.split())

    @property
    def scope_set(self) -> frozenset[str]:
        """The scopes that its tokens may have."""
        return frozenset(self.scopes.split())


@sensitive_variables()
def make(
    *, name: str, audiences: Iterable[str], scopes: Iterable[str] = (), **rights: bool
) -> tuple[Client, str]:
    """A new client of this name with these rights (see `RIGHTS`), and its secret, which is told only now.

    ValidationError for audiences or scopes that are none.
    """
    client = Client(name=name, audiences="\n".join(audiences), scopes=" ".join(scopes), **rights)
    client.clean_fields(exclude=("secret_hash",))
    return client, add(client)


@sensitive_variables()
def add(client: Client, *, by: AbstractUser | None = None, request: HttpRequest | None = None) -> str:
    """Write a new client; returns its secret: 256 random bits, of which only a hash is kept."""
    secret = secrets.token_urlsafe(32)
    client.secret_hash = _hash(secret)
    _tidy(client)
    with transaction.atomic():
        client.save(force_insert=True)
        events.record("client_made", **_of(client, by=by, request=request))
    return secret


@sensitive_variables()
def renew(client: Client, *, by: AbstractUser | None = None, request: HttpRequest | None = None) -> str:
    """Give a client another secret, and return it; the old one is wrong from the commit on."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        Client.objects.filter(pk=client.pk).update(secret_hash=_hash(secret), secret_at=timezone.now())
        events.record("client_renewed", **_of(client, by=by, request=request))
    return secret


def change(
    client: Client,
    fields: Iterable[str],
    *,
    by: AbstractUser | None = None,
    request: HttpRequest | None = None,
) -> None:
    """Write these fields of a client, and tell what has changed; switching it off or on is told by name."""
    about = _of(client, by=by, request=request)
    _tidy(client)
    with transaction.atomic():
        before = Client.objects.select_for_update().get(pk=client.pk)
        names = sorted(name for name in fields if getattr(before, name) != getattr(client, name))
        client.save(update_fields=names)
        if "is_active" in names and client.is_active:
            events.record("client_switched_on", **about)
        elif "is_active" in names:
            events.record("client_switched_off", **about)
        if others := [name for name in names if name != "is_active"]:
            events.record("client_changed", fields=others, **about)


def may_ask_for_pages(audience: str) -> frozenset[str] | None:
    """The scopes with which our own pages may ask for this audience; None when it is none of theirs."""
    rows = Client.objects.filter(is_active=True, for_pages=True)
    offered = [row.scope_set for row in rows if audience in row.audience_set]
    return frozenset[str]().union(*offered) if offered else None


class _Sent(NamedTuple):
    """What a request says of its client, right or wrong."""

    client_id: str
    secret: str
    basic: bool


@sensitive_variables()
def authenticate(request: Request) -> Client | None:
    """The client that calls, by `client_secret_basic` or `client_secret_post` (RFC 6749 section 2.3.1).

    None when it sends no credentials, as our own pages and bearers do. Raises InvalidClient for what is
    wrong, unknown and switched off alike, and TooManyAttempts once that was too often. The right secret
    always passes, so nobody can lock a client out: it is too long to be guessed. One statement.
    """
    sent = _sent(request)
    if sent is None:
        return None
    known = Client.objects.filter(pk=sent.client_id).first() if ID.fullmatch(sent.client_id) else None
    right = hmac.compare_digest(_hash(sent.secret), known.secret_hash if known else NOBODY)
    if known is None or not right or not known.is_active:
        reason = "unknown" if known is None else "off" if right else "secret"
        _refuse(request._request, sent, reason=reason)
    return known


def required(client: Client | None, right: str) -> Client:
    """This client, if it is one and may do this; InvalidClient or UnauthorizedClient otherwise."""
    if client is None:
        raise InvalidClient
    if not getattr(client, right):
        raise UnauthorizedClient
    return client


@sensitive_variables()
def _sent(request: Request) -> _Sent | None:
    scheme, _space, credentials = request.headers.get("Authorization", "").partition(" ")
    form: Any = request.data
    named, secret = str(form.get("client_id") or ""), str(form.get("client_secret") or "")
    if scheme.lower() == "basic":
        try:
            client_id, held = _basic(credentials)
        except ValueError:
            _refuse(request._request, _Sent("", "", basic=True), reason="form")
        if secret or named not in ("", client_id):
            raise InvalidRequest(_("A client authenticates in one way only."))
        return _Sent(client_id, held, basic=True)
    if not secret and named in ("", conf.current().client_id):
        return None
    return _Sent(named, secret, basic=False)


@sensitive_variables()
def _basic(credentials: str) -> tuple[str, str]:
    # Each half is a value of a form first, so a colon in one of them is none here.
    name, secret = b64decode(credentials[:2048].strip(), validate=True).decode().split(":")
    return unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")


@sensitive_variables("sent")
def _refuse(request: HttpRequest, sent: _Sent, *, reason: str) -> NoReturn:
    # Other text may be anything, a secret in the wrong place too.
    named = sent.client_id if ID.fullmatch(sent.client_id) else None
    try:
        throttle.reserve(account=sent.client_id, address=device.address(request), purpose="client")
    except TooManyAttempts:
        events.note("client_refused_max", request=request, client=named)
        raise
    events.note("client_refused", request=request, client=named, reason=reason)
    raise InvalidClient(basic=sent.basic)


def _hash(secret: str) -> str:
    # A bare hash is enough: nobody can try out 256 random bits.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _tidy(client: Client) -> None:
    # A browser sends other ends of lines than were shown to it; that is no change.
    client.audiences = "\n".join(client.audiences.split())
    client.scopes = " ".join(client.scopes.split())


def _of(client: Client, *, by: AbstractUser | None, request: HttpRequest | None) -> dict[str, Any]:
    return {"request": request, "actor": by.public_id if by else None, "client": client.pk}
