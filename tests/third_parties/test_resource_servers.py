"""Services that know the issuer's address alone verify its tokens with libraries of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.programs import MissingService
from tests.servers import wait_until
from tests.stores import give_up
from tests.third_parties import parties
from tests.third_parties.parties import OTHER_AUDIENCE, Issuer, ResourceServer

pytestmark = [pytest.mark.nodb, pytest.mark.slow]

PROGRAMS: dict[str, Callable[[], list[str | Path]]] = {
    "pyjwt": lambda: parties.python("resource_server.py"),
    "jose": lambda: parties.node("with-jose.js"),
    "express": lambda: parties.node("with-express.js"),
}


@pytest.fixture(params=PROGRAMS)
def serving(
    request: pytest.FixtureRequest, issuer: Issuer, tmp_path: Path
) -> Iterator[Callable[[int], ResourceServer]]:
    """Start this service, keeping the issuer's keys for so many seconds."""
    try:
        program = PROGRAMS[request.param]()
    except MissingService as error:
        give_up(error)
    with ExitStack() as stack:

        def start(seconds: int) -> ResourceServer:
            server = ResourceServer(tmp_path, program, ISSUER=issuer.origin, JWKS_SECONDS=str(seconds))
            return stack.enter_context(server)

        yield start


def test_only_good_tokens_are_accepted_before_and_after_a_rotation(
    serving: Callable[[int], ResourceServer], issuer: Issuer
) -> None:
    service, good = serving(1), issuer.exchanged(issuer.sign_in())
    leaked, of_leaked = issuer.forged(good, exp=int(time.time()) + 3600)
    issuer.rotate()
    assert service.asked(of_leaked).status == 200
    issuer.revoke_key(leaked)
    wait_until(lambda: service.asked(of_leaked).status == 401, what="the key set is read anew", seconds=5)

    access = issuer.sign_in()
    accepted_and_refused(service, issuer, access, of_leaked)
    issuer.rotate()
    accepted_and_refused(service, issuer, access, of_leaked)


def accepted_and_refused(service: ResourceServer, issuer: Issuer, access: str, of_leaked: str) -> None:
    good = issuer.exchanged(access)
    expired = issuer.forged(good, iat=int(time.time()) - 300, exp=int(time.time()) - 60)[1]
    other = issuer.exchanged(access, audience=OTHER_AUDIENCE)
    no_access = issuer.forged(good, typ="JWT")[1]
    bad = [
        no_access,
        other,
        access,
        parties.tampered(good),
        parties.unsigned(good),
        expired,
        of_leaked,
        "junk",
        "a.b.c",
    ]

    answers = [service.asked(token) for token in bad]

    assert service.asked(good).body == {"sub": parties.claims_of(access)["sub"], "scope": "read write"}
    assert [answer.status for answer in answers] == [401] * len(bad)
    assert all("invalid_token" in (answer.challenge or "") for answer in answers)


def test_who_keeps_the_key_set_for_long_meets_no_unknown_key_after_a_rotation(
    serving: Callable[[int], ResourceServer], issuer: Issuer
) -> None:
    access, service = issuer.sign_in(), serving(300)
    before = issuer.exchanged(access)
    assert service.asked(before).status == 200

    issuer.rotate()

    assert service.asked(issuer.exchanged(access)).status == 200
    assert service.asked(before).status == 200


def test_a_service_may_start_before_its_issuer(
    serving: Callable[[int], ResourceServer], issuer: Issuer
) -> None:
    good = issuer.exchanged(issuer.sign_in())
    issuer.server.stop()
    service = serving(300)

    assert service.asked(good).status in (401, 503)

    issuer.server.start()
    assert service.asked(good).status == 200
