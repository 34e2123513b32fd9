"""What one request needs, as it is counted: bytes over the wire, and round trips to Redis."""

from __future__ import annotations

import threading

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from redis import Redis

from authdemo.lab import trips, wire
from tests.servers import RedisServer


@pytest.mark.nodb
def test_the_credential_and_its_answer_are_counted_as_lines_of_a_header() -> None:
    def call() -> HttpResponse:
        RequestFactory().get("/", headers={"Authorization": "Bearer abc"})
        answer = HttpResponse(b"known", headers={"Vary": "Cookie"})
        answer.set_cookie("sid", "xyz")
        return answer

    answer = "Content-Type: text/html; charset=utf-8\r\nVary: Cookie\r\nSet-Cookie: sid=xyz; Path=/\r\nknown"
    assert wire.size(call) == (len("Authorization: Bearer abc\r\n"), len(answer))


@pytest.mark.nodb
def test_a_body_is_counted_with_what_announces_it() -> None:
    def call() -> HttpResponse:
        RequestFactory().post("/", b"{}", content_type="text/json")
        return HttpResponse()

    assert wire.size(call)[0] == len("Content-Type: text/json\r\nContent-Length: 2\r\n{}")


@pytest.mark.nodb
@pytest.mark.redis
def test_what_this_thread_sends_to_redis_is_a_round_trip_and_a_pipeline_is_one(
    redis_server: RedisServer,
) -> None:
    with Redis.from_url(redis_server.url()) as client:
        client.ping()
        other = threading.Thread(target=client.ping)

        with trips.counted() as made:
            client.set("name", "value")
            client.pipeline().get("name").get("name").execute()
            client.xread({"stream": "0"})
            other.start()
            other.join()

        client.ping()
        assert made == [2]
