"""Two processes that have said that they are there, and ends of which somebody wants a receipt."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from accounts import receipt, statements
from accounts.logins import Login
from accounts.receipt import Receipt
from accounts.tally import Tally
from tests.accounts import another_receipt
from tests.accounts.another import AnotherProcess
from tests.accounts.neighbours import Neighbours
from tests.accounts.rows import end
from tests.servers import wait_until

FEED = "authdemo:feed"
PROCESSES = statements.name_of_processes(FEED)


class Company:
    """The neighbours, of whom Redis has heard; what they are called, and their fields."""

    def __init__(self, neighbours: Neighbours) -> None:
        self.neighbours = neighbours
        self.redis, self.proxy = neighbours.redis, neighbours.proxy
        self.near, self.far = neighbours.near, neighbours.far
        self.names: dict[AnotherProcess, str] = {}
        self.fields: dict[AnotherProcess, bytes] = {}
        for process in (self.near, self.far):
            self.announce(process)

    def announce(self, process: AnotherProcess) -> None:
        """Return once Redis has heard of it."""
        told = process.ask("receipt", "announce")
        self.names[process], self.fields[process] = told["name"], bytes.fromhex(told["field"])

    def rely(self) -> None:
        """From now on they know from the feed alone."""
        for process in (self.near, self.far):
            process.ask("feed", "rely")


def ended(*some: Login) -> Receipt:
    """End these; the receipt."""
    with receipt.wanted() as mine:
        end(*some)
    return mine


def settled(mine: Receipt, *, seconds: float = 5) -> Tally:
    """What it says when nothing more will come; that must be soon."""
    tally = mine.wait(seconds)
    assert tally.is_settled, tally
    return tally


def silent(tally: Tally) -> list[str]:
    """The names of those who have not answered."""
    return [str(one) for one in tally.silent]


def until(mine: Receipt, **expected: object) -> Tally:
    """What it says once it says this."""
    found: list[Tally] = []

    def says() -> bool:
        found.append(mine.look())
        return all(getattr(found[-1], name) == value for name, value in expected.items())

    wait_until(says, what=f"{expected}", seconds=15)
    return found[-1]


@contextmanager
def stopped(process: AnotherProcess) -> Iterator[None]:
    """It stands still meanwhile, as on a host that is out of breath."""
    assert process.process
    os.kill(process.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.process.pid, signal.SIGCONT)


@pytest.fixture
def company(neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch) -> Company:
    """Two more processes on one Redis, which is not so new that others might still be coming."""
    monkeypatch.setattr(receipt, "WHOLE", timedelta(0))
    return Company(neighbours)


@pytest.fixture
def three(company: Company) -> Company:
    """And this one, which serves the test's requests."""
    another_receipt.announce()
    return company
