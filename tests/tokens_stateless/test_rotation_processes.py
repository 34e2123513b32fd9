"""Rotation and staleness where several processes answer, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from authdemo.demo import PASSWORD
from tests.servers import wait_until
from tests.visitor import Answer, Visitor
from tests.web import WebServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(serve: Callable[..., WebServer]) -> WebServer:
    """Two processes."""
    return serve(workers=2)


def signed_in(server: WebServer, email: str) -> tuple[Visitor, dict[str, str]]:
    """A program, and the pair that it has been given."""
    program = Visitor(server.origin)
    return program, program.send("POST", "/api/token/", {"email": email, "password": PASSWORD}).json()


def test_fifty_parallel_uses_in_two_processes_give_one_successor_and_fifty_tokens_that_work(
    server: WebServer,
) -> None:
    """T1, T2"""
    program, pair = signed_in(server, "alice@example.com")
    barrier = Barrier(50)

    def use(_number: int) -> tuple[str, int]:
        barrier.wait(20)
        answer = program.send("POST", "/api/token/refresh/", {"refresh": pair["refresh"]})
        assert answer.status == 200, answer.text
        return answer.json()["refresh"], program.bearer(answer.json()["access"]).status

    with ThreadPoolExecutor(50) as pool:
        found = set(pool.map(use, range(50)))

    assert len(found) == 1
    assert {status for _successor, status in found} == {200}


def test_a_change_of_role_makes_a_token_stale_in_every_process_and_signs_nobody_out(
    server: WebServer,
) -> None:
    program, pair = signed_in(server, "bob@example.com")
    with server.another("rotation-second") as second:
        places = (server.origin, second.origin)

        def asked(access: str) -> list[Answer]:
            return [program.bearer(access, at=at) for at in places]

        before = [answer.json() for answer in asked(pair["access"])]
        change = "User.objects.get(email='bob@example.com'); bob.is_staff = True; bob.save()"
        server.manage("shell", "-c", f"from accounts.models import User; bob = {change}")
        refused: list[str] = []

        def is_refused() -> bool:
            refused[:] = [answer.json().get("code", "") for answer in asked(pair["access"])]
            return all(refused)

        # Each process hears for itself.
        wait_until(is_refused, what="the news", seconds=2)
        fresh = program.send(
            "POST", "/api/token/refresh/", {"refresh": pair["refresh"]}, at=second.origin
        ).json()
        after = [answer.json() for answer in asked(fresh["access"])]

    assert refused == ["token_stale", "token_stale"]
    assert [(told["is_staff"], told["login"]) for told in before] == [(False, before[0]["login"])] * 2
    assert [(told["is_staff"], told["login"]) for told in after] == [(True, before[0]["login"])] * 2
