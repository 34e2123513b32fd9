"""What an address of Redis may look like, and what is said of one that cannot be meant."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from accounts import whereabouts
from accounts.conf import Accounts
from accounts.whereabouts import Told, UnusableURL
from sessions_stateful.conf import Sessions

pytestmark = pytest.mark.nodb

GOOD = {
    "redis://:s3cret@a:1/2": Told("one", "redis://:s3cret@a:1/2"),
    "unix:///run/redis.sock?db=1": Told("one", "unix:///run/redis.sock?db=1"),
    "redis+sentinel://a/ledger": Told(
        "sentinel", "redis://a:26379/0?", (("a", 26379),), "ledger", "redis://a:26379?"
    ),
    "redis+sentinel://al:p%40w@a:1,b,[::1]:3/Ledger/2?sentinel_password=x%2F": Told(
        "sentinel",
        "redis://al:p%40w@a:1/2?",
        (("a", 1), ("b", 26379), ("::1", 3)),
        "Ledger",
        "redis://a:1?password=x%2F",
    ),
    "rediss+sentinel://a:1/ledger/0?ssl_cert_reqs=none": Told(
        "sentinel",
        "rediss://a:1/0?ssl_cert_reqs=none",
        (("a", 1),),
        "ledger",
        "rediss://a:1?ssl_cert_reqs=none",
    ),
    "redis+cluster://:pw@a:1,b:2": Told("cluster", "redis://:pw@a:1?", (("a", 1), ("b", 2))),
    "rediss+cluster://[::1]/0": Told("cluster", "rediss://[::1]:6379?", (("::1", 6379),)),
}
BAD = [
    "s3cret",
    "http://s3cret",
    "redis://s3cret:port",
    "redis://:s3cret@a:99999",
    "redis://:s3cret#x@a",
    "redis://:s3cret/x@a",
    "redis://a/0?s3cret=1",
    "redis://a?ssl_cert_reqs=none",
    "redis+sentinel://a:1",
    "redis+sentinel://a:1/",
    "redis+sentinel://a:1/ledger/s3cret",
    "redis+sentinel://:s3cret@/ledger",
    "redis+sentinel://:s3cret@a,,b/ledger",
    "redis+sentinel://:s3cret@a:99999/ledger",
    "redis+sentinel://:s3cret/x@a/ledger",
    "redis+sentinel://:s3cret#x@a/ledger",
    "redis+sentinel://a/ledger?s3cret=1",
    "redis+sentinel://a/ledger?s3cret",
    "redis+cluster://",
    "redis+cluster://:s3cret@a:1/1",
    "redis+cluster://a:1/s3cret",
    "redis+cluster://a:1?sentinel_password=s3cret",
    "redis+cluster://a,[s3cret",
    "redis+s3cret://a:1",
]


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_of_one_server_of_sentinels_or_of_a_cluster(url: str) -> None:
    assert whereabouts.read(url) == GOOD[url]


@pytest.mark.parametrize("url", BAD)
def test_an_address_that_cannot_be_meant_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UnusableURL) as refused:
        whereabouts.read(url)

    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(("kind", "name"), [(Accounts, "feed_url"), (Sessions, "redis_url")])
def test_a_setting_that_cannot_be_meant_stops_the_start_by_its_name(kind: Any, name: str) -> None:
    bad = BAD[3]

    with pytest.raises(UnusableURL, match=rf"\.{name}: ") as refused:
        kind(**{name: bad})

    assert "s3cret" not in "".join(traceback.format_exception(refused.value))
    assert repr(kind(**{name: "redis+cluster://:s3cret@a"})).count("s3cret") == 0


def test_without_an_address_there_is_nothing_to_refuse() -> None:
    assert (Accounts().feed_url, Sessions().redis_url) == ("", "")
