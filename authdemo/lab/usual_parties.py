"""What third parties can do with the usual: simplejwt's tokens and Django's session cookie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpResponse
from django.test import RequestFactory

from authdemo.lab import doors


@dataclass(frozen=True, kw_only=True)
class Count:
    """So many were sent, and so many of them accepted."""

    sent: int
    accepted: int


@dataclass(frozen=True, kw_only=True)
class Cookie:
    """To whom a browser gives a session cookie: this host alone, scripts, requests of other sites."""

    host_only: bool
    hidden_from_scripts: bool
    same_site: str


def counted(accepted: Iterable[bool]) -> Count:
    """How many there were, and how many of them are true."""
    answers = list(accepted)
    return Count(sent=len(answers), accepted=sum(answers))


def usual(person: Any) -> dict[str, Any]:
    """simplejwt's token at the door that it was issued for, and one that is signed by who can verify it."""
    found, factory = doors.by_slug(), RequestFactory()
    doors_of_it = [found[slug].view for slug in (doors.STATELESS, doors.DEFAULT)]
    held = found[doors.STATELESS].sign_in(person)
    forged = doors.UsualAccess()
    forged["sub"], forged["is_staff"], forged["email"] = str(person.pk), True, "anybody@example.com"

    def accepted(header: str) -> Count:
        requests = [factory.get("/", headers={"Authorization": header}) for _door in doors_of_it]
        return counted(
            view(each).status_code == 200 for view, each in zip(doors_of_it, requests, strict=True)
        )

    return {
        "usual_elsewhere": accepted(held.header[1]),
        "usual_forged": accepted(f"Bearer {forged}"),
        "usual_cookies": _taken_there(person),
        "usual_cookie": _django_cookie(),
    }


def _taken_there(person: Any) -> Count:
    """Django's cookie at a service that has Django, too, but not the store that knows it."""
    name, value = doors.by_slug()[doors.MEMORY].sign_in(person).header
    memory = LocMemCache("sessions of somebody else", {})
    theirs = doors.djangos("theirs", type("Theirs", (doors.MemorySessionStore,), {"memory": memory}))
    request = RequestFactory().get("/", headers={name: value})
    return counted([theirs.view(request).status_code == 200])


def _django_cookie() -> Cookie:
    """As Django's own middleware sets it."""
    request: Any = RequestFactory().get("/")
    middleware = SessionMiddleware(lambda _request: HttpResponse())
    middleware.SessionStore = doors.MemorySessionStore
    middleware.process_request(request)
    request.session["known"] = True
    response = middleware.process_response(request, HttpResponse())
    request.session.flush()
    return cookie(response.cookies[settings.SESSION_COOKIE_NAME])


def cookie(morsel: Any) -> Cookie:
    """What a `Set-Cookie` line says of it."""
    return Cookie(
        host_only=not morsel["domain"],
        hidden_from_scripts=bool(morsel["httponly"]),
        same_site=morsel["samesite"],
    )
