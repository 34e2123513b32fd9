"""Mail, and whatever leads to one, outside of the request, so that its time tells nobody what is known here.

Looking somebody up, rendering and talking to a mail server take time that only a known address costs
(ASVS 6.3.8).
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Mapping
from concurrent import futures
from functools import partial
from typing import Any

from django.core.mail import EmailMessage
from django.db import connections, transaction
from django.template import Context, Engine
from django.utils import translation

THREADS = 2
LONGEST_QUEUE = 1_000

logger = logging.getLogger(__name__)


class _Queue:
    """The threads of one process and the jobs that they have not finished."""

    def __init__(self) -> None:
        self.pool = futures.ThreadPoolExecutor(THREADS, thread_name_prefix="mail")
        self.pending: set[futures.Future[None]] = set()


# By process id: a forked child inherits its parent's queue, but none of the threads that would empty it.
_queues: dict[int, _Queue] = {}


def send_later(job: Callable[[], None]) -> None:
    """Run `job` in a thread of this process once the open transaction has committed, in the active language.

    Never raises for the job: an error is logged by its kind and place alone, because its text may hold an
    address or a link. A job that waits when the process ends normally is still done; one in a process
    that is killed is lost. Beyond 1,000 waiting jobs, and where no thread can be had, new ones are dropped,
    and that is logged.
    """
    transaction.on_commit(partial(_submit, job, translation.get_language()))


def wait() -> None:
    """Return when no job of this process is left, those included that jobs have started meanwhile."""
    queue = _queue()
    while queue.pending:
        futures.wait(list(queue.pending))


def send(template: str, to: str, context: Mapping[str, Any]) -> None:
    """Send accounts/mail/<template>.txt with its <template>_subject.txt; errors of the mail server pass.

    Nothing is escaped, for both are plain text.
    """
    subject, body = (_rendered(f"accounts/mail/{template}{part}.txt", context) for part in ("_subject", ""))
    # RFC 3834 section 5: so that no out-of-office notice answers it.
    headers = {"Auto-Submitted": "auto-generated"}
    EmailMessage(" ".join(subject.split()), body, to=[to], headers=headers).send()


def _rendered(name: str, context: Mapping[str, Any]) -> str:
    return Engine.get_default().get_template(name).render(Context(dict(context), autoescape=False))


def _queue() -> _Queue:
    # setdefault is atomic where a lock of ours could be held by another thread at the moment of a fork.
    return _queues.get(os.getpid()) or _queues.setdefault(os.getpid(), _Queue())


def _submit(job: Callable[[], None], language: str | None) -> None:
    queue = _queue()
    if len(queue.pending) >= LONGEST_QUEUE:
        logger.error("A mail was dropped: %d are waiting", LONGEST_QUEUE)
        return
    try:
        future = queue.pool.submit(_run, job, language)
    except RuntimeError as error:
        # The process is about to end, or may have no further thread; and what asks has been committed.
        logger.error("A mail was dropped: %s", error)  # noqa: TRY400 - there is no more to tell
        return
    queue.pending.add(future)
    future.add_done_callback(queue.pending.discard)


def _run(job: Callable[[], None], language: str | None) -> None:
    try:
        with translation.override(language):
            job()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        logger.error("A mail was not sent: %s at %s:%d", kind, place.filename, place.lineno)  # noqa: TRY400
    finally:
        # Nobody sends these threads the end of a request, at which Django would do it.
        connections.close_all()
