"""A service that is missing is never passed over in silence."""

from __future__ import annotations

import pytest

from tests.programs import MissingService
from tests.stores import Stores, give_up

pytestmark = pytest.mark.nodb


@pytest.mark.parametrize(
    ("required", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_a_missing_service_skips_the_test_or_fails_it_where_all_are_required(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("REQUIRE_SERVICES", required)

    # Both are caught: a skip that is not would pass for a skipped test.
    with pytest.raises(
        (pytest.skip.Exception, pytest.fail.Exception), match="missing service: no redis"
    ) as end:
        give_up(MissingService("no redis-server"))

    assert end.type is outcome


def test_the_run_uses_the_stores_that_it_was_asked_for(pytestconfig: pytest.Config, stores: Stores) -> None:
    choice = pytestconfig.getoption("--stores") or ""

    assert bool(stores.redis) is ("redis" in choice)
    assert bool(stores.postgres) is ("postgres" in choice)
