"""Mail leaves after the answer and after the commit; what goes wrong with it is between us and the log."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connections, transaction
from django.test import override_settings
from django.utils import translation

from accounts import mail
from accounts.models import User
from accounts.testing import alice
from authdemo import env
from tests.servers import free_port

LINK = "https://example.com/password/reset/a-secret/?next=/&x=<y>"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.locmem.Loader",
                    {
                        "accounts/mail/hello_subject.txt": "Hello\n {{ name }}\n",
                        "accounts/mail/hello.txt": "Dear {{ name }},\n{{ link }}\n",
                    },
                )
            ]
        },
    }
]


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    yield
    mail.wait()


def test_a_job_runs_in_a_thread_of_its_own_and_the_caller_does_not_wait() -> None:
    go, threads = threading.Event(), []

    mail.send_later(lambda: threads.append((go.wait(10), threading.current_thread())))
    assert threads == []
    go.set()
    mail.wait()

    assert threads[0][0]
    assert threads[0][1] is not threading.current_thread()


def test_a_job_sees_what_the_transaction_has_committed() -> None:
    found: list[bool] = []

    with transaction.atomic():
        alice()
        mail.send_later(lambda: found.append(User.objects.filter(email="alice@example.com").exists()))
        mail.wait()
        assert found == []
    mail.wait()

    assert found == [True]


def test_a_transaction_that_is_rolled_back_sends_nothing() -> None:
    done: list[int] = []

    with transaction.atomic():
        mail.send_later(lambda: done.append(1))
        transaction.set_rollback(True)
    mail.wait()

    assert done == []


def test_waiting_includes_the_jobs_that_jobs_have_started() -> None:
    done: list[int] = []

    mail.send_later(lambda: mail.send_later(lambda: mail.send_later(lambda: done.append(1))))
    mail.wait()

    assert done == [1]


def test_a_job_speaks_the_language_of_the_request() -> None:
    spoken: list[str | None] = []

    for language in ("de", "fr"):
        with translation.override(language):
            mail.send_later(lambda: spoken.append(translation.get_language()))
    mail.wait()

    assert sorted(map(str, spoken)) == ["de", "fr"]


def test_a_job_leaves_no_connection_to_the_database_behind() -> None:
    used: list[Any] = []

    def look() -> None:
        User.objects.exists()
        used.append((connections["default"], connections["default"].connection is not None))

    mail.send_later(look)
    mail.wait()

    ((wrapper, was_open),) = used
    assert was_open
    assert wrapper.connection is None


def test_an_error_is_logged_without_its_text_and_the_next_job_runs(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def break_down() -> None:
        raise RuntimeError(LINK)

    for _ in range(2 * mail.THREADS):
        mail.send_later(break_down)
    mail.send_later(lambda: done.append(1))
    mail.wait()

    assert done == [1]
    assert {record.getMessage().split(" at ")[0] for record in caplog.records} == {
        "A mail was not sent: RuntimeError"
    }
    assert "a-secret" not in caplog.text


def test_beyond_the_longest_queue_jobs_are_dropped_and_that_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "LONGEST_QUEUE", 5)
    go, done = threading.Event(), []

    for _ in range(7):
        mail.send_later(lambda: done.append(go.wait(10)))
    go.set()
    mail.wait()

    assert done == [True] * 5
    assert [record.getMessage() for record in caplog.records] == ["A mail was dropped: 5 are waiting"] * 2


def test_a_process_that_gets_no_more_threads_goes_on_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_queues", {})
    mail._queue().pool.shutdown()

    with transaction.atomic():
        alice()
        mail.send_later(lambda: None)

    assert User.objects.filter(email="alice@example.com").exists()
    assert "A mail was dropped: cannot schedule new futures after shutdown" in caplog.text


@override_settings(TEMPLATES=TEMPLATES)
def test_a_mail_is_plain_text_that_nobody_s_absence_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    mail.send("hello", "alice@example.com", {"name": "Alice & Co.\nBcc: eve@example.com", "link": LINK})

    (message,) = outbox.outbox
    assert message.to == ["alice@example.com"]
    assert message.subject == "Hello Alice & Co. Bcc: eve@example.com"
    assert message.body == f"Dear Alice & Co.\nBcc: eve@example.com,\n{LINK}\n"
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}
    assert caplog.text == ""


@override_settings(TEMPLATES=TEMPLATES)
def test_a_mail_server_that_is_away_is_an_error_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    # As the environment says it, since Django 6.1 has other names for it.
    with override_settings(**env.email(f"smtp://127.0.0.1:{free_port()}?tls=off")):
        mail.send_later(partial(mail.send, "hello", "alice@example.com", {"link": LINK}))
        mail.wait()

    assert "ConnectionRefusedError" in caplog.text
    assert "a-secret" not in caplog.text
    assert "alice" not in caplog.text


def run(script: str) -> str:
    """What a process of its own prints that runs this script with the project's settings."""
    prepared = "import os, sys, threading, time, django; django.setup(); from accounts import mail\n" + script
    command = [sys.executable, "-W", "ignore", "-c", prepared]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.nodb
def test_a_process_that_ends_does_its_waiting_jobs_first() -> None:
    printed = run("for number in range(5): mail.send_later(lambda: (time.sleep(0.1), os.write(1, b'sent ')))")

    assert printed.split() == ["sent"] * 5


@pytest.mark.nodb
def test_a_forked_process_has_threads_of_its_own() -> None:
    printed = run(
        "mail.send_later(lambda: os.write(1, b'before ')); mail.wait()\n"
        "child = os.fork()\n"
        "mail.send_later(lambda: os.write(1, b'parent ' if child else b'child ')); mail.wait()\n"
        "if not child: os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )

    assert sorted(printed.split()) == ["before", "child", "parent"]
