"""What Logins are looked for: one answer for the admin, the API and the command line.

`Search.read({"state": "live", "email": "ali"})` reads what somebody typed; the search it returns is a
queryset (`matching`), a sentence for people (`words`) and plain text to be kept (`values`). Pages of it come
from accounts/listing.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q
from django.utils import formats, timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import device, flows, people
from accounts.logins import EndReason, Login, LoginQuerySet

STATES = ("live", "expired", "ended")
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST_SPAN = timedelta(days=36_500)


class BadSearch(ValueError):
    """Words that no search can be made of: `errors` has a sentence for each, by the name of its field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {error}" for name, error in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True, kw_only=True)
class Search:
    """Conditions that all hold; None asks for nothing. Only `read` checks what they are.

    A Login is `live`, or `expired` (past its end, and not yet recorded as ended), or `ended`; `idle` ones
    have not ended either. "Now" is `at`, the moment at which the search was made: whoever works through it
    for long does not see it change.
    """

    state: str | None = None
    flow: str | None = None
    reason: str | None = None
    idle: timedelta | None = None
    since: datetime | None = None
    before: datetime | None = None
    staff: bool | None = None
    email: str | None = None
    address: str | None = None
    login: UUID | None = None
    person: UUID | None = None
    at: datetime = field(default_factory=timezone.now)

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Search:
        """The search that these texts ask for, by the names of its fields; empty ones ask for nothing.

        `idle` is a span ("90s", "30m", "12h", "7d", "2w"); `since` and `before` compare with the sign-in and
        are an instant ("2026-11-23T08:00Z"), a date, or a span ago; `staff` is "yes" or "no"; `email` is the
        beginning of an address, `address` a client's address or network ("10.0.0.0/8", "2001:db8::/32").
        Raises BadSearch, also for names that it does not know: whatever ends all that matches must not take a
        misspelt condition for none.
        """
        made: dict[str, Any] = {"at": timezone.now()}
        errors: dict[str, str] = {}
        if values.get("at"):
            # First, because spans ago are meant from there.
            _take("at", values["at"], made, errors)
        for name, text in values.items():
            if name not in _READERS:
                errors[name] = _("There is no such condition.")
            elif text != "" and name != "at":
                _take(name, text, made, errors)
        if errors:
            raise BadSearch(errors)
        return cls(**made)

    def given(self) -> dict[str, Any]:
        """The conditions that there are, by name."""
        held = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "at"}
        return {name: value for name, value in held.items() if value is not None}

    def values(self) -> dict[str, str]:
        """Texts of which `read` makes the same search again, at any later time."""
        return {name: _text(value) for name, value in (*self.given().items(), ("at", self.at))}

    def matching(self) -> LoginQuerySet:
        """All Logins for which every condition holds, in no order; to be worked through in batches."""
        return Login.objects.filter(self.condition())

    def condition(self) -> Q:
        """The same as a condition on Logins."""
        held = Q()
        for name, value in self.given().items():
            held &= _CONDITIONS[name](value, self.at)
        return held

    def words(self) -> str:
        """The search as people say it: "live logins, session flow, started before 1 Nov. 2026, 8 a.m."."""
        given = self.given()
        states = {"live": _("live logins"), "expired": _("expired logins"), "ended": _("ended logins")}
        first = states.get(given.pop("state", ""), _("all logins") if not given else _("logins"))
        return ", ".join([first, *(_WORDS[name](value) for name, value in given.items())])


def _take(name: str, text: str, made: dict[str, Any], errors: dict[str, str]) -> None:
    try:
        if "\0" in text:
            raise ValueError(_("There is a character in it that cannot be."))  # noqa: TRY301 - as the readers do
        made[name] = _READERS[name](text.strip(), made["at"])
    except ValueError as error:
        errors[name] = str(error)


def recognised(text: str) -> dict[str, str]:
    """What somebody means who types into one field alone: an id, an address or network, or an email address.

    Of an id one statement tells whether it is a Login's.
    """
    text = text.strip()
    try:
        uuid = UUID(text)
    except ValueError:
        return {"address" if device.network_range(text) else "email": text} if text else {}
    return {"login" if Login.objects.filter(pk=uuid).exists() else "person": str(uuid)}


def email_begins(text: str, *, at: str = "email_key") -> Q:
    """That an address begins so, in any spelling; in a form in which the index of `at` answers it."""
    key = people.email_key(text)
    if connection.vendor != "sqlite":
        return Q(**{f"{at}__startswith": key})
    # LIKE minds no capitals there, and uses no index; this order is that of the code points.
    found = Q(**{f"{at}__gte": key})
    if not (rest := key.rstrip("\U0010ffff")):
        return found
    # Between these two are the surrogates, which no text holds.
    following = "\ue000" if rest[-1] == "\ud7ff" else chr(ord(rest[-1]) + 1)
    return found & Q(**{f"{at}__lt": rest[:-1] + following})


def _one_of(*known: str) -> Callable[[str, datetime], str]:
    def read(text: str, _at: datetime) -> str:
        if text not in known:
            raise ValueError(_("This is none of: %(known)s.") % {"known": ", ".join(known)})
        return text

    return read


def _flow(text: str, at: datetime) -> str:
    return _one_of(*(name for name, _label in flows.choices()))(text, at)


def _staff(text: str, at: datetime) -> bool:
    return _one_of("yes", "no")(text, at) == "yes"


def _span(text: str, _at: datetime) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match and (span := timedelta(**{_UNITS[match[2]]: int(match[1])})) <= LONGEST_SPAN:
        return span
    raise ValueError(_("This is no span of time, such as 30m, 12h or 7d."))


def _instant(text: str, at: datetime) -> datetime:
    if _SPAN.fullmatch(text):
        return at - _span(text, at)
    try:
        day = parse_date(text)
        found = datetime.combine(day, time()) if isinstance(day, date) else parse_datetime(text)
    except ValueError:
        found = None
    if found is None or not 1900 <= found.year <= 9000:
        raise ValueError(_("This is no instant, such as 2026-11-23T08:00Z, 2026-11-23 or 7d (ago)."))
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def _email(text: str, _at: datetime) -> str:
    key = people.email_key(text)
    if not 0 < len(key) <= people.LONGEST_EMAIL or any(0xD800 <= ord(each) < 0xE000 for each in key):
        raise ValueError(_("No email address begins like this."))
    return key


def _address(text: str, _at: datetime) -> str:
    found = device.network_range(text)
    if found is None:
        raise ValueError(_("This is no address or network, such as 203.0.113.9 or 10.0.0.0/8."))
    return found[0] if found[0] == found[1] else text


def _id(text: str, _at: datetime) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError(_("This is no id.")) from None


_READERS: dict[str, Callable[[str, datetime], Any]] = {
    "state": _one_of(*STATES),
    "flow": _flow,
    "reason": _one_of(*EndReason.values),
    "idle": _span,
    "since": _instant,
    "before": _instant,
    "staff": _staff,
    "email": _email,
    "address": _address,
    "login": _id,
    "person": _id,
    "at": _instant,
}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return f"{int(value.total_seconds())}s"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _in_state(state: str, at: datetime) -> Q:
    if state == "ended":
        return Q(ended_at__isnull=False)
    return Q(ended_at__isnull=True) & (Q(expires_at__gt=at) if state == "live" else Q(expires_at__lte=at))


def _in_network(text: str, _at: datetime) -> Q:
    lowest, highest = device.network_range(text) or (text, text)
    return Q(address=lowest) if lowest == highest else Q(address__gte=lowest, address__lte=highest)


def _of_person(public_id: UUID, _at: datetime) -> Q:
    return Q(**{f"user__{get_user_model().PUBLIC_ID_FIELD}": public_id})


_CONDITIONS: dict[str, Callable[[Any, datetime], Q]] = {
    "state": _in_state,
    "flow": lambda flow, _at: Q(flow=flow),
    "reason": lambda reason, _at: Q(end_reason=reason, ended_at__isnull=False),
    "idle": lambda span, at: Q(ended_at__isnull=True, seen_at__lte=at - span),
    "since": lambda instant, _at: Q(started_at__gte=instant),
    "before": lambda instant, _at: Q(started_at__lt=instant),
    "staff": lambda is_staff, _at: Q(user__is_staff=is_staff),
    "email": lambda text, _at: email_begins(text, at="user__email_key"),
    "address": _in_network,
    "login": lambda login, _at: Q(pk=login),
    "person": _of_person,
}


def _moment(instant: datetime) -> str:
    return str(formats.date_format(timezone.localtime(instant), "DATETIME_FORMAT"))


_WORDS: dict[str, Callable[[Any], str]] = {
    "flow": lambda flow: _("%(flow)s flow") % {"flow": getattr(flows.get(flow), "label", flow)},
    "reason": lambda reason: str(EndReason(reason).label),
    "idle": lambda span: _("idle for at least %(span)s") % {"span": _span_words(span)},
    "since": lambda instant: _("started since %(instant)s") % {"instant": _moment(instant)},
    "before": lambda instant: _("started before %(instant)s") % {"instant": _moment(instant)},
    "staff": lambda is_staff: _("of operators") if is_staff else _("of people who are no operators"),
    "email": lambda text: _("of people whose address begins with “%(text)s”") % {"text": text},
    "address": lambda text: _("from %(address)s") % {"address": text},
    "login": lambda login: _("with the id %(id)s") % {"id": login},
    "person": lambda person: _("of the person %(id)s") % {"id": person},
}


def _span_words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 60:
        return ngettext("%(number)d second", "%(number)d seconds", seconds) % {"number": seconds}
    now = timezone.now()
    return timesince(now - span, now, depth=2)
