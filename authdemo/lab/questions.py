"""What is asked of the console's lists when they are measured: each filter, search and sort, and mixtures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from accounts.models import Event, Login, User
from authdemo.lab.crowd import OFFICE, STRANGER

DAY = timedelta(days=1)
# Columns of our list of Logins for `o=` (the first has the boxes), and of the stock one.
SEEN, EXPIRES = "6", "7"
STOCK_SEEN = "6"


@dataclass(frozen=True)
class Case:
    """A list that somebody asks for; `stock` is the same question to Django's own list, where it knows it."""

    name: str
    model: Any
    query: Mapping[str, str]
    stock: Mapping[str, str] | None = None
    # How long ago is the middle of it; people have theirs by name.
    middle: timedelta = 45 * DAY


def cases() -> list[Case]:
    """What is asked; the people and Logins of it are among those that `crowd.fill` makes."""
    person = User.objects.get(email="zoe.7@example.com")
    login = Login.objects.filter(user=person).values_list("pk", flat=True)[0]
    busy = User.objects.get(email="ada.0@example.com")
    live = {"state": "live"}
    return [
        Case("all logins", Login, {}, {}),
        Case("all, the oldest first", Login, {"o": "5"}, {"o": "5"}),
        Case("live", Login, live, None, 15 * DAY),
        Case("live, the oldest first", Login, {**live, "o": "5"}, None, 15 * DAY),
        Case("live, by last seen", Login, {**live, "o": f"-{SEEN}"}, {"o": f"-{STOCK_SEEN}"}, 5 * DAY),
        Case("live, the longest idle first", Login, {**live, "o": SEEN}, None, 5 * DAY),
        Case("live, by expiry", Login, {**live, "o": EXPIRES}, None, -10 * DAY),
        Case("expired", Login, {"state": "expired"}),
        Case("ended", Login, {"state": "ended"}),
        Case("flow: token", Login, {"flow": "token"}, {"flow__exact": "token"}),
        Case("flow: token, live", Login, {"flow": "token", **live}, None, 15 * DAY),
        Case("reason: signed out", Login, {"reason": "logout"}, {"end_reason__exact": "logout"}),
        Case(
            "reason: a replayed token",
            Login,
            {"reason": "refresh_reused"},
            {"end_reason__exact": "refresh_reused"},
        ),
        Case(
            "reason: one that no Login has",
            Login,
            {"reason": "over_limit"},
            {"end_reason__exact": "over_limit"},
        ),
        Case("idle for a day", Login, {"idle": "1d"}, None, 15 * DAY),
        Case("idle for a week, live", Login, {"idle": "7d", **live}, None, 20 * DAY),
        Case("idle for a month, the longest first", Login, {"idle": "30d", "o": SEEN}),
        Case("started within a day", Login, {"since": "1d"}, None, DAY / 2),
        Case("started more than 80 days ago", Login, {"before": "80d"}, None, 85 * DAY),
        Case("of operators", Login, {"staff": "yes"}, {"user__is_staff__exact": "1"}),
        Case("of operators, live", Login, {"staff": "yes", **live}),
        Case("of no operator", Login, {"staff": "no"}, {"user__is_staff__exact": "0"}),
        Case("email: one person", Login, {"q": "zoe.7@"}, {"q": "zoe.7@"}),
        Case("email: 111 people", Login, {"q": "zoe.17"}, {"q": "zoe.17"}),
        Case("email: 1,035 people", Login, {"q": "zoe.1"}, {"q": "zoe.1"}),
        Case("email: 1,923 people", Login, {"q": "zoe"}, {"q": "zoe"}),
        Case("email: nobody", Login, {"q": "nobody@"}, {"q": "nobody@"}),
        Case("email and live and a day idle", Login, {"q": "ada", "idle": "1d", **live}),
        Case("address: an office", Login, {"q": OFFICE}),
        Case("address: of a stranger", Login, {"q": STRANGER}),
        Case("network: 10.0.0.0/8", Login, {"q": "10.0.0.0/8"}),
        Case("network: 10.0.0.0/14", Login, {"q": "10.0.0.0/14"}),
        Case("network: 10.1.2.0/24", Login, {"q": "10.1.2.0/24"}),
        Case("network: 192.0.2.0/24 (nearly none)", Login, {"q": "192.0.2.0/24"}),
        Case("network: 2001:db8::/32", Login, {"q": "2001:db8::/32"}),
        Case("an office, a rare reason", Login, {"q": OFFICE, "reason": "revoked_by_owner"}),
        Case(
            "10.0.0.0/8, no operator, token, live",
            Login,
            {"q": "10.0.0.0/8", "staff": "no", "flow": "token", **live},
        ),
        Case("an id of a login", Login, {"q": str(login)}, {"q": str(login)}),
        Case("an id of a person", Login, {"q": str(person.pk)}),
        Case("people", User, {}, {}),
        Case("people, backwards", User, {"o": "-1"}, {"o": "-1"}),
        Case("people: zoe", User, {"q": "zoe"}, {"q": "zoe"}),
        Case("people: zoe.1", User, {"q": "zoe.1"}, {"q": "zoe.1"}),
        Case("people: operators", User, {"is_staff__exact": "1"}, {"is_staff__exact": "1"}),
        Case("people: disabled", User, {"is_active__exact": "0"}, {"is_active__exact": "0"}),
        Case(
            "people: z, no operator",
            User,
            {"q": "z", "is_staff__exact": "0"},
            {"q": "z", "is_staff__exact": "0"},
        ),
        Case("events", Event, {}, {}, DAY * 3 / 2),
        Case(
            "events: sign-ins",
            Event,
            {"name": "authn_login_success"},
            {"name": "authn_login_success"},
            DAY * 3 / 2,
        ),
        Case("events: a rare name", Event, {"q": "authn_password"}, {"q": "authn_password"}, DAY * 3 / 2),
        Case("events: of a person", Event, {"q": str(busy.pk)}, {"q": str(busy.pk)}, 30 * DAY + DAY / 2),
    ]
