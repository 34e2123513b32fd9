"""Refreshing, and OAuth's endpoints, row by row: section 1.5 of the standards (docs/threats.md).

Rows that have their tests elsewhere, in tests/tokens_stateless/: reuse, races, lost answers and lifetimes in
test_refresh.py and test_faults.py, nothing replayable at rest in test_faults.py, RFC 6750 in
test_authenticate.py, RFC 7009 in test_end.py and test_introspect.py, RFC 7662 there too, RFC 8414 in
test_metadata.py, RFC 8693 in test_exchange.py, OAuth's errors in test_clients.py, the cookie in
test_cookie.py. What is forged is sent to all doors in test_jwt_*.py beside this.
"""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.utils.http import parse_header_parameters

from accounts.testing import PASSWORD
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.callers import ACCESS_TOKEN, OTHER, Party
from tests.tokens_stateless.conftest import Held

INACTIVE = {"active": False}
REFRESH_TOKEN = ACCESS_TOKEN.replace("access", "refresh")


def said(token: str) -> dict[str, Any]:
    return forge.read(token)[1]


def test_the_owner_sees_a_family_and_ends_it(held: Held) -> None:
    """ASVS 10.4.9, 7.5.2"""
    owner = Client(headers={"Authorization": f"Bearer {held.access}"})
    other = doors.sign_in().json()
    seen = {login["id"]: login["flow"] for login in owner.get("/api/logins/").json()["results"]}

    ended = owner.delete(f"/api/logins/{forge.login_of(other['access'])}/")

    assert seen == dict.fromkeys(map(str, (held.login.pk, forge.login_of(other["access"]))), "token")
    assert ended.status_code == 204
    assert [doors.refresh(other["refresh"]).status_code, doors.me(other["access"]).status_code] == [401, 401]
    assert doors.refresh(held.refresh).status_code == 200


def test_no_refresh_token_leaves_its_owner(held: Held, caller: Party) -> None:
    """R is bound to the client: others are given none, and one that they found is nothing to them."""
    exchanged = caller.exchange(held.access).json()

    assert not [name for name in exchanged if "refresh" in name]
    assert caller.introspect(held.refresh).json() == INACTIVE
    assert caller.exchange(held.refresh).json()["code"] == "token_not_valid"
    assert caller.exchange(held.refresh, subject_token_type=REFRESH_TOKEN).status_code == 400
    assert (caller.revoke(held.refresh).status_code, held.login.ended_at) == (200, None)


def test_refreshing_gives_no_more_than_there_was(held: Held) -> None:
    """R is bound to the client: neither a scope nor an audience can be asked for."""
    more = {"scope": "admin", "audience": OTHER, "client_id": "x", "is_staff": True}

    fresh = doors.post("/api/token/refresh/", {"refresh": held.refresh, **more}).json()["access"]

    before, after = said(held.access), said(fresh)
    assert {name for name in {**before, **after} if before.get(name) != after.get(name)} <= {
        "iat",
        "exp",
        "jti",
    }


URN = "urn:ietf:params:oauth:grant-type:"
GRANTS = ["password", "implicit", "authorization_code", "client_credentials", "refresh_token", "", "x" * 200]
GRANTS += [f"{URN}jwt-bearer", f"{URN}device_code", f"{URN}TOKEN-EXCHANGE", "\u00e9"]


def test_there_is_no_other_grant_than_exchange(held: Held, caller: Party) -> None:
    """ASVS 10.4.4; RFC 9700 §2.4: not even with a right password."""
    more = {"username": "alice@example.com", "password": PASSWORD, "refresh_token": held.refresh, "code": "x"}

    answers = {grant: caller.exchange(held.access, grant_type=grant, **more) for grant in GRANTS}

    errors = {grant: answer.json()["error"] for grant, answer in answers.items()}
    assert errors == dict.fromkeys(GRANTS, "unsupported_grant_type") | {"": "invalid_request"}


def test_the_password_door_is_no_endpoint_of_oauth(held: Held, caller: Party) -> None:
    """ASVS 10.4.4: it takes no form, and a client's secret is nothing there."""
    asked = {"grant_type": "password", "username": "alice@example.com", "password": PASSWORD, **caller.named}

    answers = [Client().post("/api/token/", asked), doors.post("/api/token/", asked)]

    assert [answer.status_code for answer in answers] == [415, 400]


def challenge(authorization: str | None, path: str = "/api/me/", form: str = "") -> tuple[Any, ...]:
    """The status, and the scheme and error of the challenge, of what was sent so."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = Client().generic("POST" if form else "GET", path, form, doors.FORM, headers=headers)
    scheme, _space, parameters = answer.headers.get("WWW-Authenticate", "").partition(" ")
    _first, told = parse_header_parameters(f"x; {parameters.replace(', ', '; ')}")
    return answer.status_code, scheme, told.get("error")


def test_two_ways_of_sending_a_token_are_a_bad_request(held: Held) -> None:
    """RFC 6750 §3.1; attack 34. In the second way alone it is not read at all."""
    good, missing, bad = f"Bearer {held.access}", (401, "Bearer", None), (400, "Bearer", "invalid_request")
    twice, end = f"access_token={held.access}", "/api/logins/end-others/"

    assert [challenge(good, f"/api/me/?{twice}"), challenge(good, "/api/me/?access%5Ftoken=")] == [bad, bad]
    forms = [twice, f"x=1&{twice}", "access%5Ftoken="]
    assert [challenge(good, end, form=form) for form in forms] == [bad] * 3
    assert [challenge(None, f"/api/me/?{twice}"), challenge(None, end, form=twice)] == [missing, missing]
    assert challenge(good, "/api/me/?token=x&access=y")[0] == 200
