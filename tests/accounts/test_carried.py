"""What a request carries is told in one place, or not at all."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

import pytest
from django.test import RequestFactory

from accounts import carried
from accounts.carried import Carried

pytestmark = pytest.mark.nodb

HELD = Carried(login_id=uuid4(), flow="token", authenticated_at=datetime(2026, 11, 22, tzinfo=timezone.utc))


def a_request() -> Any:
    """A request that no flow has looked at."""
    return RequestFactory().get("/")


def test_a_request_that_nobody_looked_at_carries_nothing() -> None:
    assert carried.get(a_request()) is None


def test_what_was_put_is_got_and_its_login_named() -> None:
    request = a_request()

    carried.put(request, HELD)

    assert carried.get(request) is HELD
    assert request.login_id == HELD.login_id


def test_nobody_carries_no_login() -> None:
    request = a_request()
    carried.put(request, HELD)

    carried.put(request, None)

    assert carried.get(request) is None
    assert request.login_id is None


def test_what_is_carried_cannot_be_changed_on_the_way() -> None:
    with pytest.raises(FrozenInstanceError):
        HELD.login_id = uuid4()  # type: ignore[misc]
