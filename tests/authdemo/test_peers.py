"""The peers beside us: each lets its own person in, at the statements that it is known for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib import auth
from rest_framework.authentication import BaseAuthentication

from accounts.testing import alice
from authdemo.lab import dialled, peers, variants, ways
from authdemo.lab.way import Way
from tests.authdemo import in_lab
from tests.stores import Stores
from tests.web import PROJECT

# On the connection of the request, with a credential that is good.
KNOWN_FOR = {
    "django": {
        "Django's db sessions": 2,
        "Django's signed_cookies sessions": 1,
        "Django's signed_cookies sessions, with an idle timeout": 1,
    },
    "simplejwt": {
        peers.STATELESS: 0,
        peers.DEFAULT: 1,
        peers.LISTED: 2,
        dialled.every(0): 2,
        dialled.every(300): 0,
    },
    "allauth": {peers.SESSION_TOKEN: 3, peers.JWT: 0, peers.READ_JWT: 1, peers.STATEFUL_JWT: 2},
    "knox": {peers.KNOX: 2},
    "ours": {ways.BEFORE: 0, ways.FIRST: 0, dialled.ZERO: 1},
}


@pytest.fixture(scope="module")
def found(stores: Stores, prepared_database: Callable[[], str]) -> Any:
    """What was seen in a process with all peers that are installed."""
    variables = {"DATABASE_URL": prepared_database()}
    if stores.redis:
        variables["REDIS_URL"] = stores.redis.url(14)
    return in_lab.asked("peers", variables=variables)


@pytest.mark.slow
@pytest.mark.parametrize("package", KNOWN_FOR)
def test_each_peer_takes_the_statements_that_it_is_known_for(package: str, found: Any) -> None:
    known, statements = KNOWN_FOR[package], found["statements"]
    if not known.keys() & statements.keys():
        pytest.skip(f"missing package: {package} (pip install -r requirements-measure.txt)")

    assert {name: statements[name] for name in known} == known


@pytest.mark.slow
def test_allauth_has_sessions_of_django_and_not_ours(found: Any) -> None:
    if found["engine"] is None:
        pytest.skip("missing package: allauth (pip install -r requirements-measure.txt)")

    assert found["engine"] == "django.contrib.sessions.backends.db"


def test_what_is_not_installed_is_told_by_the_name_of_its_package() -> None:
    """The tests' settings install neither, whatever the environment has."""
    wanted = re.findall(r"^[a-z-]+", (PROJECT / "requirements-measure.txt").read_text(), re.MULTILINE)

    assert peers.missing() == [name for name in wanted if name.startswith("django-")]


class Nobody(BaseAuthentication):
    """Knows nobody."""

    def authenticate(self, request: Any) -> None:
        """Nobody."""


@pytest.mark.parametrize(("kind", "said"), [(Nobody, "let in {None}"), (None, "made a token up")])
def test_a_way_that_lets_in_nobody_or_everybody_is_not_measured(kind: Any, said: str) -> None:
    user = alice()

    class Everybody(BaseAuthentication):
        def authenticate(self, request: Any) -> tuple[Any, None]:
            return user, None

    way = Way(slug="x", name="X", authentication=kind or Everybody, header=lambda _user: "Bearer 123456789")
    with pytest.raises(RuntimeError, match=said):
        ways.bearer(way, user)


@pytest.mark.parametrize(("kind", "said"), [(Nobody, "did not let in"), (None, "made a key up")])
def test_a_session_that_lets_in_nobody_or_everybody_is_not_measured(
    kind: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = alice()
    monkeypatch.setattr(variants, "entrance", lambda _engine: lambda _key: None if kind else str(user.pk))

    with pytest.raises(RuntimeError, match=said):
        variants.session_variants(user)


def test_a_copy_of_a_signed_cookie_that_is_in_use_outlives_the_logout() -> None:
    """With an idle timeout, the answer brings another one."""
    engine = "django.contrib.sessions.backends.signed_cookies"
    request = variants.sign_in(alice(), engine)
    copied = variants._sessions(engine, request.session.session_key)
    auth.logout(request)

    answer = variants._cookie(replace(copied, session_middleware=variants.Sliding))()

    assert answer.content == b"known"
    assert answer.cookies["sid"].value.startswith(copied.key.partition(":")[0])
