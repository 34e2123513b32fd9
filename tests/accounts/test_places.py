"""Where an address is: only if somebody has installed a database for it, and never more than words."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from accounts import checks, conf, mine, places
from accounts.testing import alice
from tests.accounts import mmdb
from tests.accounts.rows import a_login
from tests.doors import with_cookie

BERLIN = {
    "city": {"names": {"en": "Berlin"}},
    "country": {"names": {"en": "Germany", "de": "Deutschland"}, "iso_code": "DE"},
}
PORTUGAL = {"country": {"names": {"en": "Portugal"}}}
Use = Callable[..., None]


@pytest.fixture
def use(settings: Any, tmp_path: Path) -> Use:
    """`use(bytes)` is the database from now on; a path may be given instead."""

    def put(what: bytes | str) -> None:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.mmdb"
        if isinstance(what, bytes):
            file.write_bytes(what)
        settings.ACCOUNTS = replace(conf.current(), geoip_path=what if isinstance(what, str) else str(file))

    return put


@pytest.fixture
def known(use: Use) -> None:
    """A database that knows three networks."""
    pytest.importorskip("maxminddb")
    records: dict[str, Any] = {"203.0.113.0/24": BERLIN, "198.51.100.0/24": PORTUGAL, "2001:db8::/32": BERLIN}
    use(mmdb.write({**records, "192.0.2.0/24": {"country": {"names": "no map"}, "city": []}}))


@pytest.mark.nodb
@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.9", "Berlin, Germany"),
        ("198.51.100.1", "Portugal"),
        ("2001:db8::1", "Berlin, Germany"),
        ("192.0.2.1", None),
        ("127.0.0.1", None),
        ("::1", None),
        ("not an address", None),
        (None, None),
    ],
)
def test_an_address_is_named_by_its_city_and_country(address: str | None, place: str | None) -> None:
    assert places.of(address) == place


@pytest.mark.nodb
@pytest.mark.usefixtures("known")
def test_a_place_is_named_in_the_readers_language_if_it_is_known_in_it() -> None:
    with translation.override("de"):
        assert places.of("203.0.113.9") == "Berlin, Deutschland"


@pytest.mark.usefixtures("known")
def test_the_page_and_the_api_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    alice()
    browser, login = with_cookie(), a_login()
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_more: pytest.fail("asked a network"))

    assert "Berlin, Germany" in browser.get("/logins/").text
    assert browser.get(f"/api/logins/{login.pk}/").json()["place"] == "Berlin, Germany"


@pytest.mark.nodb
def test_a_database_that_knows_no_ipv6_says_nothing_of_it(use: Use) -> None:
    pytest.importorskip("maxminddb")
    use(mmdb.write({"203.0.113.0/24": BERLIN}, version=4))

    assert (places.of("203.0.113.9"), places.of("2001:db8::1")) == ("Berlin, Germany", None)
    assert checks.check_geoip() == []


def test_without_a_database_nothing_is_shown_and_nothing_is_wrong() -> None:
    entry = mine.entries([a_login()], current=None)[0]

    assert entry.place is None
    assert checks.check_geoip() == []


@pytest.mark.nodb
@pytest.mark.parametrize("what", [b"", b"no database", "/nowhere/GeoLite2-City.mmdb", "/"])
def test_a_database_that_cannot_be_read_is_found_by_the_checks_and_disturbs_nobody(
    use: Use, what: bytes | str
) -> None:
    use(what)

    assert [found.id for found in checks.check_geoip()] == ["accounts.E009"]
    assert places.of("203.0.113.9") is None


@pytest.mark.nodb
def test_what_is_damaged_in_places_disturbs_nobody(use: Use) -> None:
    pytest.importorskip("maxminddb")
    whole = mmdb.write({"203.0.113.0/24": BERLIN})
    use(whole.replace(b"Berlin", b"\xff\xfe\xff\xfe\xff\xfe"))

    assert places.of("203.0.113.9") is None
