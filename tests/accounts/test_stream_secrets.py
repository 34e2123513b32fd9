"""A Redis with a password, behind TLS: it is followed, and nobody is shown how one gets in."""

from __future__ import annotations

import datetime
import logging
import ssl
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis import Redis

from accounts import conf, stream
from accounts.feed import News
from accounts.stream import Follower
from tests.accounts.entries import arrived, ids
from tests.accounts.noted import Noted
from tests.proxy import Proxy
from tests.servers import RedisServer

pytestmark = [pytest.mark.nodb, pytest.mark.redis, pytest.mark.usefixtures("pushing")]

PASSWORD = "opens-the-redis-of-this-test"


@pytest.fixture
def guarded(redis_server: RedisServer) -> RedisServer:
    """Asks for a password from now on."""
    with redis_server.client() as client:
        client.config_set("requirepass", PASSWORD)
    return redis_server


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, with its key, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + datetime.timedelta(days=1))
    signed = made.add_extension(address, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secured(guarded: RedisServer, certificate: Path) -> Iterator[str]:
    """The URL of a Redis that speaks TLS, with its password."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with Proxy(guarded.port, tls=tls) as proxy:
        yield f"rediss://:{PASSWORD}@127.0.0.1:{proxy.port}/0?ssl_ca_certs={certificate}"


def test_a_redis_behind_tls_and_a_password_is_followed(secured: str, settings: Any, noted: Noted) -> None:
    settings.ACCOUNTS = replace(conf.current(), feed_url=secured)
    follower = Follower(secured)
    assert follower.tend()

    for _ in range(3):
        nothing = follower.arrived()
        stream.push(News(ended=(logins := ids(2000))))
        found = arrived(follower, 2)
        assert (nothing, [login for one in found for login in one.ended]) == (
            [],
            [login.bytes for login in logins],
        )

    assert noted.names() == []
    follower.close()


@pytest.mark.parametrize(
    "password", [f":{PASSWORD}@", "", ":wrong-and-secret@"], ids=["right", "none", "wrong"]
)
def test_the_password_reaches_no_log_and_no_repr(
    guarded: RedisServer, settings: Any, caplog: Any, noted: Noted, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"redis://{password}127.0.0.1:{guarded.port}/0"
    settings.ACCOUNTS = replace(conf.current(), feed_url=url)

    stream.push(News(ended=(uuid4(),)))
    follower = Follower(url)
    follows = follower.tend()
    follower.doubt("news is missing")

    shown = f"{settings.ACCOUNTS!r} {vars(follower)!r} {noted.events!r} {caplog.text}"
    assert follows == (PASSWORD in password)
    assert "secret" not in shown
    assert PASSWORD not in shown
    follower.close()


def test_whoever_may_not_write_is_told_and_follows(guarded: RedisServer, settings: Any, noted: Noted) -> None:
    """As on a replica, or with an ACL: the end has been committed, and the ledger tells it."""
    with Redis.from_url(f"redis://:{PASSWORD}@127.0.0.1:{guarded.port}/0") as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", f">{PASSWORD}", "~*", "+@read", "+info")
    url = f"redis://reader:{PASSWORD}@127.0.0.1:{guarded.port}/0"
    settings.ACCOUNTS = replace(conf.current(), feed_url=url)

    stream.push(News(ended=(uuid4(),)))
    follower = Follower(url)

    assert (follower.tend(), follower.arrived(), noted.names()) == (True, [], ["feed_push_failed"])
    follower.close()
