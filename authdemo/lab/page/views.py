"""GET /lab/ and the buttons on it: two clients of one person's, one flow each, side by side.

Each button is a form. The act is done, kept in the visitor's session, and shown by the page to which the
answer leads; a script sends the form and swaps the panes, and without it all is the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from authdemo import conf
from authdemo.lab.page import acts, attacks, inside, kept, servers, shown, switch, words
from authdemo.lab.page.bench import Bench, Do, NoDemoPerson
from authdemo.lab.page.client import NoAnswer
from authdemo.lab.page.panes import ASKED_AGAIN, PERSON
from authdemo.lab.page.shown import Exchange

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

ACTS: dict[str, Do] = {
    "sign-in": acts.sign_in,
    "call": acts.call,
    "call-100": acts.hundred,
    "sign-out": acts.sign_out,
    "end": acts.end,
    "role": acts.role,
    "wait": acts.wait,
    "tamper": attacks.tamper,
    "replay": attacks.replay,
    "tabs": attacks.tabs,
    "drop": attacks.drop,
    "forget": servers.forget,
    "rotate": servers.rotate,
    "stop-redis": servers.stop_redis,
    "start-redis": servers.start_redis,
}
OF_REDIS = ("stop-redis", "start-redis")
# An act holds a thread while it asks this very server. `make run` has four in each process: so many may, and
# others are left to answer.
AT_ONCE = 2
STOPS: dict[type[Exception], str] = {
    NoAnswer: "no_answer",
    NoDemoPerson: "no_person",
    inside.NotTheDemos: "not_ours",
    switch.NoSwitch: "no_switch",
}

_places = threading.BoundedSemaphore(AT_ONCE)


def _only_where_on(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not conf.lab().is_on:
            raise Http404
        return view(request, *args, **kwargs)

    return checked


@dataclass(frozen=True, kw_only=True)
class Button:
    """One act, as it is offered."""

    name: str
    title: StrPromise
    help: StrPromise


@_only_where_on
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """GET /lab/"""
    bench = Bench(kept.read(request))
    offered = [name for name in ACTS if name not in OF_REDIS or switch.is_there()]
    shown_panes = [_pane(bench, pane.flow) for pane in bench.panes]
    last = bench.last.get("act")
    about: dict[str, Any] = {
        "person": PERSON,
        "buttons": [Button(name=name, title=_title(name), help=words.BUTTONS[name][1]) for name in offered],
        "panes": shown_panes,
        "last": _title(last) if last else None,
        "earlier": [{**one, "title": _title(one["act"])} for one in bench.earlier],
        "seconds": inside.SHORT_SECONDS if last == "wait" else None,
    }
    return render(request, "lab/page.html", about)


@_only_where_on
@require_POST
# What is done here is asked for over HTTP by another thread; a transaction around it would wait for itself.
@transaction.non_atomic_requests
def act(request: HttpRequest, name: str) -> HttpResponse:
    """POST /lab/<name>/"""
    if name not in ACTS or (name in OF_REDIS and not switch.is_there()):
        raise Http404
    # At once or not at all: whoever waited would hold one of the threads that are to answer.
    if not _places.acquire(blocking=False):
        messages.warning(request, words.STOPPED["busy"])
        return redirect("lab")
    bench = Bench(kept.read(request))
    try:
        bench.run(name, ACTS[name])
    except tuple(STOPS) as error:
        messages.warning(request, words.STOPPED[STOPS[type(error)]])
    finally:
        _places.release()
        kept.write(request, bench.state())
    return redirect("lab")


def _title(name: str) -> StrPromise:
    return words.BUTTONS[name][0]


def _pane(bench: Bench, flow: str) -> dict[str, Any]:
    """What is shown of one pane."""
    told = bench.last.get(flow, {})
    exchanges = [Exchange(**one) for one in told.get("exchanges", ())]
    said = told.get("said")
    return {
        "flow": flow,
        "is_in": (bench.session if flow == "session" else bench.token).is_in,
        "holds": _holds(bench, flow),
        "claims": shown.decoded(bench.token.access) if flow == "token" else {},
        "why": words.WHY[said["code"]] % said["figures"] if said else None,
        "exchanges": [{"of": one, "by": words.BY.get(one.by, "")} for one in exchanges],
        "steps": _steps(flow, exchanges),
    }


def _holds(bench: Bench, flow: str) -> list[tuple[str, str]]:
    if flow == "session":
        return [(name, shown.cut(value)) for name, value in sorted(bench.session.cookies.items())]
    held = (("access", bench.token.access), ("refresh", bench.token.refresh_token))
    return [(name, shown.cut(value)) for name, value in held if value]


def _steps(flow: str, exchanges: list[Exchange]) -> list[dict[str, Any]]:
    """Each step of the flow, and what has become of it: the last exchange that came to it tells."""
    state: dict[int, str] = {}
    for one in exchanges:
        for step in one.steps:
            state[step] = "failed" if step == one.steps[-1] and not one.good else "done"
            if one.steps == list(ASKED_AGAIN):
                state[step] = "now"
    return [
        {"number": number, "text": text, "state": state.get(number, "")}
        for number, text in enumerate(words.STEPS[flow], start=1)
    ]
