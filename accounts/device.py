"""From where and with what somebody signs in: the client's address, its storage, a readable device name.

An address counts only as far as a trusted proxy vouches for it (ASVS 4.1.3): throttling rests on it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models
from django.forms import GenericIPAddressField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from ua_parser import BasicResolver, Domain, Parser, load_lazy_builtins

from accounts import conf

if TYPE_CHECKING:
    from django import forms
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Expression
    from django.db.models.lookups import Lookup
    from django.http import HttpRequest

    _AddressBase = models.Field[str | None, str | None]
else:
    _AddressBase = models.Field

LONGEST_AGENT = 512
LONGEST_NAME = 80
UNKNOWN = "Unknown device"

_IPV4_MAPPED = bytes(10) + b"\xff\xff"
_HOST_AND_PORT = re.compile(r"(?:\[(?P<six>[0-9A-Za-z:.%_-]+)\]|(?P<four>[0-9.]+))(?::[0-9]{1,5})?")
_PRODUCT = re.compile(r"(?!Mozilla\b)([A-Za-z][\w.+-]{1,39})(?:/|\s|\Z)", re.ASCII)
_LOOKUPS = frozenset({"exact", "in", "gt", "gte", "lt", "lte", "range", "isnull"})


@lru_cache(maxsize=8)
def trusted(proxies: tuple[str, ...]) -> tuple[tuple[IPv4Network | IPv6Network, ...], bool]:
    """The networks in `trusted_proxies`, and whether `unix` is among them; ImproperlyConfigured for junk."""
    try:
        networks = tuple(ip_network(proxy, strict=False) for proxy in proxies if proxy != "unix")
    except ValueError as error:
        raise ImproperlyConfigured(
            f"ACCOUNTS.trusted_proxies: {error} (nor is it the word 'unix')."
        ) from None
    return networks, "unix" in proxies


def address(request: HttpRequest) -> str | None:
    """The client's address in canonical form, or None where there is none (a socket file).

    That is the peer's, unless the peer is a trusted proxy: then the right-most entry of X-Forwarded-For
    that is no trusted proxy itself. An entry that is no address ends the walk at the last one that a
    trusted proxy saw.
    """
    found = _parsed(request.META.get("REMOTE_ADDR", ""))
    if not is_from_trusted_proxy(request):
        return _text(found)
    networks, _unix = trusted(conf.current().trusted_proxies)
    for entry in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        seen = _parsed(entry)
        if seen is None:
            break
        found = seen
        if not _vouches(seen, networks):
            break
    return _text(found)


def is_from_trusted_proxy(request: HttpRequest) -> bool:
    """Whether the peer is one of `trusted_proxies`, so that what it says of the request counts."""
    networks, unix = trusted(conf.current().trusted_proxies)
    peer = request.META.get("REMOTE_ADDR", "")
    return _vouches(_parsed(peer), networks) or (unix and not peer)


def canonical(text: str) -> str | None:
    """One spelling for each address: no port, brackets, zone or IPv6-mapped IPv4; None for junk."""
    return _text(_parsed(text))


def network_range(text: str) -> tuple[str, str] | None:
    """The lowest and highest address of a network ("10.0.0.0/8") or of one address; None for junk."""
    whole, slash, length = text.strip().partition("/")
    found = _parsed(whole)
    if found is None:
        return None
    try:
        network = ip_network(f"{found}/{length}" if slash else str(found), strict=False)
    except ValueError:
        return None
    return str(network[0]), str(network[-1])


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if match := _HOST_AND_PORT.fullmatch(text):
        text = match["six"] or match["four"]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return found
    return found.ipv4_mapped or IPv6Address(found.packed)


def _vouches(
    found: IPv4Address | IPv6Address | None, networks: tuple[IPv4Network | IPv6Network, ...]
) -> bool:
    return found is not None and any(found in network for network in networks)


def _text(found: IPv4Address | IPv6Address | None) -> str | None:
    return None if found is None else str(found)


def name(request: HttpRequest) -> str:
    """A name for people's eyes: "Chrome on Windows", "curl" or "Unknown device"; at most 80 plain characters.

    It is what the client says of itself, so nothing may rest on it. A User-Agent not seen lately costs up
    to 5 ms.
    """
    agent: str = request.META.get("HTTP_USER_AGENT", "")
    return _named(agent.encode("utf-8", "replace")[:LONGEST_AGENT].decode("utf-8", "ignore"))


def in_words(stored: str | None) -> str:
    """What `name` has said once, in the active language: it is kept in English. Nothing for None."""
    if stored is None:
        return ""
    if stored in ("", UNKNOWN):
        return gettext("Unknown device")
    client, on, system = stored.rpartition(" on ")
    return gettext("%(client)s on %(system)s") % {"client": client, "system": system} if on else stored


@lru_cache(maxsize=1)
def _parser() -> Parser:
    # Its own cache is left out: it would keep a second copy of every User-Agent beside ours.
    return Parser(BasicResolver(load_lazy_builtins()))


@lru_cache(maxsize=1024)
def _named(agent: str) -> str:
    found = _parser()(agent, Domain.USER_AGENT | Domain.OS)
    product = _PRODUCT.match(agent)
    client = found.user_agent.family if found.user_agent else product[1] if product else ""
    system = found.os.family.replace("Mac OS X", "macOS") if found.os else ""
    if system == "iOS" and "iPad" in agent:
        system = "iPadOS"
    return _plain(" on ".join(filter(None, (client, system)))) or UNKNOWN


def _plain(text: str) -> str:
    # The categories C… hold control, bidi and unassigned characters and surrogates.
    kept = "".join(character for character in text if unicodedata.category(character)[0] != "C")
    return " ".join(kept.split())[:LONGEST_NAME].strip()


class AddressField(_AddressBase):
    """An address as 16 bytes that sort as addresses do (IPv4 as ::ffff:a.b.c.d).

    A network is so one range of an index. Python sees text in canonical form, or None. Lookups take text:
    exact, in, gt, gte, lt, lte, range, isnull. What is no address raises ValueError in a lookup or a
    save, and ValidationError in `full_clean`.
    """

    description = _("Network address")
    empty_strings_allowed = False

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        # What is left out (contains, regex …) would compare bytes with text and silently find nothing.
        return super().get_lookup(lookup_name) if lookup_name in _LOOKUPS else None

    def to_python(self, value: str | None) -> str | None:
        if not value:
            return None
        if (text := canonical(str(value))) is None:
            raise ValidationError(_("Enter a valid IPv4 or IPv6 address."), code="invalid")
        return text

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            # What was just saved then reads as it will after the next load; a form's empty text becomes NULL.
            value = (canonical(value) or value) if value else None
            setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if value is None or hasattr(value, "resolve_expression"):
            return value
        if (found := _parsed(str(value))) is None:
            raise ValueError(f"{self.name} takes an IPv4 or IPv6 address.")
        return found.packed if isinstance(found, IPv6Address) else _IPV4_MAPPED + found.packed

    def from_db_value(
        self, value: Any, expression: Expression, connection: BaseDatabaseWrapper
    ) -> str | None:
        if value is None:
            return None
        found = IPv6Address(bytes(value))
        return str(found.ipv4_mapped or found)

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return super().formfield(**{"form_class": GenericIPAddressField, **kwargs})
