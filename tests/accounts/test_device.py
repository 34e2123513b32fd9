"""An address is as good as whoever vouches for it; a device name is plain text, whatever a client sends."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import FieldError, ImproperlyConfigured, ValidationError
from django.db import connection, models
from django.db.migrations.writer import MigrationWriter
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from django.test.utils import isolate_apps

from accounts import device
from accounts.conf import Accounts

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.0 Mobile/15E148 Safari/604.1"
)

nodb = pytest.mark.nodb


def request_from(peer: str | None, forwarded: str | None = None, **headers: str) -> HttpRequest:
    """A request as a server would hand it over: from this peer, with this X-Forwarded-For."""
    request = RequestFactory().get("/", headers=headers)
    request.META.pop("REMOTE_ADDR")
    if peer is not None:
        request.META["REMOTE_ADDR"] = peer
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return request


def seen(peer: str | None, forwarded: str | None = None, *, proxies: tuple[str, ...] = ()) -> str | None:
    """The address that is believed when these proxies are trusted."""
    with override_settings(ACCOUNTS=Accounts(trusted_proxies=proxies)):
        return device.address(request_from(peer, forwarded))


@nodb
def test_without_a_trusted_proxy_the_peer_is_the_client() -> None:
    assert seen("203.0.113.9", "198.51.100.1") == "203.0.113.9"
    assert seen("203.0.113.9", "198.51.100.1", proxies=("10.0.0.0/8",)) == "203.0.113.9"


@nodb
@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("2001:db8::1", "2001:db8::1"),
        (" [2001:DB8::1]:443 ", "2001:db8::1"),
        ("198.51.100.1:65535", "198.51.100.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
    ],
)
def test_behind_a_trusted_proxy_the_right_most_untrusted_entry_counts(forwarded: str, expected: str) -> None:
    assert seen("10.0.0.1", forwarded, proxies=("10.0.0.0/8",)) == expected


@nodb
@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (None, "10.0.0.1"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("198.51.100.1, _hidden, 10.0.0.2", "10.0.0.2"),
        ("198.51.100.1,", "10.0.0.1"),
        ("198.51.100.1\x00", "10.0.0.1"),
        ("198.51.100.256", "10.0.0.1"),
        ("198.051.100.1", "10.0.0.1"),
        ("١٩٨.51.100.1", "10.0.0.1"),
        ("198.51.100.1:http", "10.0.0.1"),
        ("[2001:db8::1", "10.0.0.1"),
        ("1" * 100_000, "10.0.0.1"),
        ("10.0.0.2," * 20_000 + "junk", "10.0.0.1"),
    ],
)
def test_junk_from_a_trusted_proxy_leaves_the_last_one_that_was_trustworthy(
    forwarded: str | None, expected: str
) -> None:
    assert seen("10.0.0.1", forwarded, proxies=("10.0.0.0/8",)) == expected


@nodb
def test_an_ipv6_proxy_and_a_mapped_ipv4_proxy_are_recognised() -> None:
    assert seen("2001:db8::5", "198.51.100.1", proxies=("2001:db8::/64",)) == "198.51.100.1"
    assert seen("::ffff:10.0.0.1", "198.51.100.1", proxies=("10.0.0.1",)) == "198.51.100.1"


@nodb
@pytest.mark.parametrize("peer", ["", None])
def test_a_socket_file_is_a_proxy_only_when_it_is_named(peer: str | None) -> None:
    assert seen(peer, "198.51.100.1") is None
    assert seen(peer, "198.51.100.1", proxies=("10.0.0.1",)) is None
    assert seen(peer, "198.51.100.1", proxies=("unix",)) == "198.51.100.1"
    assert seen(peer, "junk", proxies=("unix",)) is None


@nodb
def test_a_proxy_that_is_no_network_is_refused_by_name() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"trusted_proxies.*'proxy\.example'"):
        seen("10.0.0.1", proxies=("10.0.0.1", "proxy.example"))


@nodb
@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (CHROME, "Chrome on Windows"),
        (SAFARI, "Mobile Safari on iOS"),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
            "Firefox on Ubuntu",
        ),
        (
            CHROME.replace("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7"),
            "Chrome on macOS",
        ),
        ("curl/8.5.0", "curl"),
        (" " * 512 + "curl/8.5.0", "Unknown device"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("", "Unknown device"),
        ("Mozilla/5.0", "Unknown device"),
        ("x" * 100_000, "Unknown device"),
        ("\ud800\x00", "Unknown device"),
    ],
)
def test_a_device_has_a_name_that_people_can_read(agent: str, expected: str) -> None:
    request = request_from("10.0.0.1")
    request.META["HTTP_USER_AGENT"] = agent

    assert device.name(request) == expected


@nodb
def test_a_request_without_a_user_agent_comes_from_an_unknown_device() -> None:
    assert device.name(request_from("10.0.0.1")) == "Unknown device"


@nodb
@pytest.mark.parametrize("junk", ["‮evil", "\x1b[31m", "a\r\nb", "\x7f\x85", "‎⁦", "<script>", "🦊"])
def test_no_control_or_bidi_character_survives_in_a_name(junk: str) -> None:
    request = request_from("10.0.0.1")
    request.META["HTTP_USER_AGENT"] = f"{junk} My{junk}Bot{junk}/1.0 {junk}" * 50

    name = device.name(request)

    assert name.isprintable()
    assert 0 < len(name) <= 80


@nodb
def test_a_name_is_plain_single_spaced_text_of_80_characters_at_most() -> None:
    # Today's rules of ua-parser find no name as long or as strange as this; tomorrow's may.
    assert device._plain("\u2028 Safari\u00a0\u202eon\r\n\u3000 iOS\ud800 ") == "Safari on iOS"
    assert device._plain("A" * 79 + " BC") == "A" * 79


@nodb
def test_at_most_a_fixed_number_of_names_is_remembered() -> None:
    for number in range(1_100):
        device._named(f"curl/{number}")

    assert device._named.cache_info().currsize == device._named.cache_info().maxsize == 1_024


@nodb
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1.2.3", ("10.1.2.3", "10.1.2.3")),
        (" 10.1.2.3/8 ", ("10.0.0.0", "10.255.255.255")),
        ("0.0.0.0/0", ("0.0.0.0", "255.255.255.255")),  # noqa: S104 - a search term, nothing is bound
        ("2001:db8::/32", ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")),
        ("::ffff:10.1.2.3", ("10.1.2.3", "10.1.2.3")),
        ("10.0.0.0/33", None),
        ("10.0.0.0/", None),
        ("10.0.0.0/-1", None),
        ("example.com", None),
        ("", None),
    ],
)
def test_a_network_is_the_range_between_two_addresses(text: str, expected: tuple[str, str] | None) -> None:
    assert device.network_range(text) == expected


@pytest.fixture
def place() -> Iterator[Any]:
    """A table with nothing but an address."""
    with isolate_apps("accounts"):

        class Place(models.Model):
            address = device.AddressField(null=True, blank=True)

            class Meta:
                app_label = "accounts"

            def __str__(self) -> str:
                return str(self.address)

        with connection.schema_editor() as editor:
            editor.create_model(Place)
        yield Place
        with connection.schema_editor() as editor:
            editor.delete_model(Place)


def test_an_address_is_read_as_it_was_written_but_in_one_spelling(place: Any) -> None:
    spellings = ["10.0.0.1", "::ffff:10.0.0.1", "2001:DB8:0::1", "fe80::1%eth0", "::", None, ""]

    saved = [place.objects.create(address=text) for text in spellings]

    expected = ["10.0.0.1", "10.0.0.1", "2001:db8::1", "fe80::1", "::", None, None]
    assert [row.address for row in saved] == expected
    assert list(place.objects.order_by("pk").values_list("address", flat=True)) == expected


def test_an_address_is_stored_in_16_bytes_that_sort(place: Any) -> None:
    order = ["::", "::1", "9.0.0.0", "10.0.0.0", "100.0.0.0", "255.255.255.255", "2001:db8::", "ffff::"]
    place.objects.bulk_create([place(address=text) for text in reversed(order)])

    assert list(place.objects.order_by("address").values_list("address", flat=True)) == order
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT length(address) FROM {place._meta.db_table}")  # noqa: S608
        assert cursor.fetchall() == [(16,)]


def test_addresses_are_looked_up_by_text(place: Any) -> None:
    place.objects.bulk_create(
        [place(address=text) for text in ("9.255.255.255", "10.0.0.0", "10.9.9.9", "::1")]
    )
    place.objects.create(address=None)

    def found(**conditions: Any) -> list[str]:
        return list(place.objects.filter(**conditions).order_by("pk").values_list("address", flat=True))

    assert found(address="::ffff:10.0.0.0") == ["10.0.0.0"]
    assert found(address__in=["10.9.9.9", "0:0::1"]) == ["10.9.9.9", "::1"]
    assert found(address__range=device.network_range("10.0.0.0/8")) == ["10.0.0.0", "10.9.9.9"]
    assert found(address__gte="10.0.0.0", address__lte="10.5.0.0") == ["10.0.0.0"]
    assert found(address=None) == found(address__isnull=True) == [None]
    assert found(address=models.F("address"), address__lt=ipaddress.ip_address("9.0.0.0")) == ["::1"]


def test_a_lookup_that_makes_no_sense_or_a_text_that_is_no_address_is_refused(place: Any) -> None:
    for conditions in ({"address__contains": "10."}, {"address__regex": "1"}, {"address__lower": "1"}):
        with pytest.raises(FieldError):
            place.objects.filter(**conditions)
    with pytest.raises(ValueError, match="address takes an IPv4 or IPv6 address"):
        place.objects.filter(address="10.0.0.x")
    with pytest.raises(ValueError, match="address takes an IPv4 or IPv6 address"):
        place.objects.create(address="10.0.0.x")


@nodb
def test_a_form_and_full_clean_name_the_mistake(place_field: device.AddressField) -> None:
    with pytest.raises(ValidationError, match="valid IPv4 or IPv6"):
        place_field.clean("10.0.0.x", None)
    assert place_field.clean("::ffff:10.0.0.1", None) == "10.0.0.1"
    form_field = place_field.formfield()
    assert form_field is not None
    assert form_field.clean("2001:DB8::1") == "2001:db8::1"


@pytest.fixture
def place_field() -> device.AddressField:
    """The field alone."""
    return device.AddressField("address", null=True)


@nodb
def test_a_migration_can_name_the_field(place_field: device.AddressField) -> None:
    text, imports = MigrationWriter.serialize(place_field)

    assert text == "accounts.device.AddressField(null=True, verbose_name='address')"
    assert imports == {"import accounts.device"}
