"""What an orchestrator asks: `/healthz`, is this process alive; `/readyz`, could it serve a person now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import conf, standing, whereabouts
from accounts.nodes import Nodes

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0


# A transaction around the request would need the database that may be away.
@transaction.non_atomic_requests
@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """200 `ok` from any process that answers. No I/O: a database that is away is no reason to restart."""
    return HttpResponse("ok", content_type="text/plain")


@transaction.non_atomic_requests
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers within a second and standing is fresh; else 503.

    A Redis that is away is told and no reason for 503: everything goes on without it, and taking every
    process out of service would turn its outage into one of the whole site. `redis` and `feed_followed` are
    null where there is none to ask or to follow, `standing_age_seconds` where the ledger was not read in
    time; `ledger_asked` counts the answers of this process for which its standing was too old.
    """
    database, store, age = _answers(_ask_database, _ask_redis, standing.age)
    fresh = age is not None and age <= conf.current().standing_budget.total_seconds()
    is_ready = bool(database) and fresh
    found = {
        "ready": is_ready,
        "database": bool(database),
        "redis": bool(store) if settings.REDIS_URL else None,
        "feed_followed": standing.here().follows(),
        "standing_age_seconds": None if age is None else round(age, 3),
        "ledger_asked": standing.here().asked,
    }
    return JsonResponse(found, status=200 if is_ready else 503)


def _ask_database() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return 1


def _ask_redis() -> float | None:
    if not settings.REDIS_URL:
        return None
    Nodes(whereabouts.find(settings.REDIS_URL, patience_seconds=PATIENCE_SECONDS)).reach()
    return 1


class Question(Thread):
    """One question in a thread of its own: a server that is half away may not answer for minutes.

    A daemon, unlike the threads of an executor: it must not hold up the end of the process.
    """

    def __init__(self, ask: Callable[[], float | None]) -> None:
        super().__init__(name=f"readyz {ask.__name__}", daemon=True)
        self.ask = ask
        self.answer: float | None = None

    def run(self) -> None:
        """Ask; no answer stays None."""
        try:
            self.answer = self.ask()
        except Exception as error:
            # Its class only: messages of drivers name hosts and people.
            logger.warning("not ready: %s: %s", self.name, type(error).__name__)
        finally:
            connection.close()


_asking: dict[Callable[[], float | None], Question] = {}
_lock = Lock()


def _asked(ask: Callable[[], float | None]) -> Question:
    # Whoever asks while the same question is open waits for its answer, so no number of probes opens a second
    # connection.
    with _lock:
        question = _asking.get(ask)
        if question is None or not question.is_alive():
            question = _asking[ask] = Question(ask)
            question.start()
        return question


def _answers(*asks: Callable[[], float | None]) -> list[float | None]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    questions = [_asked(ask) for ask in asks]
    for question in questions:
        question.join(max(0.0, deadline - time.monotonic()))
    return [question.answer for question in questions]
