"""Twenty tabs that refresh at once: the experiment of the lab, with its real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.testing import alice
from authdemo.lab import tabs
from authdemo.lab.setup import Setup


@pytest.mark.slow
def test_all_tabs_go_on_here_with_one_successor(tmp_path: Path) -> None:
    setup = Setup(user=alice(), password="", environment={}, directory=tmp_path)

    found = tabs.measure(setup)

    assert (found.here.answered, found.here.lineages) == (20, 1)
    assert found.usual.lineages == found.usual.answered >= 1
    assert tabs.tables(found)[0].rows[0][1:] == ("20", "1")
