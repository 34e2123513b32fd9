"""What listens where a Redis should be and is none: it is told in the log, and fails nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from accounts import conf, stream
from accounts.feed import News
from accounts.stream import Follower
from tests.accounts.entries import Opened, ids
from tests.accounts.noted import Noted
from tests.servers import free_port

pytestmark = [pytest.mark.nodb, pytest.mark.redis, pytest.mark.usefixtures("pushing")]


def pushes_to(port: int, settings: Any) -> None:
    settings.ACCOUNTS = replace(conf.current(), feed_url=f"redis://127.0.0.1:{port}/0")


ANSWERS = (
    b"",
    b"+OK\r\n",
    b":1\r\n",
    b"$-1\r\n",
    b"*1\r\n:1\r\n",
    b"*2\r\n",
    b"-LOADING\r\n",
    b"HTTP/1.1 400\r\n",
)


@pytest.fixture(params=ANSWERS, ids=lambda answer: answer.decode().strip() or "nothing")
def no_redis(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of something that answers everything with these bytes."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                with listening.accept()[0] as client, suppress(TimeoutError, ConnectionError):
                    client.settimeout(0.1)
                    while client.recv(65536) and request.param:
                        client.sendall(request.param)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve)
        serving.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
    serving.join(5)


def test_what_is_no_redis_fails_nobody(no_redis: int, settings: Any, noted: Noted) -> None:
    pushes_to(no_redis, settings)
    follower = Follower(f"redis://127.0.0.1:{no_redis}/0")

    stream.push(News(ended=ids(1)))
    tended = follower.tend()
    follower.arrived()
    follower.close()

    assert not tended
    assert "feed_lost" in noted.names()


@pytest.mark.parametrize(
    "answer", [b"+OK\r\n", b":1\r\n", b"*1\r\n:1\r\n", b"*1\r\n*1\r\n:7\r\n", b"-NOPERM x\r\n"]
)
def test_an_answer_to_the_reader_that_is_none_loses_the_feed_and_fails_nobody(
    follow: Opened, answer: bytes, noted: Noted
) -> None:
    follower: Any = follow()
    ours, theirs = socket.socketpair()
    follower._connection._parser._sock, follower._poll = ours, stream._polling(follower._connection)
    follower._poll.register(ours, 1)
    with ours, theirs:
        theirs.sendall(answer)

        assert follower.arrived() == []

    assert (follower.follows(), noted.names()) == (False, ["feed_lost"])


def test_nobody_listens(settings: Any, noted: Noted) -> None:
    port = free_port()
    pushes_to(port, settings)

    stream.push(News(ended=ids(1)))

    assert (Follower(f"redis://127.0.0.1:{port}/0").tend(), noted.names()) == (
        False,
        ["feed_push_failed", "feed_lost"],
    )
